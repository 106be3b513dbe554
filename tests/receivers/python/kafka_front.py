"""A REST proxy before a broker of Kafka's protocol: what Confluent's does with a request, in a few lines.

kafka_front.py PORT BROKER TOPIC

POST /topics/TOPIC   produces each record, and answers as AbstractProduceAction.java does
GET  /TOPIC          everything in the topic, one line for each record: partition, key, value
GET  /               is there
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, RetriableError

port, broker, topic = sys.argv[1:]
KafkaAdminClient(bootstrap_servers=broker).create_topics([NewTopic(name=topic, num_partitions=3, replication_factor=1)])
producer = KafkaProducer(bootstrap_servers=broker, acks="all", max_request_size=20_000)


def produced(record):
    try:
        # As the proxy's JSON format does: key and value are each JSON of their own, written anew.
        key, value = (json.dumps(record[name], separators=(",", ":")).encode() for name in ("key", "value"))
        sent = producer.send(topic, key=key, value=value).get(timeout=20)
        return {"partition": sent.partition, "offset": sent.offset, "error_code": None, "error": None}
    except KafkaError as error:
        retriable = isinstance(error, RetriableError)
        return {"partition": None, "offset": None, "error_code": 50003 if retriable else 50002, "error": str(error)}


def consumed():
    consumer = KafkaConsumer(bootstrap_servers=broker, consumer_timeout_ms=1500)
    partitions = [TopicPartition(topic, number) for number in range(3)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    found = [f"{record.partition}\t{record.key.decode()}\t{record.value.decode()}" for record in consumer]
    consumer.close()
    return "\n".join(found)


class Front(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, consumed() if self.path == f"/{topic}" else "{}")

    def do_POST(self):
        if self.path != f"/topics/{topic}":
            return self.answer(404, '{"error_code":40401,"message":"Topic not found."}')
        if self.headers["content-type"] != "application/vnd.kafka.json.v2+json":
            return self.answer(415, '{"error_code":415,"message":"HTTP 415 Unsupported Media Type"}')
        records = json.loads(self.rfile.read(int(self.headers["content-length"])))["records"]
        offsets = [produced(record) for record in records]
        self.answer(200, json.dumps({"offsets": offsets, "key_schema_id": None, "value_schema_id": None}))

    def answer(self, status, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


HTTPServer(("127.0.0.1", int(port)), Front).serve_forever()
