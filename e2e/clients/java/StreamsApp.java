import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;

/** The application of {@link Streams}; as a program of its own, an instance that others can kill. */
final class StreamsApp {
  private static final String IN_MEMORY = "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers";
  private static final Duration WINDOW = Duration.ofSeconds(10);

  private StreamsApp() {}

  public static void main(String[] arguments) throws Exception {
    start(arguments[0], arguments[1], Path.of(arguments[2]));
    Thread.currentThread().join();
  }

  static String topic(String guarantee, String name) {
    return "streams-" + guarantee + "-" + name;
  }

  private static Topology topology(String guarantee) {
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, String> lines = builder.stream(topic(guarantee, "lines"));
    KTable<String, String> users = builder.table(topic(guarantee, "users"));
    lines.join(users, (line, user) -> user + ":" + line.split(" ")[0]).to(topic(guarantee, "joined"));
    lines
        .flatMapValues(line -> List.of(line.split(" ")).subList(1, 3))
        .groupBy((user, word) -> word, Grouped.as("by-word"))
        .count(Materialized.as("word-counts"))
        .toStream()
        .mapValues(String::valueOf)
        .to(topic(guarantee, "counts"));
    lines
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, Duration.ofHours(1)))
        .count(Materialized.as("user-windows"))
        .toStream((window, count) -> window.key() + "@" + window.window().start())
        .mapValues(String::valueOf)
        .to(topic(guarantee, "windows"), Produced.with(Serdes.String(), Serdes.String()));
    KStream<String, String> clicks = builder.stream(topic(guarantee, "clicks"));
    lines
        .map((user, line) -> KeyValue.pair(line.split(" ")[0], line))
        .repartition(Repartitioned.<String, String>as("by-line").withNumberOfPartitions(3))
        .join(clicks, (line, click) -> line + "/" + click, JoinWindows.ofTimeDifferenceAndGrace(WINDOW, Duration.ofHours(1)))
        .to(topic(guarantee, "pairs"));
    return builder.build();
  }

  static KafkaStreams start(String servers, String guarantee, Path folder) {
    Properties properties = new Properties();
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams-" + guarantee);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    properties.put(StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, 500);
    properties.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    properties.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    properties.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG, System.getProperty("stores", IN_MEMORY));
    properties.put("consumer.session.timeout.ms", 2000);
    properties.put("consumer.heartbeat.interval.ms", 300);
    properties.put("consumer.auto.offset.reset", "earliest");
    properties.put("producer.transaction.timeout.ms", 3000);
    KafkaStreams streams = new KafkaStreams(topology(guarantee), properties);
    streams.setUncaughtExceptionHandler(
        problem -> {
          problem.printStackTrace();
          System.exit(1);
          return null;
        });
    streams.start();
    return streams;
  }
}
