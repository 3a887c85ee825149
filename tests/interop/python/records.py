"""The records of the interoperability runs and their digests; the rules are in ../README.md."""
import hashlib
import struct
from collections import namedtuple

PARTITIONS = 6
MASK = 0xFFFFFFFF
UNIT = 1 << 16

# key and value are bytes or None; headers is a list of (str, bytes or None); timestamp is in milliseconds.
Record = namedtuple('Record', 'partition key value headers timestamp')


def mix(x):
    x ^= x >> 16
    x = x * 0x7FEB352D & MASK
    x ^= x >> 15
    x = x * 0x846CA68B & MASK
    return x ^ x >> 16


def field(i, k):
    return mix((i * 0x9E3779B1 + k * 0x85EBCA6B + 0x27D4EB2F) & MASK)


NOISE = bytes(mix((j + 0x5BD1E995) & MASK) & 0xFF for j in range(UNIT)) * 16
TEXT = bytes(97 + mix((j // 8 + 0x1B873593) & MASK) % 26 for j in range(UNIT)) * 16


def value_size(i):
    c, d = field(i, 1) % 1000, field(i, 3)
    if i % 100000 == 77777:
        return 900000
    if i % 5000 == 4999:
        return 100000 + d % 800001
    if c < 30:
        return None
    if c < 80:
        return 0
    if c < 800:
        return 1 + d % 256
    if c < 970:
        return 257 + d % 2048
    if c < 998:
        return 2048 + d % 8192
    return 16384 + d % 65536


def value(i):
    size = value_size(i)
    if size is None:
        return None
    start = field(i, 2) % UNIT
    return (TEXT if field(i, 15) % 2 else NOISE)[start:start + size]


def key(i):
    c, d = field(i, 4) % 100, field(i, 5)
    if c < 10:
        return None
    if c < 15:
        return b''
    if c < 30:
        start = d % UNIT
        return NOISE[start:start + 1 + d % 32]
    return b'key-%d' % (d % 10000)


def headers(i):
    made = []
    for j in range(max(0, field(i, 6) % 10 - 6)):
        c = field(i, 7 + j) % 5
        v = None if c == 0 else b'' if c == 1 else b'%x' % field(i, 10 + j)
        made.append((('h0', 'h1', 'h0')[j], v))
    return made


def make(i):
    return Record(field(i, 14) % PARTITIONS, key(i), value(i), headers(i),
                  1700000000000 + 17 * i - field(i, 13) % 1000)


def canonical(r):
    """The bytes of a record that are digested."""
    out = []

    def add(b):
        out.append(b'\xff\xff\xff\xff' if b is None else struct.pack('>I', len(b)) + b)
    add(r.key)
    add(r.value)
    out.append(struct.pack('>QI', r.timestamp, len(r.headers)))
    for name, v in sorted(r.headers, key=lambda h: h[0]):
        add(name.encode())
        add(v)
    return b''.join(out)


class Digest:
    """Collects the records of one topic, each partition in its own order."""

    def __init__(self):
        self.counts = [0] * PARTITIONS
        self.hashes = [hashlib.sha256() for _ in range(PARTITIONS)]

    def add(self, r, offset=None):
        if offset is not None and offset != self.counts[r.partition]:
            raise AssertionError('partition %d: got offset %d, want %d' % (r.partition, offset, self.counts[r.partition]))
        self.counts[r.partition] += 1
        self.hashes[r.partition].update(canonical(r))

    def lines(self):
        return ['%d %d %s' % (p, self.counts[p], self.hashes[p].hexdigest()) for p in range(PARTITIONS)]


def expect(first, count):
    d = Digest()
    for i in range(first, first + count):
        d.add(make(i))
    return d
