#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""describe_spans.py - the spans that receive.py has received, one a line, in the order of their start

describe_spans.py FILE: NAME | db.query.text | other attributes that differ between the tests
"""
import itertools
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cli"))
from otlp import read_spans

names = {"db.operation.batch.size": "size", "db.response.returned_rows": "rows",
         "db.response.status_code": "code", "error.type": "error"}


def describe(span):
    attributes = span["attributes"]
    details = [f"{short}={attributes[name]}" for name, short in names.items()
               if name in attributes]
    if "message" in span.get("status", {}):
        details.append(span["status"]["message"])
    events = [event["attributes"] for event in span.get("events", [])]
    if events:
        first = " ".join(str(value) for value in events[0].values())
        details.append(f"{len(events)} notices: {first}")
    return " | ".join([span["name"], attributes.get("db.query.text", "-"), ", ".join(details)])


spans = sorted(read_spans(sys.argv[1]), key=lambda span: int(span["startTimeUnixNano"]))
for line, same in itertools.groupby(describe(span).rstrip(" |") for span in spans):
    count = len(list(same))
    print(line if count == 1 else f"{line} ({count} times)")
