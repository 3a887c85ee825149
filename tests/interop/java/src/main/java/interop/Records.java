package interop;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** The records of the interoperability runs and their digests; the rules are in ../README.md. */
final class Records {
    static final int PARTITIONS = 6;
    private static final int UNIT = 1 << 16;
    private static final int POOL = 1 << 20;
    private static final byte[] NOISE = pool(j -> (byte) mix(j + 0x5bd1e995));
    private static final byte[] TEXT = pool(j -> (byte) (97 + Integer.remainderUnsigned(mix(j / 8 + 0x1b873593), 26)));

    /** A header; a null value stays null. */
    record Header(String name, byte[] value) {}

    /** A record; a null key or value stays null. The timestamp is in milliseconds. */
    record Rec(int partition, byte[] key, byte[] value, List<Header> headers, long timestamp) {}

    private interface ByteAt {
        byte at(int j);
    }

    private Records() {}

    private static byte[] pool(ByteAt source) {
        byte[] bytes = new byte[POOL];
        for (int j = 0; j < UNIT; j++) {
            bytes[j] = source.at(j);
        }
        for (int j = UNIT; j < POOL; j += UNIT) {
            System.arraycopy(bytes, 0, bytes, j, UNIT);
        }
        return bytes;
    }

    static int mix(int x) {
        x ^= x >>> 16;
        x *= 0x7feb352d;
        x ^= x >>> 15;
        x *= 0x846ca68b;
        return x ^ x >>> 16;
    }

    /** field(i, k) % of, unsigned; of = 0 stands for 2^32. */
    private static int field(int i, int k, int of) {
        int f = mix(i * 0x9e3779b1 + k * 0x85ebca6b + 0x27d4eb2f);
        return of == 0 ? f : Integer.remainderUnsigned(f, of);
    }

    static Rec make(int i) {
        return new Rec(field(i, 14, PARTITIONS), key(i), value(i), headers(i),
            1_700_000_000_000L + 17L * i - field(i, 13, 1000));
    }

    private static int valueSize(int i) {
        int c = field(i, 1, 1000);
        if (i % 100_000 == 77_777) {
            return 900_000;
        }
        if (i % 5000 == 4999) {
            return 100_000 + field(i, 3, 800_001);
        }
        if (c < 30) {
            return -1;
        }
        if (c < 80) {
            return 0;
        }
        if (c < 800) {
            return 1 + field(i, 3, 256);
        }
        if (c < 970) {
            return 257 + field(i, 3, 2048);
        }
        if (c < 998) {
            return 2048 + field(i, 3, 8192);
        }
        return 16_384 + field(i, 3, 65_536);
    }

    private static byte[] value(int i) {
        int size = valueSize(i);
        if (size < 0) {
            return null;
        }
        int from = field(i, 2, UNIT);
        return Arrays.copyOfRange(field(i, 15, 2) == 0 ? NOISE : TEXT, from, from + size);
    }

    private static byte[] key(int i) {
        int c = field(i, 4, 100);
        if (c < 10) {
            return null;
        }
        if (c < 15) {
            return new byte[0];
        }
        if (c < 30) {
            int from = field(i, 5, UNIT);
            return Arrays.copyOfRange(NOISE, from, from + 1 + field(i, 5, 32));
        }
        return ("key-" + field(i, 5, 10_000)).getBytes(StandardCharsets.US_ASCII);
    }

    private static List<Header> headers(int i) {
        String[] names = {"h0", "h1", "h0"};
        List<Header> made = new ArrayList<>();
        for (int j = 0; j < field(i, 6, 10) - 6; j++) {
            int c = field(i, 7 + j, 5);
            byte[] value = c == 0 ? null : c == 1 ? new byte[0]
                : Integer.toHexString(field(i, 10 + j, 0)).getBytes(StandardCharsets.US_ASCII);
            made.add(new Header(names[j], value));
        }
        return made;
    }

    /** The bytes of a record that are digested. */
    static byte[] canonical(Rec r) {
        List<Header> sorted = new ArrayList<>(r.headers());
        sorted.sort(Comparator.comparing(Header::name));
        int size = 4 + length(r.key()) + 4 + length(r.value()) + 8 + 4;
        for (Header h : sorted) {
            size += 4 + h.name().length() + 4 + length(h.value());
        }
        ByteBuffer out = ByteBuffer.allocate(size);
        put(out, r.key());
        put(out, r.value());
        out.putLong(r.timestamp()).putInt(sorted.size());
        for (Header h : sorted) {
            put(out, h.name().getBytes(StandardCharsets.US_ASCII));
            put(out, h.value());
        }
        return out.array();
    }

    private static int length(byte[] b) {
        return b == null ? 0 : b.length;
    }

    private static void put(ByteBuffer out, byte[] b) {
        out.putInt(b == null ? -1 : b.length);
        if (b != null) {
            out.put(b);
        }
    }

    /** Collects the records of one topic, each partition in its own order. */
    static final class Digest {
        final long[] counts = new long[PARTITIONS];
        private final MessageDigest[] hashes = new MessageDigest[PARTITIONS];

        Digest() {
            try {
                for (int p = 0; p < PARTITIONS; p++) {
                    hashes[p] = MessageDigest.getInstance("SHA-256");
                }
            } catch (NoSuchAlgorithmException e) {
                throw new AssertionError(e);
            }
        }

        static Digest expect(int from, int count) {
            Digest d = new Digest();
            for (int i = from; i < from + count; i++) {
                d.add(make(i));
            }
            return d;
        }

        void add(Rec r) {
            counts[r.partition()]++;
            hashes[r.partition()].update(canonical(r));
        }

        void add(Rec r, long offset) {
            if (offset != counts[r.partition()]) {
                throw new AssertionError("partition " + r.partition() + ": got offset " + offset + ", want " + counts[r.partition()]);
            }
            add(r);
        }

        List<String> lines() {
            List<String> lines = new ArrayList<>();
            for (int p = 0; p < PARTITIONS; p++) {
                StringBuilder hex = new StringBuilder();
                try {
                    for (byte b : ((MessageDigest) hashes[p].clone()).digest()) {
                        hex.append(String.format("%02x", b));
                    }
                } catch (CloneNotSupportedException e) {
                    throw new AssertionError(e);
                }
                lines.add(p + " " + counts[p] + " " + hex);
            }
            return lines;
        }

        long total() {
            return Arrays.stream(counts).sum();
        }
    }
}
