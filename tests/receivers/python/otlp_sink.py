"""A back end behind a collector: decodes OTLP/HTTP protobuf with the official messages, and prints each record's attributes.

otlp_sink.py PORT        prints one line of OTLP JSON for each request
"""

import gzip
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse


class Sink(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportLogsServiceRequest()
        request.ParseFromString(body)
        # As the file exporter of the Collector writes it.
        print(json_format.MessageToJson(request, indent=None, use_integers_for_enums=True), flush=True)
        self.answer(ExportLogsServiceResponse().SerializeToString())

    def answer(self, body):
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
