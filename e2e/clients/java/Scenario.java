import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;

/** The scenario with Kafka's own client. */
public final class Scenario {
  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
  private static final int EACH = 20;
  private static final long START_MS = 1_700_000_000_000L;
  private static String servers;

  public static void main(String[] arguments) throws Exception {
    servers = arguments[0];
    try (Admin admin = Admin.create(properties())) {
      if (arguments[1].equals("first")) {
        adminWork(admin);
        codecs();
        seekByTime();
        group();
        transactions();
        admin.deleteTopics(List.of("java-order")).all().get();
        check(!admin.listTopics().names().get().contains("java-order"), "a deleted topic is listed");
      } else {
        checkCodecs();
      }
      checkCommitted(admin, "java-group", 100);
      checkCommitted(admin, "java-txn", 100);
      checkTransactions();
    }
  }

  private static void adminWork(Admin admin) throws Exception {
    List<NewTopic> topics =
        List.of("codecs", "group", "txn", "order").stream().map(name -> new NewTopic("java-" + name, 3, (short) 1)).toList();
    admin.createTopics(topics).all().get();
    try {
      admin.createTopics(topics.subList(0, 1)).all().get();
      throw new AssertionError("a topic was made twice");
    } catch (ExecutionException expected) {
      check(expected.getCause() instanceof TopicExistsException, expected);
    }
    check(admin.describeTopics(Set.of("java-codecs")).allTopicNames().get().get("java-codecs").partitions().size() == 3, "partitions");
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, "java-codecs");
    AlterConfigOp set = new AlterConfigOp(new ConfigEntry("retention.ms", "-1"), AlterConfigOp.OpType.SET);
    admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
    // Kafka's brokers learn of it a moment later.
    String value = null;
    for (int turn = 0; turn < 100 && !"-1".equals(value); turn++) {
      value = admin.describeConfigs(Set.of(resource)).all().get().get(resource).get("retention.ms").value();
    }
    check(value.equals("-1"), value);
    admin.createPartitions(Map.of("java-codecs", NewPartitions.increaseTo(4))).all().get();
    check(!admin.describeCluster().nodes().get().isEmpty(), "nodes");
  }

  private static void codecs() throws Exception {
    for (String codec : CODECS) {
      Properties properties = properties();
      properties.put("compression.type", codec);
      try (KafkaProducer<String, String> producer = producer(properties)) {
        for (int index = 0; index < EACH; index++) {
          String value = index == 0 ? null : text(codec, index);
          int partition = CODECS.indexOf(codec) % 3;
          ProducerRecord<String, String> record =
              new ProducerRecord<>("java-codecs", partition, START_MS + index, codec + "-" + index, value);
          record.headers().add("codec", bytes(codec)).add("codec", bytes("again")).add("empty", null);
          producer.send(record);
        }
      }
    }
    checkCodecs();
  }

  private static void checkCodecs() {
    try (KafkaConsumer<String, String> consumer = consumer("java-reader", "read_uncommitted")) {
      consumer.assign(partitions("java-codecs"));
      consumer.seekToBeginning(consumer.assignment());
      for (ConsumerRecord<String, String> record : polled(consumer, EACH * CODECS.size())) {
        String codec = record.key().split("-")[0];
        int index = Integer.parseInt(record.key().split("-")[1]);
        check(index == 0 ? record.value() == null : record.value().equals(text(codec, index)), record);
        check(record.headers().toArray().length == 3 && record.headers().lastHeader("empty").value() == null, record);
        check(record.timestamp() == START_MS + index, record);
      }
    }
  }

  private static void seekByTime() {
    try (KafkaConsumer<String, String> consumer = consumer("java-seeker", "read_uncommitted")) {
      TopicPartition partition = new TopicPartition("java-codecs", 2);
      long offset = consumer.offsetsForTimes(Map.of(partition, START_MS + 7)).get(partition).offset();
      consumer.assign(List.of(partition));
      consumer.seek(partition, offset);
      check(polled(consumer, 1).get(0).key().equals("snappy-7"), offset);
    }
  }

  private static void group() throws Exception {
    try (KafkaProducer<String, String> producer = producer(properties())) {
      for (int index = 0; index < 300; index++) {
        producer.send(new ProducerRecord<>("java-group", index % 3, null, String.valueOf(index)));
      }
    }
    try (KafkaConsumer<String, String> one = consumer("java-group", "read_uncommitted")) {
      one.subscribe(List.of("java-group"));
      polled(one, 1);
      check(one.assignment().size() == 3, one.assignment());
      try (KafkaConsumer<String, String> two = consumer("java-group", "read_uncommitted")) {
        two.subscribe(List.of("java-group"));
        for (int turn = 0; turn < 300 && (two.assignment().isEmpty() || one.assignment().size() + two.assignment().size() != 3); turn++) {
          one.poll(Duration.ofMillis(50));
          two.poll(Duration.ofMillis(50));
        }
        check(one.assignment().size() + two.assignment().size() == 3 && !two.assignment().isEmpty(), two.assignment());
      }
      for (int turn = 0; turn < 300 && one.assignment().size() < 3; turn++) {
        one.poll(Duration.ofMillis(100));
      }
      one.seekToBeginning(one.assignment());
      List<Integer> values = new ArrayList<>(polled(one, 300).stream().map(record -> Integer.parseInt(record.value())).toList());
      values.sort(null);
      check(values.equals(IntStream.range(0, 300).boxed().toList()), values.size() + " records");
      one.commitSync();
    }
  }

  private static void transactions() throws Exception {
    Properties properties = properties();
    properties.put("transactional.id", "java-txn");
    try (KafkaProducer<String, String> producer = producer(properties);
        KafkaConsumer<String, String> source = consumer("java-txn", "read_committed")) {
      producer.initTransactions();
      producer.beginTransaction();
      send(producer, "committed");
      producer.commitTransaction();
      producer.beginTransaction();
      send(producer, "aborted");
      producer.flush();
      producer.abortTransaction();
      source.subscribe(List.of("java-group"));
      polled(source, 300);
      producer.beginTransaction();
      send(producer, "later");
      Map<TopicPartition, OffsetAndMetadata> offsets = new java.util.HashMap<>();
      source.assignment().forEach(partition -> offsets.put(partition, new OffsetAndMetadata(source.position(partition))));
      producer.sendOffsetsToTransaction(offsets, source.groupMetadata());
      producer.commitTransaction();
    }
  }

  private static void send(KafkaProducer<String, String> producer, String word) {
    IntStream.range(0, 5).forEach(index -> producer.send(new ProducerRecord<>("java-txn", 0, null, word + " " + index)));
  }

  private static void checkTransactions() {
    checkValues("read_committed", List.of("committed", "later"));
    checkValues("read_uncommitted", List.of("committed", "aborted", "later"));
  }

  private static void checkValues(String isolation, List<String> words) {
    try (KafkaConsumer<String, String> consumer = consumer("java-" + isolation, isolation)) {
      consumer.assign(List.of(new TopicPartition("java-txn", 0)));
      consumer.seekToBeginning(consumer.assignment());
      List<String> values = polled(consumer, 5 * words.size()).stream().map(ConsumerRecord::value).toList();
      check(values.equals(words.stream().flatMap(word -> IntStream.range(0, 5).mapToObj(index -> word + " " + index)).toList()), values);
    }
  }

  private static void checkCommitted(Admin admin, String group, long offset) throws Exception {
    var committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    check(committed.size() == 3 && committed.values().stream().allMatch(one -> one.offset() == offset), group + ": " + committed);
  }

  private static List<ConsumerRecord<String, String>> polled(KafkaConsumer<String, String> consumer, int wanted) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    for (int turn = 0; turn < 300 && records.size() < wanted; turn++) {
      consumer.poll(Duration.ofMillis(100)).forEach(records::add);
    }
    check(records.size() >= wanted, records.size() + " records of " + wanted);
    return records;
  }

  private static KafkaProducer<String, String> producer(Properties properties) {
    properties.put("linger.ms", "5");
    properties.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    properties.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    return new KafkaProducer<>(properties);
  }

  private static KafkaConsumer<String, String> consumer(String group, String isolation) {
    Properties properties = properties();
    properties.put("group.id", group);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    properties.put("isolation.level", isolation);
    properties.put("heartbeat.interval.ms", "500");
    properties.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    properties.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    return new KafkaConsumer<>(properties);
  }

  private static Properties properties() {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", servers);
    return properties;
  }

  private static Collection<TopicPartition> partitions(String topic) {
    return IntStream.range(0, 3).mapToObj(partition -> new TopicPartition(topic, partition)).toList();
  }

  private static String text(String codec, int index) {
    return (codec + " " + index + " ").repeat(20);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void check(boolean condition, Object what) {
    if (!condition) {
      throw new AssertionError(String.valueOf(what));
    }
  }
}
