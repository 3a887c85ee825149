package interop;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Takes records from one topic to another in transactions that commit the offsets too, each to the partition that
 * it came from, until standard input ends; see ../README.md for what it says.
 *
 * <pre>
 * BOOTSTRAP PROTOCOL GROUP TRANSACTIONAL_ID SOURCE SINK
 * </pre>
 */
public final class Chain {
    private static final Duration WAIT = Duration.ofMillis(200);

    private final Orders orders = new Orders();
    private final String source;
    private final String sink;
    private final KafkaProducer<byte[], byte[]> producer;
    private final KafkaConsumer<byte[], byte[]> consumer;

    private Chain(String[] args) {
        source = args[4];
        sink = args[5];
        Properties p = base(args[0]);
        p.put("transactional.id", args[3]);
        p.put("transaction.timeout.ms", "20000");
        p.put("linger.ms", "0");
        producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
        p = base(args[0]);
        p.put("group.id", args[2]);
        p.put("group.protocol", args[1]);
        p.put("isolation.level", "read_committed");
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("max.poll.records", "100");
        p.put("fetch.max.wait.ms", "200");
        if (args[1].equals("classic")) { // the broker decides on these otherwise
            p.put("session.timeout.ms", "3000");
            p.put("heartbeat.interval.ms", "300");
        }
        consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static Properties base(String bootstrap) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("retry.backoff.ms", "20");
        p.put("reconnect.backoff.ms", "20");
        p.put("reconnect.backoff.max.ms", "200");
        return p;
    }

    public static void main(String[] args) {
        Chain chain = new Chain(args);
        try {
            chain.run();
        } catch (KafkaException e) {
            Orders.tell(fenced(e) ? "fenced" : "ended", e.getCause() == null ? e : e + " by " + e.getCause());
        }
        // What the producer still had belongs to a transaction that will not be committed.
        chain.producer.close(Duration.ZERO);
        chain.consumer.close();
    }

    /** Tells whether another producer has taken over, of which the client makes the cause of what it throws later. */
    private static boolean fenced(Throwable e) {
        for (; e != null; e = e.getCause()) {
            if (e instanceof ProducerFencedException || e instanceof InvalidProducerEpochException) {
                return true;
            }
        }
        return false;
    }

    private void run() {
        producer.initTransactions();
        consumer.subscribe(List.of(source));
        while (!orders.ended()) {
            ConsumerRecords<byte[], byte[]> records = poll();
            if (!records.isEmpty()) {
                take(records);
            }
        }
    }

    /**
     * Where partitions are taken away while it collects records, the consumer of the newer protocol may throw what
     * tells of a mistake of the caller.
     */
    private ConsumerRecords<byte[], byte[]> poll() {
        try {
            return consumer.poll(WAIT);
        } catch (IllegalStateException e) {
            throw new KafkaException(e);
        }
    }

    /** One transaction. Where it has to be aborted, its records come again; where it cannot be, this throws. */
    private void take(ConsumerRecords<byte[], byte[]> records) {
        try {
            producer.beginTransaction();
            for (ConsumerRecord<byte[], byte[]> r : records) {
                producer.send(new ProducerRecord<>(sink, r.partition(), null, r.value()));
            }
            producer.sendOffsetsToTransaction(records.nextOffsets(), consumer.groupMetadata());
            producer.commitTransaction();
        } catch (KafkaException e) {
            if (fenced(e)) {
                throw e;
            }
            producer.abortTransaction();
            rewind();
            Orders.tell("aborted", e);
            return;
        }
        Orders.tell("committed", records.count());
    }

    /** Goes back to what is committed, as nothing of the aborted transaction is. */
    private void rewind() {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition p : consumer.assignment()) {
            OffsetAndMetadata at = committed.get(p);
            if (at == null) {
                consumer.seekToBeginning(List.of(p));
            } else {
                consumer.seek(p, at);
            }
        }
    }
}
