"""Puts one Python client through the run that every client gets; see ../README.md.

    PROGRAM own BOOTSTRAP RECORDS
    PROGRAM cross BOOTSTRAP NAME,FROM,COUNT...
"""
import os
import sys
import traceback

import records

# Seconds that reading a whole topic may take.
PATIENCE = 120


class Run:
    def __init__(self, name, client):
        self.name, self.client = name, client
        self.passed = self.failed = 0

    def check(self, what, fn):
        try:
            fn()
        except Exception as e:  # the run goes on with what is left
            self.failed += 1
            where = traceback.extract_tb(e.__traceback__)[-1]
            print('FAIL %s: %s: %s: %s (%s:%d)' % (
                self.name, what, type(e).__name__, str(e)[:300], os.path.basename(where.filename), where.lineno), flush=True)
            return False
        self.passed += 1
        return True

    def self_test(self):
        with open(os.path.join(os.path.dirname(__file__), '..', 'digests.txt')) as f:
            want = f.read().split('\n')[:-1]
        got = records.expect(0, 2000).lines()
        assert got == want, 'the generator differs from digests.txt: %s' % got

    def own(self, total):
        codecs = self.client.codecs
        share = total // len(codecs)
        for k, codec in enumerate(codecs):
            topic, first = 'interop-%s-%s' % (self.name, codec), k * share
            made = [self.client.sendable(records.make(i)) for i in range(first, first + share)]
            if (self.check(codec + ': create topic', lambda: self.client.create_topic(topic)) and
                    self.check(codec + ': produce', lambda: self.client.produce(topic, codec, made))):
                print('%s %s,%d,%d' % (self.client.label, topic, first, share), flush=True)
                self.verify(topic, made)

    def verify(self, topic, made):
        want = records.Digest()
        for r in made:
            want.add(r)
        middle = want.counts[0] // 2
        kept = {}

        def consume():
            got = records.Digest()
            for r, offset in self.client.consume(topic, want.counts):
                got.add(r, offset)
                if r.partition == 0 and offset == middle:
                    kept['r'] = r
            assert got.lines() == want.lines(), 'got %s, want %s' % (got.lines(), want.lines())

        def seek():
            r = self.client.read_at(topic, 0, middle)
            assert records.canonical(r) == records.canonical(kept['r']), 'offset %d holds another record than before' % middle
        if self.check(topic + ': consume', consume):
            self.check(topic + ': seek', seek)


def main(name, make_client):
    mode, bootstrap, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    run = Run(name, make_client(bootstrap))
    if mode == 'own':
        run.check('generator', run.self_test)
        run.own(int(rest[0]))
    else:
        for text in rest:
            topic, first, count = text.split(',')
            run.verify(topic, [records.make(i) for i in range(int(first), int(first) + int(count))])
    print('%d passed, %d failed' % (run.passed, run.failed), flush=True)
    sys.exit(1 if run.failed or not run.passed else 0)
