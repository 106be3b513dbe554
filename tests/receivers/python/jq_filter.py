"""The program jq, for machines that lack it: jq_filter.py FILTER < JSON values > one compact line for each result."""

import json
import sys

import jq

for result in jq.compile(sys.argv[1]).input_text(sys.stdin.read()):
    print(json.dumps(result, separators=(",", ":")))
