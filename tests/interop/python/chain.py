"""confluent-kafka-python takes records from one topic to another in transactions that commit the offsets too, each
to the partition that it came from, until standard input ends; ../README.md has what it says.

    PROGRAM BOOTSTRAP PROTOCOL GROUP TRANSACTIONAL_ID SOURCE SINK
"""
import os
import sys
import threading

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

PATIENCE = 30
# How long to wait for records, in seconds, and how many go into a transaction.
WAIT, MOST = 0.2, 100
FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)


def tell(word, rest):
    os.write(1, ('%s %s' % (word, rest))[:1000].replace('\n', ' ').encode() + b'\n')


def insist(call, *arguments):
    """Calls again for as long as the client says that this may help: what was begun goes on."""
    while True:
        try:
            return call(*arguments, PATIENCE)
        except KafkaException as e:
            if not e.args[0].retriable():
                raise


class Chain:
    def __init__(self, bootstrap, protocol, group, name, source, sink):
        self.source, self.sink = source, sink
        self.batch = {}  # by partition: records of the source that are not taken yet
        base = {'bootstrap.servers': bootstrap, 'log_level': 1, 'reconnect.backoff.ms': 20, 'reconnect.backoff.max.ms': 200}
        self.producer = Producer(dict(base, **{
            'transactional.id': name, 'transaction.timeout.ms': 20000, 'linger.ms': 0, 'retry.backoff.ms': 20,
            'retry.backoff.max.ms': 200}))
        settings = dict(base, **{
            'group.id': group, 'group.protocol': protocol, 'isolation.level': 'read_committed', 'auto.offset.reset': 'earliest',
            'enable.auto.commit': False, 'fetch.wait.max.ms': int(WAIT * 1000)})
        if protocol == 'classic':
            settings.update({
                'session.timeout.ms': 3000, 'heartbeat.interval.ms': 300, 'partition.assignment.strategy': 'cooperative-sticky'})
        self.consumer = Consumer(settings)

    def run(self, ended):
        insist(self.producer.init_transactions)
        self.consumer.subscribe([self.source], on_revoke=self.gone, on_lost=self.gone)
        while not ended.is_set():
            self.fill()
            if self.batch:
                self.take()

    def fill(self):
        """Collects what there is. What belongs to partitions that are revoked meanwhile is for others to take."""
        wait = WAIT
        for _ in range(MOST):
            message = self.consumer.poll(wait)
            if message is None:
                return
            if message.error():
                if not message.error().retriable():
                    raise KafkaException(message.error())
                return
            self.batch.setdefault(message.partition(), []).append(message)
            wait = 0

    def gone(self, _, partitions):
        for p in partitions:
            self.batch.pop(p.partition, None)

    def take(self):
        """One transaction. Where it has to be aborted, its records come again; where it cannot be, this raises."""
        batch, self.batch = self.batch, {}
        try:
            self.producer.begin_transaction()
            for partition, messages in batch.items():
                for m in messages:
                    self.producer.produce(self.sink, value=m.value(), partition=partition)
            offsets = [TopicPartition(self.source, p, messages[-1].offset() + 1) for p, messages in batch.items()]
            insist(self.producer.send_offsets_to_transaction, offsets, self.consumer.consumer_group_metadata())
            insist(self.producer.commit_transaction)
        except KafkaException as e:
            if not e.args[0].txn_requires_abort():
                raise
            insist(self.producer.abort_transaction)
            self.rewind()
            tell('aborted', e)
            return
        tell('committed', sum(map(len, batch.values())))

    def rewind(self):
        """Goes back to what is committed, as nothing of the aborted transaction is."""
        for at in self.consumer.committed(self.consumer.assignment(), PATIENCE):
            if at.error:
                raise KafkaException(at.error)
            self.consumer.seek(TopicPartition(at.topic, at.partition, max(at.offset, 0)))


def main():
    ended = threading.Event()

    def watch():
        sys.stdin.read()
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    chain = Chain(*sys.argv[1:])
    try:
        chain.run(ended)
    except KafkaException as e:
        tell('fenced' if e.args[0].code() in FENCED else 'ended', e)
    chain.consumer.close()
    # What the producer still had belongs to a transaction that will not be committed, and it would wait for that.
    os._exit(0)


if __name__ == '__main__':
    main()
