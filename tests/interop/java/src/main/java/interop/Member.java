package interop;

import java.io.FileOutputStream;
import java.io.FileDescriptor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** One group member of the Java client; it says what it does in the words of ../README.md. */
final class Member extends Thread implements ConsumerRebalanceListener {
    private static final FileOutputStream OUT = new FileOutputStream(FileDescriptor.out);
    private static final Duration WAIT = Duration.ofMillis(100);
    private static final int HEARTBEAT_MS = 500;

    private final String topic;
    private final Properties settings = new Properties();
    private final AtomicBoolean stopped = new AtomicBoolean();

    Member(String name, String bootstrap, String topic, String group, String protocol, String sessionMs) {
        super(name);
        this.topic = topic;
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", group);
        settings.put("group.protocol", protocol);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("fetch.max.wait.ms", (int) WAIT.toMillis());
        if (protocol.equals("classic")) { // the broker decides on these otherwise, and assigns by itself
            settings.put("session.timeout.ms", sessionMs);
            settings.put("heartbeat.interval.ms", HEARTBEAT_MS);
            settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        }
    }

    /** Lets the member leave in order. */
    void leave() {
        stopped.set(true);
    }

    @Override
    public void run() {
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic), this);
            while (!stopped.get()) {
                take(consumer, consumer.poll(WAIT));
            }
        } catch (RuntimeException e) { // the others go on, the run fails
            tell("failed", e.toString());
        }
        tell("left", "");
    }

    private void take(KafkaConsumer<byte[], byte[]> consumer, ConsumerRecords<byte[], byte[]> records) {
        if (records.isEmpty()) {
            return;
        }
        Map<Integer, Long> next = new TreeMap<>();
        for (TopicPartition partition : records.partitions()) {
            next.put(partition.partition(), read(records.records(partition)));
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        next.forEach((partition, offset) -> offsets.put(new TopicPartition(topic, partition), new OffsetAndMetadata(offset)));
        String told = next.entrySet().stream().map(e -> e.getKey() + ":" + e.getValue()).collect(Collectors.joining(" "));
        tell("commit", told);
        try {
            consumer.commitSync(offsets);
        } catch (CommitFailedException | RebalanceInProgressException | RetriableException e) {
            tell("refused", e.toString());
            return;
        }
        tell("committed", told);
    }

    /** Says what the application got of one partition and returns the offset to commit. */
    private long read(List<ConsumerRecord<byte[], byte[]>> records) {
        long first = -1;
        long last = -1;
        for (ConsumerRecord<byte[], byte[]> r : records) {
            if (!new String(r.value(), StandardCharsets.US_ASCII).equals(Long.toString(r.offset()))) {
                tell("failed", "the record at " + r.partition() + "-" + r.offset() + " holds something else");
            }
            if (first >= 0 && r.offset() == last + 1) {
                last++;
                continue;
            }
            if (first >= 0) {
                tell("read", r.partition() + " " + first + " " + last);
            }
            first = last = r.offset();
        }
        tell("read", records.get(0).partition() + " " + first + " " + last);
        return last + 1;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        partitions("assigned", partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        partitions("revoked", partitions);
    }

    private void partitions(String word, Collection<TopicPartition> partitions) {
        if (!partitions.isEmpty()) {
            tell(word, partitions.stream().map(p -> Integer.toString(p.partition())).collect(Collectors.joining(" ")));
        }
    }

    /** Each line is one write, which is atomic: all hosts share one pipe. */
    private void tell(String word, String rest) {
        String line = word + " " + getName() + " " + rest.replace('\n', ' ');
        byte[] bytes = (line.substring(0, Math.min(line.length(), 1000)) + "\n").getBytes(StandardCharsets.US_ASCII);
        try {
            OUT.write(bytes);
        } catch (IOException e) {
            stopped.set(true); // nobody reads any more
        }
    }
}
