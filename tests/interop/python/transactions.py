"""confluent-kafka-python in transactions: the steps that ../README.md lists.

    PROGRAM BOOTSTRAP
"""
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 2
CHAIN = 200
PATIENCE = 60
INPUT, OUTPUT, CHAINED = ('interop-confluent-txn-' + part for part in ('in', 'out', 'chain'))


class Transactions:
    def __init__(self, bootstrap):
        self.base = {'bootstrap.servers': bootstrap}

    def producer(self, name):
        producer = Producer(dict(self.base, **{'transactional.id': name, 'transaction.timeout.ms': 30000, 'linger.ms': 0}))
        producer.init_transactions(PATIENCE)
        return producer

    def consumer(self, isolation, group='interop-unused'):
        return Consumer(dict(self.base, **{
            'group.id': group, 'enable.auto.commit': False, 'auto.offset.reset': 'earliest', 'isolation.level': isolation,
            'enable.partition.eof': True, 'fetch.wait.max.ms': 100}))

    def create(self):
        admin = AdminClient(self.base)
        for future in admin.create_topics([NewTopic(t, PARTITIONS, 1) for t in (INPUT, OUTPUT, CHAINED)]).values():
            future.result(30)

    def write(self, producer, topic, name, count):
        for i in range(count):
            producer.produce(topic, value='%s-%d' % (name, i), partition=i % PARTITIONS)
        assert producer.flush(PATIENCE) == 0, 'records are not delivered'

    def read(self, topic, isolation):
        """Reads from the start to the end that a reader of this isolation sees."""
        consumer, values, left = self.consumer(isolation), [], set(range(PARTITIONS))
        try:
            consumer.assign([TopicPartition(topic, p, 0) for p in left])
            end = time.time() + PATIENCE
            while left:
                assert time.time() < end, 'the ends of %s in %s are not reached' % (topic, left)
                m = consumer.poll(0.5)
                if m is None:
                    continue
                if m.error():
                    if m.error().code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(m.error())
                    left.discard(m.partition())
                else:
                    values.append(m.value().decode())
        finally:
            consumer.close()
        return values

    def counted(self, name, isolation, want):
        """A client is told of the end of a transaction before the markers are written."""
        end = time.time() + PATIENCE
        while True:
            got = sum(v.startswith(name + '-') for v in self.read(OUTPUT, isolation))
            if got == want:
                return
            assert got < want and time.time() < end, '%s: got %d records, want %d' % (name, got, want)

    def commit(self):
        producer = self.producer('confluent-commit')
        producer.begin_transaction()
        self.write(producer, OUTPUT, 'committed', 20)
        self.counted('committed', 'read_committed', 0)
        self.counted('committed', 'read_uncommitted', 20)
        producer.commit_transaction(PATIENCE)
        self.counted('committed', 'read_committed', 20)

    def abort(self):
        producer = self.producer('confluent-abort')
        producer.begin_transaction()
        self.write(producer, OUTPUT, 'aborted', 20)
        producer.abort_transaction(PATIENCE)
        producer.begin_transaction()
        self.write(producer, OUTPUT, 'after', 20)
        producer.commit_transaction(PATIENCE)
        self.counted('after', 'read_committed', 20)
        self.counted('aborted', 'read_committed', 0)
        self.counted('aborted', 'read_uncommitted', 20)

    def fence(self):
        zombie = self.producer('confluent-fence')
        zombie.begin_transaction()
        self.write(zombie, OUTPUT, 'zombie', 10)
        heir = self.producer('confluent-fence')
        heir.begin_transaction()
        self.write(heir, OUTPUT, 'heir', 10)
        heir.commit_transaction(PATIENCE)
        try:
            zombie.commit_transaction(PATIENCE)
        except KafkaException as e:
            assert e.args[0].fatal() or e.args[0].code() == KafkaError._FENCED, e
        else:
            raise AssertionError('the zombie committed')
        self.counted('heir', 'read_committed', 10)
        self.counted('zombie', 'read_committed', 0)

    def chain(self):
        """Takes the input to the output in transactions, every third of which is aborted and done again."""
        source = self.producer('confluent-source')
        source.begin_transaction()
        self.write(source, INPUT, 'link', CHAIN)
        source.commit_transaction(PATIENCE)
        producer, consumer = self.producer('confluent-chain'), self.consumer('read_committed', 'interop-confluent-chain')
        try:
            consumer.subscribe([INPUT])
            done, rounds, end = 0, 0, time.time() + PATIENCE
            while done < CHAIN:
                assert time.time() < end, 'only %d records came through' % done
                batch = [m for m in consumer.consume(17, 0.5) if not m.error()]
                if not batch:
                    continue
                rounds += 1
                producer.begin_transaction()
                for m in batch:
                    producer.produce(CHAINED, value=m.value(), partition=m.partition())
                producer.send_offsets_to_transaction(
                    consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), PATIENCE)
                if rounds % 3:
                    producer.commit_transaction(PATIENCE)
                    done += len(batch)
                    continue
                producer.abort_transaction(PATIENCE)
                for at in consumer.committed(consumer.assignment(), PATIENCE):
                    consumer.seek(TopicPartition(at.topic, at.partition, max(at.offset, 0)))
        finally:
            consumer.close()
        want, got = sorted(self.read(INPUT, 'read_committed')), []
        end = time.time() + PATIENCE
        while len(got) < len(want) and time.time() < end:  # the last marker may still be on its way
            got = sorted(self.read(CHAINED, 'read_committed'))
        assert got == want and len(want) == CHAIN, 'the chain has %d records, want these %d' % (len(got), len(want))


def main():
    run, passed, failed = Transactions(sys.argv[1]), 0, 0
    for name in 'create', 'commit', 'abort', 'fence', 'chain':
        try:
            getattr(run, name)()
            passed += 1
        except Exception as e:  # the run goes on with what is left
            failed += 1
            print('FAIL confluent: transactions: %s: %s: %s' % (name, type(e).__name__, str(e)[:300]), flush=True)
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == '__main__':
    main()
