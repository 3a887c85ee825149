"""A group member of kafka-python."""
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

import host


class Listener(ConsumerRebalanceListener):
    def __init__(self, teller):
        self.teller = teller

    def on_partitions_assigned(self, assigned):
        self.teller.assigned([p.partition for p in assigned])

    def on_partitions_revoked(self, revoked):
        self.teller.revoked([p.partition for p in revoked])

    def on_partitions_lost(self, lost):
        self.teller.revoked([p.partition for p in lost])


# How long a member waits for records, in milliseconds: longer than any rebalance takes on a busy machine. A poll that
# gives up asking for committed offsets takes the late answer for the one to its next question about the same partitions,
# which may be a generation later. A member that is to leave finishes its poll first, which is at once while records come.
PATIENCE = 20000


def join(settings, teller, stop):
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap, group_id=settings.group, enable_auto_commit=False,
        auto_offset_reset='earliest', session_timeout_ms=settings.session, fetch_max_wait_ms=int(host.WAIT * 1000),
        heartbeat_interval_ms=host.HEARTBEAT_MILLISECONDS)
    consumer.subscribe([settings.topic], listener=Listener(teller))
    while not stop.is_set():
        read = consumer.poll(PATIENCE)
        offsets = {p.partition: teller.records(p.partition, [(m.offset, m.value) for m in records])
                   for p, records in read.items() if records}
        if offsets:
            commit(consumer, settings.topic, teller, offsets)
    consumer.close(autocommit=False)


def commit(consumer, topic, teller, offsets):
    teller.offsets('commit', offsets)
    try:
        consumer.commit({TopicPartition(topic, p): OffsetAndMetadata(at, '', -1) for p, at in offsets.items()})
    except KafkaError as e:
        teller.tell('refused', type(e).__name__, e)
        return
    teller.offsets('committed', offsets)


if __name__ == '__main__':
    host.main(join)
