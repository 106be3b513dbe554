"""Parses an OTLP/HTTP JSON request of logs, on standard input, into the official message. Unknown fields are errors."""

import json
import re
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

text = sys.stdin.read()


def names(value):
    """All field names; the parser takes snake_case too, which OTLP forbids."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from names(part)
    elif isinstance(value, list):
        for part in value:
            yield from names(part)


wrong = [name for name in names(json.loads(text)) if not re.fullmatch(r"[a-z][A-Za-z]*", name)]
if wrong:
    sys.exit(f"not lowerCamelCase: {wrong}")
request = json_format.Parse(text, ExportLogsServiceRequest(), ignore_unknown_fields=False)
records = [record for resource in request.resource_logs for scope in resource.scope_logs for record in scope.log_records]
print(json.dumps([[record.event_name, record.time_unix_nano] for record in records]))
