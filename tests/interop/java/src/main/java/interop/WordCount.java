package interop;

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Kafka Streams counts words exactly once, until standard input ends. The output has a total for each word of the
 * input; see ../README.md for what the program says.
 *
 * <pre>
 * BOOTSTRAP APPLICATION STATE_FOLDER INPUT OUTPUT
 * </pre>
 */
public final class WordCount {
    private WordCount() {
    }

    public static void main(String[] args) throws InterruptedException {
        Orders orders = new Orders();
        KafkaStreams streams = new KafkaStreams(topology(args[3], args[4]), settings(args[0], args[1], args[2]));
        streams.setUncaughtExceptionHandler(e -> {
            Orders.tell("replaced", e);
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.setStateListener((now, before) -> Orders.tell("state", now));
        streams.start();
        while (!orders.ended()) {
            Thread.sleep(100);
        }
        if (!streams.close(Duration.ofSeconds(30))) {
            Orders.tell("failed", "the application does not end");
        }
    }

    private static Topology topology(String input, String output) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> List.of(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with("words", Serdes.String(), Serdes.String()))
            .count(Named.as("counting"), Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts")
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream()
            .mapValues((word, count) -> word + " " + count)
            .to(output, Produced.with(Serdes.String(), Serdes.String()));
        return builder.build();
    }

    private static Properties settings(String bootstrap, String application, String folder) {
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        p.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 3);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0); // which would swallow totals
        p.put(StreamsConfig.RETRY_BACKOFF_MS_CONFIG, 20);
        p.put(StreamsConfig.RECONNECT_BACKOFF_MS_CONFIG, 20);
        p.put(StreamsConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, 200);
        // An instance that is silent is given up after these four seconds.
        p.put(StreamsConfig.mainConsumerPrefix("session.timeout.ms"), 4000);
        p.put(StreamsConfig.mainConsumerPrefix("heartbeat.interval.ms"), 400);
        p.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        return p;
    }
}
