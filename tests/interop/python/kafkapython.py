"""kafka-python, which is Python all the way down."""
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

import records
import runner


class Client:
    codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
    label = 'folded'

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def sendable(self, r):
        """kafka-python sends neither a null header nor a record without key and value: empty ones stand in."""
        key = b'' if r.key is None and r.value is None else r.key
        return r._replace(key=key, headers=[(name, v or b'') for name, v in r.headers])

    def create_topic(self, topic):
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.create_topics([NewTopic(topic, records.PARTITIONS, 1, topic_configs={'retention.ms': '-1'})])
        finally:
            admin.close()

    def produce(self, topic, codec, made):
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks='all', linger_ms=5,
                                 compression_type=None if codec == 'none' else codec)
        try:
            sent = [producer.send(topic, value=r.value, key=r.key, headers=r.headers, partition=r.partition,
                                  timestamp_ms=r.timestamp) for r in made]
            producer.flush(runner.PATIENCE)
            for future in sent:
                future.get(runner.PATIENCE)
        finally:
            producer.close(5)

    def consume(self, topic, counts):
        yield from self._read(topic, {p: 0 for p in range(records.PARTITIONS)}, sum(counts))

    def read_at(self, topic, partition, offset):
        return next(self._read(topic, {partition: offset}, 1))[0]

    def _read(self, topic, starts, want):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset='none', fetch_max_wait_ms=200,
                                 max_poll_records=1000)
        try:
            consumer.assign([TopicPartition(topic, p) for p in starts])
            for p, at in starts.items():
                consumer.seek(TopicPartition(topic, p), at)
            end = time.time() + runner.PATIENCE
            while want > 0:
                if time.time() > end:
                    raise TimeoutError('%d records are missing' % want)
                for batch in consumer.poll(500).values():
                    for m in batch[:want]:
                        want -= 1
                        yield records.Record(m.partition, m.key, m.value, list(m.headers or []), m.timestamp), m.offset
        finally:
            consumer.close()


if __name__ == '__main__':
    runner.main('kafkapython', Client)
