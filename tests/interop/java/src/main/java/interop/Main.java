package interop;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The Java client, with its idempotent producer, through the run that every client gets; see ../README.md.
 *
 * <pre>
 * own BOOTSTRAP RECORDS DIGESTS
 * cross BOOTSTRAP NAME,FROM,COUNT...
 * transactions BOOTSTRAP
 * </pre>
 */
public final class Main {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

    private final String bootstrap;
    private int passed;
    private int failed;

    private interface Step {
        void run() throws Exception;
    }

    private Main(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] args) {
        Main run = new Main(args[1]);
        if (args[0].equals("own")) {
            run.check("generator", () -> {
                List<String> got = Records.Digest.expect(0, 2000).lines();
                if (!got.equals(Files.readAllLines(Path.of(args[3])))) {
                    throw new AssertionError("the generator differs from digests.txt: " + got);
                }
            });
            run.own(Integer.parseInt(args[2]));
        } else if (args[0].equals("transactions")) {
            Transactions transactions = new Transactions(args[1]);
            run.check("transactions: create topics", transactions::createTopics);
            run.check("transactions: commit", transactions::commit);
            run.check("transactions: abort", transactions::abort);
            run.check("transactions: fence", transactions::fence);
            run.check("transactions: chain", transactions::chain);
        } else {
            for (String text : Arrays.asList(args).subList(2, args.length)) {
                String[] parts = text.split(",");
                run.verify(parts[0], Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
            }
        }
        System.out.println(run.passed + " passed, " + run.failed + " failed");
        System.exit(run.failed > 0 || run.passed == 0 ? 1 : 0);
    }

    private boolean check(String what, Step step) {
        try {
            step.run();
            passed++;
            return true;
        } catch (Exception | AssertionError e) {
            failed++;
            System.out.println("FAIL java: " + what + ": " + e);
            return false;
        }
    }

    private Properties base() {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        return p;
    }

    private void own(int total) {
        int share = total / CODECS.size();
        for (int k = 0; k < CODECS.size(); k++) {
            String codec = CODECS.get(k);
            String topic = "interop-java-" + codec;
            int from = k * share;
            if (check(codec + ": create topic", () -> createTopic(topic))
                && check(codec + ": produce", () -> produce(topic, codec, from, share))) {
                System.out.println("topic " + topic + "," + from + "," + share);
                verify(topic, from, share);
            }
        }
    }

    private void createTopic(String topic) throws Exception {
        try (Admin admin = Admin.create(base())) {
            NewTopic made = new NewTopic(topic, Records.PARTITIONS, (short) 1).configs(Map.of("retention.ms", "-1"));
            admin.createTopics(List.of(made)).all().get(30, TimeUnit.SECONDS);
        }
    }

    private void produce(String topic, String codec, int from, int count) throws Exception {
        Properties p = base();
        p.put("compression.type", codec);
        p.put("linger.ms", "5");
        p.put("acks", "all");
        AtomicReference<Exception> wrong = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = from; i < from + count; i++) {
                Records.Rec r = Records.make(i);
                ProducerRecord<byte[], byte[]> out =
                    new ProducerRecord<>(topic, r.partition(), r.timestamp(), r.key(), r.value());
                for (Records.Header h : r.headers()) {
                    out.headers().add(new RecordHeader(h.name(), h.value()));
                }
                producer.send(out, (metadata, e) -> {
                    if (e != null) {
                        wrong.compareAndSet(null, e);
                    }
                });
            }
            producer.flush();
        }
        if (wrong.get() != null) {
            throw wrong.get();
        }
    }

    private void verify(String topic, int from, int count) {
        Records.Digest want = Records.Digest.expect(from, count);
        long middle = want.counts[0] / 2;
        List<Records.Rec> kept = new ArrayList<>();
        boolean read = check(topic + ": consume", () -> {
            Records.Digest got = new Records.Digest();
            consume(topic, want.total(), r -> {
                got.add(incoming(r), r.offset());
                if (r.partition() == 0 && r.offset() == middle) {
                    kept.add(incoming(r));
                }
            });
            if (!got.lines().equals(want.lines())) {
                throw new AssertionError("got " + got.lines() + ", want " + want.lines());
            }
        });
        if (read) {
            check(topic + ": end offsets", () -> endOffsets(topic, want));
            check(topic + ": seek", () -> {
                Records.Rec again = readAt(topic, middle);
                if (!Arrays.equals(Records.canonical(again), Records.canonical(kept.get(0)))) {
                    throw new AssertionError("offset " + middle + " holds another record than before");
                }
            });
        }
    }

    private interface Visit {
        void on(ConsumerRecord<byte[], byte[]> r);
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Properties p = base();
        p.put("auto.offset.reset", "none");
        p.put("fetch.max.wait.ms", "200");
        p.put("max.poll.records", "5000");
        return new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private void consume(String topic, long want, Visit visit) {
        List<TopicPartition> all = IntStream.range(0, Records.PARTITIONS).mapToObj(p -> new TopicPartition(topic, p)).toList();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            consumer.assign(all);
            consumer.seekToBeginning(all);
            long end = System.nanoTime() + PATIENCE.toNanos();
            for (long left = want; left > 0; ) {
                if (System.nanoTime() > end) {
                    throw new AssertionError(left + " records are missing");
                }
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(500))) {
                    visit.on(r);
                    left--;
                }
            }
        }
    }

    private Records.Rec readAt(String topic, long offset) {
        TopicPartition first = new TopicPartition(topic, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            consumer.assign(List.of(first));
            consumer.seek(first, offset);
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (System.nanoTime() < end) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(500))) {
                    return incoming(r);
                }
            }
        }
        throw new AssertionError("offset " + offset + " was not read");
    }

    private void endOffsets(String topic, Records.Digest want) throws Exception {
        try (Admin admin = Admin.create(base())) {
            for (int p = 0; p < Records.PARTITIONS; p++) {
                TopicPartition partition = new TopicPartition(topic, p);
                long end = admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition)
                    .get(30, TimeUnit.SECONDS).offset();
                if (end != want.counts[p]) {
                    throw new AssertionError("partition " + p + " ends at " + end + ", want " + want.counts[p]);
                }
            }
        }
    }

    private static Records.Rec incoming(ConsumerRecord<byte[], byte[]> r) {
        List<Records.Header> headers = new ArrayList<>();
        r.headers().forEach(h -> headers.add(new Records.Header(h.key(), h.value())));
        return new Records.Rec(r.partition(), r.key(), r.value(), headers, r.timestamp());
    }
}
