"""confluent-kafka-python: librdkafka with its idempotent producer."""
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import records
import runner


class Client:
    codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
    label = 'topic'  # what is produced is exactly what records.make says

    def __init__(self, bootstrap):
        self.base = {'bootstrap.servers': bootstrap}

    def sendable(self, r):
        return r

    def create_topic(self, topic):
        new = NewTopic(topic, num_partitions=records.PARTITIONS, replication_factor=1, config={'retention.ms': '-1'})
        admin = AdminClient(self.base)  # held until the answer is there: its end cancels what is under way
        admin.create_topics([new])[topic].result(30)

    def produce(self, topic, codec, made):
        failed = []
        producer = Producer(dict(self.base, **{
            'enable.idempotence': True, 'compression.type': codec, 'linger.ms': 5, 'queue.buffering.max.kbytes': 262144}))

        def delivered(err, _):
            if err:
                failed.append(err)
        for r in made:
            while True:
                try:
                    producer.produce(topic, value=r.value, key=r.key, headers=r.headers or None, partition=r.partition,
                                     timestamp=r.timestamp, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        left = producer.flush(runner.PATIENCE)
        if failed:
            raise KafkaException(failed[0])
        assert left == 0, '%d records not delivered' % left

    def consume(self, topic, counts):
        yield from self._read(topic, {p: 0 for p in range(records.PARTITIONS)}, sum(counts))

    def read_at(self, topic, partition, offset):
        return next(self._read(topic, {partition: offset}, 1))[0]

    def _read(self, topic, starts, want):
        consumer = Consumer(dict(self.base, **{
            'group.id': 'interop-unused', 'enable.auto.commit': False, 'auto.offset.reset': 'error', 'fetch.wait.max.ms': 200}))
        try:
            consumer.assign([TopicPartition(topic, p, at) for p, at in starts.items()])
            end = time.time() + runner.PATIENCE
            while want > 0:
                if time.time() > end:
                    raise TimeoutError('%d records are missing' % want)
                for m in consumer.consume(min(want, 1000), 0.5):
                    if m.error():
                        raise KafkaException(m.error())
                    want -= 1
                    yield records.Record(m.partition(), m.key(), m.value(), m.headers() or [], m.timestamp()[1]), m.offset()
        finally:
            consumer.close()


if __name__ == '__main__':
    runner.main('confluent', Client)
