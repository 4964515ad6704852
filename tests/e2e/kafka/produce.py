"""Produces by Confluent's client what comes in by lines: produce.py BROKERS TOPIC CODEC

A line is JSON: {"partition": 0, "key": "…", "headers": [["…", "…"]], "value": "hexadecimal"}; all but the value may be left out.
"""

import json
import sys

from confluent_kafka import Producer

brokers, topic, codec = sys.argv[1:]
producer = Producer({"bootstrap.servers": brokers, "compression.type": codec, "acks": "all"})
failures = []


def delivered(error, _message):
    if error:
        failures.append(str(error))


for line in sys.stdin:
    record = json.loads(line)
    where = {"partition": record["partition"]} if "partition" in record else {}
    value = bytes.fromhex(record["value"])
    headers = [(name, text.encode()) for name, text in record.get("headers", [])]
    producer.produce(topic, value, record.get("key"), headers=headers, on_delivery=delivered, **where)
    producer.poll(0)
if producer.flush(30) or failures:
    sys.exit(f"not delivered: {failures}")
