"""Does what kcat does for the tests: lines from standard input to a topic, or a topic to standard output.

    librdkafka.py produce|consume BOOTSTRAP TOPIC [NAME=VALUE...]
"""
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

mode, bootstrap, topic, *settings = sys.argv[1:]
config = dict(setting.split("=", 1) for setting in settings)
config["bootstrap.servers"] = bootstrap
failed = []


def delivered(error, message):
    if error is not None:
        failed.append(error)
        print("Delivery failed", error, message.value(), flush=True)


def produce():
    producer = Producer(config)
    for line in sys.stdin:
        producer.produce(topic, line.rstrip("\n"), on_delivery=delivered)
        producer.poll(0)
    left = producer.flush(60)
    return 1 if failed or left else 0


def consume():
    consumer = Consumer(config | {
        "group.id": "lines", "enable.auto.commit": False, "enable.partition.eof": True, "fetch.wait.max.ms": 100})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    left = set(partitions)
    while left:
        message = consumer.poll(10)
        if message is None:
            return 1
        if message.error() is None:
            print(message.partition(), message.offset(), message.value().decode())
        elif message.error().code() == KafkaError._PARTITION_EOF:
            left.discard(message.partition())
        else:
            print(message.error(), file=sys.stderr)
            return 1
    return 0


sys.exit(produce() if mode == "produce" else consume())
