import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.streams.KafkaStreams;

/**
 * Kafka Streams: counts of words, a join of a stream and a table, one of two streams, and counts in windows, by two
 * instances of which one is killed.
 */
public final class Streams {
  private static final List<String> WORDS = List.of("alpha", "beta", "gamma", "delta");
  private static final int USERS = 7;
  private static final int EACH = Integer.getInteger("lines", 200);
  private static final long START_MS = System.currentTimeMillis() - 600_000;
  private static String servers;

  public static void main(String[] arguments) throws Exception {
    servers = arguments[0];
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, problem) -> {
          problem.printStackTrace();
          System.exit(1);
        });
    for (String guarantee : System.getProperty("guarantees", "exactly_once_v2,at_least_once").split(",")) {
      try (Admin admin = Admin.create(properties())) {
        new Streams(guarantee, admin).run(arguments[1].equals("first"), Path.of(arguments[2]));
      }
    }
  }

  private final String guarantee;
  private final Admin admin;

  private Streams(String guarantee, Admin admin) {
    this.guarantee = guarantee;
    this.admin = admin;
  }

  private void run(boolean first, Path folder) throws Exception {
    Path state = folder.resolve("streams-" + guarantee);
    if (first) createTopics();
    KafkaStreams here = StreamsApp.start(servers, guarantee, state.resolve("here"));
    if (first) {
      killOne(state.resolve("other"));
      verify(2 * EACH);
      internals();
    } else {
      produce(2 * EACH, 3 * EACH);
      verify(3 * EACH);
    }
    check(here.close(Duration.ofSeconds(30)), "did not close");
    say("done");
  }

  /** Has another instance take part in the first half of the work, and ends it in the midst of it. */
  private void killOne(Path state) throws Exception {
    Process other = spawn(state);
    waitForTwo();
    produce(0, EACH);
    await("the first part", () -> outputs("joined").size() >= EACH / 2);
    other.destroyForcibly().waitFor();
    say("killed the other");
    produce(EACH, 2 * EACH);
  }

  private String topic(String name) {
    return StreamsApp.topic(guarantee, name);
  }

  private void say(String what) {
    System.out.println(System.currentTimeMillis() % 1_000_000 + " " + guarantee + ": " + what);
  }

  private void createTopics() throws Exception {
    List<NewTopic> topics = new ArrayList<>();
    for (String name : List.of("lines", "users", "clicks", "counts", "joined", "windows", "pairs")) {
      topics.add(new NewTopic(topic(name), 3, (short) 1));
    }
    admin.createTopics(topics).all().get();
    try (KafkaProducer<String, String> producer = producer()) {
      for (int user = 0; user < USERS; user++) {
        producer.send(new ProducerRecord<>(topic("users"), null, START_MS - 1, "u" + user, "name" + user)).get();
      }
    }
  }

  private void produce(int from, int to) throws Exception {
    try (KafkaProducer<String, String> producer = producer()) {
      for (int line = from; line < to; line++) {
        String text = line + " " + WORDS.get(line % 4) + " " + WORDS.get(line % 3);
        long at = START_MS + line * 100L;
        producer.send(new ProducerRecord<>(topic("lines"), null, at, "u" + line % USERS, text));
        producer.send(new ProducerRecord<>(topic("clicks"), null, at, "" + line, "click" + line));
      }
    }
  }

  private Process spawn(Path folder) throws Exception {
    List<String> java = List.of("java", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"));
    List<String> words = new ArrayList<>(java);
    words.addAll(List.of("StreamsApp", servers, guarantee, folder.toString()));
    Process process = new ProcessBuilder(words).inheritIO().start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    return process;
  }

  /** Waits until both instances have tasks. */
  private void waitForTwo() throws Exception {
    String group = "streams-" + guarantee;
    await(
        "two instances",
        () -> {
          var members = admin.describeConsumerGroups(Set.of(group)).all().get().get(group).members();
          return members.size() == 4 && members.stream().allMatch(member -> !member.assignment().topicPartitions().isEmpty());
        });
    say("two instances");
  }

  private void verify(int lines) throws Exception {
    await("joined", () -> distinct("joined") >= lines);
    await("pairs", () -> distinct("pairs") >= lines);
    Map<String, Integer> words = new TreeMap<>();
    Map<String, Integer> windows = new TreeMap<>();
    for (int line = 0; line < lines; line++) {
      words.merge(WORDS.get(line % 4), 1, Integer::sum);
      words.merge(WORDS.get(line % 3), 1, Integer::sum);
      windows.merge("u" + line % USERS, 1, Integer::sum);
    }
    await("counts", () -> lastOf("counts").entrySet().stream().allMatch(e -> e.getValue() >= words.get(e.getKey()))
        && lastOf("counts").keySet().equals(words.keySet()));
    await("windows", () -> windowSums().entrySet().stream().allMatch(e -> e.getValue() >= windows.get(e.getKey()))
        && windowSums().keySet().equals(windows.keySet()));
    if (guarantee.equals("exactly_once_v2")) verifyExactly(lines, words, windows);
    say("outputs are right");
  }

  /** Each input has had its effect once, and each state of a count was told once, in order. */
  private void verifyExactly(int lines, Map<String, Integer> words, Map<String, Integer> windows) throws Exception {
    check(lastOf("counts").equals(words), lastOf("counts") + " for " + words);
    check(windowSums().equals(windows), windowSums() + " for " + windows);
    check(outputs("joined").size() == lines, "joined " + outputs("joined").size());
    check(outputs("pairs").size() == lines, "pairs " + outputs("pairs").size());
    for (String name : List.of("counts", "windows")) {
      Map<String, Integer> last = new HashMap<>();
      for (ConsumerRecord<String, String> record : outputs(name)) {
        int next = last.merge(record.key(), 1, Integer::sum);
        check(Integer.parseInt(record.value()) == next, name + " " + record + " instead of " + next);
      }
    }
  }

  private int distinct(String name) throws Exception {
    return outputs(name).stream().map(ConsumerRecord::value).collect(Collectors.toSet()).size();
  }

  private Map<String, Integer> lastOf(String name) throws Exception {
    Map<String, Integer> last = new TreeMap<>();
    for (ConsumerRecord<String, String> record : outputs(name)) last.put(record.key(), Integer.parseInt(record.value()));
    return last;
  }

  private Map<String, Integer> windowSums() throws Exception {
    Map<String, Integer> sums = new TreeMap<>();
    lastOf("windows").forEach((key, count) -> sums.merge(key.split("@")[0], count, Integer::sum));
    return sums;
  }

  private final Map<String, KafkaConsumer<String, String>> readers = new HashMap<>();
  private final Map<String, List<ConsumerRecord<String, String>>> read = new HashMap<>();

  /** All that is committed in a topic by now. */
  private List<ConsumerRecord<String, String>> outputs(String name) throws Exception {
    KafkaConsumer<String, String> reader = readers.get(name);
    List<ConsumerRecord<String, String>> records = read.computeIfAbsent(name, any -> new ArrayList<>());
    if (reader == null) {
      Properties properties = properties();
      properties.put("isolation.level", "read_committed");
      properties.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
      properties.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
      reader = new KafkaConsumer<>(properties);
      readers.put(name, reader);
      List<TopicPartition> partitions = new ArrayList<>();
      for (int partition = 0; partition < 3; partition++) partitions.add(new TopicPartition(topic(name), partition));
      reader.assign(partitions);
      reader.seekToBeginning(partitions);
    }
    Map<TopicPartition, Long> ends = reader.endOffsets(reader.assignment());
    while (ends.entrySet().stream().anyMatch(end -> position(name, end.getKey()) < end.getValue())) {
      reader.poll(Duration.ofMillis(100)).forEach(records::add);
    }
    return records;
  }

  private long position(String name, TopicPartition partition) {
    return readers.get(name).position(partition);
  }

  /** Internal topics have the configs that Streams asks for, and what was repartitioned is purged. */
  private void internals() throws Exception {
    String app = "streams-" + guarantee + "-";
    Map<String, String> policies = new TreeMap<>();
    Set<String> names = admin.listTopics().names().get();
    for (String name : names) {
      if (!name.startsWith(app) || !(name.endsWith("-changelog") || name.endsWith("-repartition"))) continue;
      ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
      Config config = admin.describeConfigs(Set.of(resource)).all().get().get(resource);
      policies.put(name.substring(app.length()), config.get("cleanup.policy").value());
    }
    say(policies.toString());
    check("compact".equals(policies.get("word-counts-changelog")), policies);
    check(Set.of("compact,delete", "delete,compact").contains(policies.get("user-windows-changelog")), policies);
    check("delete".equals(policies.get("by-word-repartition")), policies);
    TopicPartition[] all = new TopicPartition[3];
    await(
        "purge of what was repartitioned",
        () -> {
          long left = 0;
          for (int partition = 0; partition < 3; partition++) {
            TopicPartition at = new TopicPartition(app + "by-word-repartition", partition);
            long start = admin.listOffsets(Map.of(at, OffsetSpec.earliest())).partitionResult(at).get().offset();
            long end = admin.listOffsets(Map.of(at, OffsetSpec.latest())).partitionResult(at).get().offset();
            left += start == 0 && end > 0 ? 1 : 0;
          }
          return left == 0;
        });
    say("purged");
  }

  interface Condition {
    boolean holds() throws Exception;
  }

  private void await(String what, Condition condition) throws Exception {
    long until = System.currentTimeMillis() + 60_000;
    while (!holds(condition)) {
      check(System.currentTimeMillis() < until, guarantee + ": still waiting for " + what);
      Thread.sleep(50);
    }
  }

  /** A group that nobody has joined yet is an answer to wait on as well. */
  private static boolean holds(Condition condition) throws Exception {
    try {
      return condition.holds();
    } catch (ExecutionException problem) {
      if (problem.getCause() instanceof GroupIdNotFoundException) return false;
      throw problem;
    }
  }

  private static Properties properties() {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", servers);
    return properties;
  }

  private static KafkaProducer<String, String> producer() {
    Properties properties = properties();
    properties.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    properties.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    return new KafkaProducer<>(properties);
  }

  private static void check(boolean holds, Object what) {
    if (!holds) throw new AssertionError(String.valueOf(what));
  }
}
