package interop;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The transactions of the Java client: the steps that ../README.md lists. */
final class Transactions {
    private static final int PARTITIONS = 2;
    private static final int CHAIN = 200;
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);

    private final String bootstrap;
    private final String input = "interop-java-txn-in";
    private final String output = "interop-java-txn-out";
    private final String chain = "interop-java-txn-chain";

    Transactions(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    private Properties base() {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        return p;
    }

    private KafkaProducer<String, String> producer(String id) {
        Properties p = base();
        p.put("transactional.id", id);
        p.put("transaction.timeout.ms", "30000");
        KafkaProducer<String, String> producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        return producer;
    }

    private KafkaConsumer<String, String> consumer(String isolation, String group) {
        Properties p = base();
        p.put("isolation.level", isolation);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("fetch.max.wait.ms", "100");
        p.put("max.poll.records", "17");
        if (group != null) {
            p.put("group.id", group);
        }
        return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    void createTopics() throws Exception {
        try (Admin admin = Admin.create(base())) {
            List<NewTopic> made = new ArrayList<>();
            for (String name : List.of(input, output, chain)) {
                made.add(new NewTopic(name, PARTITIONS, (short) 1));
            }
            admin.createTopics(made).all().get(30, TimeUnit.SECONDS);
        }
    }

    private static void write(KafkaProducer<String, String> producer, String topic, String name, int count) {
        for (int i = 0; i < count; i++) {
            producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, name + "-" + i));
        }
        producer.flush();
    }

    /** Reads a topic from its start to its end, which for committed records is where no transaction is open. */
    private List<String> read(String topic, String isolation) {
        List<TopicPartition> all = IntStream.range(0, PARTITIONS).mapToObj(p -> new TopicPartition(topic, p)).toList();
        List<String> values = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = consumer(isolation, null)) {
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            long until = System.nanoTime() + PATIENCE;
            while (all.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                if (System.nanoTime() > until) {
                    throw new AssertionError("the end of " + topic + " is not reached: " + ends);
                }
                consumer.poll(Duration.ofMillis(200)).forEach(r -> values.add(r.value()));
            }
        }
        return values;
    }

    private static void expect(String what, Object got, Object want) {
        if (!got.equals(want)) {
            throw new AssertionError(what + ": got " + got + ", want " + want);
        }
    }

    private long count(String isolation, String name) {
        return read(output, isolation).stream().filter(v -> v.startsWith(name + "-")).count();
    }

    void commit() {
        try (KafkaProducer<String, String> producer = producer("java-commit")) {
            producer.beginTransaction();
            write(producer, output, "committed", 20);
            expect("committed before the end", count("read_committed", "committed"), 0L);
            expect("uncommitted before the end", count("read_uncommitted", "committed"), 20L);
            producer.commitTransaction();
        }
        awaitCount("committed", 20);
    }

    /** The client is told of the end before the markers are written. */
    private void awaitCount(String name, long want) {
        long until = System.nanoTime() + PATIENCE;
        while (count("read_committed", name) != want) {
            if (System.nanoTime() > until) {
                throw new AssertionError(name + ": got " + count("read_committed", name) + ", want " + want);
            }
        }
    }

    void abort() {
        try (KafkaProducer<String, String> producer = producer("java-abort")) {
            producer.beginTransaction();
            write(producer, output, "aborted", 20);
            producer.abortTransaction();
            producer.beginTransaction();
            write(producer, output, "after", 20);
            producer.commitTransaction();
        }
        awaitCount("after", 20);
        expect("aborted", count("read_committed", "aborted"), 0L);
        expect("aborted, uncommitted", count("read_uncommitted", "aborted"), 20L);
    }

    void fence() {
        try (KafkaProducer<String, String> zombie = producer("java-fence")) {
            zombie.beginTransaction();
            write(zombie, output, "zombie", 10);
            try (KafkaProducer<String, String> next = producer("java-fence")) {
                next.beginTransaction();
                write(next, output, "heir", 10);
                next.commitTransaction();
            }
            try {
                zombie.commitTransaction();
                throw new AssertionError("the zombie committed");
            } catch (ProducerFencedException | InvalidProducerEpochException fenced) {
                // as it has to be
            }
        }
        awaitCount("heir", 10);
        expect("zombie", count("read_committed", "zombie"), 0L);
    }

    /** Takes the input to the output in transactions, every third of which is aborted and done again. */
    void chain() throws Exception {
        try (KafkaProducer<String, String> producer = producer("java-source")) {
            producer.beginTransaction();
            write(producer, input, "link", CHAIN);
            producer.commitTransaction();
        }
        int done = 0;
        try (KafkaProducer<String, String> producer = producer("java-chain");
            KafkaConsumer<String, String> consumer = consumer("read_committed", "interop-java-chain")) {
            consumer.subscribe(List.of(input));
            long until = System.nanoTime() + PATIENCE;
            for (int round = 1; done < CHAIN; round++) {
                if (System.nanoTime() > until) {
                    throw new AssertionError("only " + done + " records came through");
                }
                ConsumerRecords<String, String> batch = consumer.poll(Duration.ofMillis(200));
                if (batch.isEmpty()) {
                    continue;
                }
                producer.beginTransaction();
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (ConsumerRecord<String, String> r : batch) {
                    producer.send(new ProducerRecord<>(chain, r.partition(), null, r.value()));
                    offsets.put(new TopicPartition(input, r.partition()), new OffsetAndMetadata(r.offset() + 1));
                }
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (round % 3 != 0) {
                    producer.commitTransaction();
                    done += batch.count();
                    continue;
                }
                producer.abortTransaction();
                Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
                for (TopicPartition p : consumer.assignment()) {
                    OffsetAndMetadata at = committed.get(p);
                    consumer.seek(p, at == null ? 0 : at.offset());
                }
            }
        }
        List<String> want = read(input, "read_committed");
        List<String> got = read(chain, "read_committed");
        want.sort(null);
        got.sort(null);
        expect("the end of the chain", got, want);
        expect("records", got.size(), CHAIN);
    }
}
