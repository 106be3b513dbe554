"""ClickHouse's HTTP interface, as far as an INSERT needs it, before ClickHouse itself (chdb has no server).

clickhouse_front.py PORT < SQL      the statements are run first

Everything that judges is ClickHouse: the query, the settings, the format, the types, the constraints. Ours is how the
request is taken apart, and the status of an exception, which follows its exceptionCodeToHTTPStatus.
"""

import gzip
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import session

STATUS = {6: 400, 25: 400, 26: 400, 27: 400, 36: 400, 53: 400, 62: 400, 117: 400, 60: 404, 81: 404, 115: 404, 497: 403}

db = session.Session()
db.query("CREATE DATABASE web")
db.query("USE web")
for statement in sys.stdin.read().split(";\n"):
    if statement.strip():
        db.query(statement)


class Front(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, "Ok.\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        settings = dict(parse_qsl(urlsplit(self.path).query))
        query = settings.pop("query", "")
        given = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
        insert = re.fullmatch(r"(INSERT .*) (FORMAT \w+)", query)
        if insert and given:
            query = f"{insert[1]} SETTINGS {given} {insert[2]}"
        try:
            result = db.query(f"{query}\n{body.decode()}" if insert else query, "JSONEachRow")
            self.answer(200, str(result))
        except Exception as error:
            text = str(error)
            code = int(re.search(r"Code: (\d+)", text)[1])
            self.answer(STATUS.get(code, 500), text, {"x-clickhouse-exception-code": str(code)})

    def answer(self, status, text, headers={}):
        data = text.encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Front).serve_forever()
