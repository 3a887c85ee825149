"""A group member of confluent-kafka-python."""
from confluent_kafka import Consumer, KafkaException, TopicPartition

import host

# How many records a member takes before it commits.
MOST = 200


class Member:
    def __init__(self, settings, teller):
        self.topic, self.teller = settings.topic, teller
        self.read = {}  # by partition: offset and value of what is not told yet
        options = {
            'bootstrap.servers': settings.bootstrap, 'group.id': settings.group, 'group.protocol': settings.protocol,
            'enable.auto.commit': False, 'auto.offset.reset': 'earliest', 'fetch.wait.max.ms': int(host.WAIT * 1000),
        }
        if settings.protocol == 'classic':
            options.update({'session.timeout.ms': settings.session, 'heartbeat.interval.ms': host.HEARTBEAT_MILLISECONDS})
        self.consumer = Consumer(options)

    def run(self, stop):
        self.consumer.subscribe([self.topic], on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_lost)
        while not stop.is_set():
            message = self.consumer.poll(host.WAIT)
            for _ in range(MOST):
                if message is None:
                    break
                self.take(message)
                message = self.consumer.poll(0)
            else:
                if message is not None:
                    self.take(message)
            self.commit()
        self.consumer.close()

    def take(self, message):
        if message.error():
            self.teller.tell('refused', message.error())
        else:
            self.read.setdefault(message.partition(), []).append((message.offset(), message.value()))

    def commit(self):
        read, self.read = self.read, {}
        if not read:
            return
        next_offsets = {partition: self.teller.records(partition, records) for partition, records in read.items()}
        self.teller.offsets('commit', next_offsets)
        try:
            done = self.consumer.commit(
                offsets=[TopicPartition(self.topic, p, at) for p, at in next_offsets.items()], asynchronous=False)
        except KafkaException as e:
            self.teller.tell('refused', e)
            return
        self.teller.offsets('committed', {p.partition: p.offset for p in done if not p.error})

    def on_assign(self, _, partitions):
        self.teller.assigned([p.partition for p in partitions])

    def on_revoke(self, _, partitions):
        self.commit()
        self.teller.revoked([p.partition for p in partitions])

    def on_lost(self, _, partitions):
        for partition, records in self.read.items():
            self.teller.records(partition, records)
        self.read = {}
        self.teller.revoked([p.partition for p in partitions])


def join(settings, teller, stop):
    Member(settings, teller).run(stop)


if __name__ == '__main__':
    host.main(join)
