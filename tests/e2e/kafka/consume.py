"""Reads a topic by Confluent's client and decodes its records by Google's protobuf: consume.py BROKERS TOPIC DESCRIPTORS

DESCRIPTORS is what protoc writes of the schema. A line is JSON: {"type": "…", "key": "…", "message": {…}}, up to the end of the topic.
"""

import json
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

brokers, topic, descriptors = sys.argv[1:]
with open(descriptors, "rb") as file:
    files = descriptor_pb2.FileDescriptorSet.FromString(file.read()).file
pool = descriptor_pool.DescriptorPool()
for file in files:
    pool.Add(file)


def kind(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"evenkeel.v1.{name}"))


kinds = {"event": kind("Event"), "fact": kind("Fact")}
consumer = Consumer({"bootstrap.servers": brokers, "group.id": "foreign", "enable.partition.eof": True})
partitions = consumer.list_topics(topic, 30).topics[topic].partitions
consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
left = len(partitions)
while left:
    record = consumer.poll(30)
    if record is None:
        sys.exit("nothing came")
    if record.error():
        if record.error().code() != KafkaError._PARTITION_EOF:
            sys.exit(str(record.error()))
        left -= 1
        continue
    headers = {name: value.decode() for name, value in record.headers()}
    assert headers["content-type"] == "application/protobuf", headers
    message = kinds[headers["ce_type"].split(".")[2]].FromString(record.value())
    said = json_format.MessageToDict(message, preserving_proto_field_name=True)
    print(json.dumps({"type": headers["ce_type"], "key": record.key().decode(), "message": said}))
consumer.close()
