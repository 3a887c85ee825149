"""Hosts group members of one Python client; ../README.md has the words they speak.

    PROGRAM host BOOTSTRAP TOPIC GROUP PROTOCOL SESSION_MILLISECONDS
"""
import os
import sys
import threading
from collections import namedtuple

HEARTBEAT_MILLISECONDS = 500
# How long a member waits for records, in seconds.
WAIT = 0.1

Settings = namedtuple('Settings', 'bootstrap topic group protocol session')


class Teller:
    """Says what one member does. Each line is one write, which is atomic: all hosts share one pipe."""

    def __init__(self, name):
        self.name = name

    def tell(self, word, *rest):
        os.write(1, ' '.join([word, self.name, *map(str, rest)])[:1000].replace('\n', ' ').encode() + b'\n')

    def assigned(self, partitions):
        if partitions:
            self.tell('assigned', *partitions)

    def revoked(self, partitions):
        if partitions:
            self.tell('revoked', *partitions)

    def records(self, partition, records):
        """Takes offset and value of records in the order the application got them; returns the offset to commit."""
        first = last = None
        for offset, value in records:
            if value != b'%d' % offset:
                self.tell('failed', 'the record at %d-%d holds %r' % (partition, offset, value))
            if last is not None and offset == last + 1:
                last = offset
                continue
            if last is not None:
                self.tell('read', partition, first, last)
            first = last = offset
        self.tell('read', partition, first, last)
        return last + 1

    def offsets(self, word, offsets):
        self.tell(word, *('%d:%d' % item for item in offsets.items()))


def run(join, settings, teller, stop):
    try:
        join(settings, teller, stop)
    except Exception as e:  # the others go on, the run fails
        teller.tell('failed', type(e).__name__, e)
    teller.tell('left')


def main(join):
    """Runs members as standard input orders, until it ends: whoever gave the orders is gone then."""
    bootstrap, topic, group, protocol, session = sys.argv[2:]
    settings = Settings(bootstrap, topic, group, protocol, int(session))
    running = {}
    for line in sys.stdin:
        order, name = line.split()
        if order == 'join':
            stop = threading.Event()
            thread = threading.Thread(target=run, args=(join, settings, Teller(name), stop))
            running[name] = (thread, stop)
            thread.start()
        else:
            running[name][1].set()
    for thread, stop in running.values():
        stop.set()
    for thread, _ in running.values():
        thread.join()
