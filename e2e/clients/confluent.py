"""The scenario with confluent-kafka: librdkafka, as most languages use it."""

import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType,
)

SERVERS, PART = sys.argv[1], sys.argv[2]
NAME = "confluent"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
EACH, START_MS = 20, 1_700_000_000_000


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what))


def consumer(group, **more):
    return Consumer({
        "bootstrap.servers": SERVERS, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
        "session.timeout.ms": 10_000, **more,
    })


def polled(reader, wanted, seconds=30):
    """So many records; fewer when they do not come in time."""
    records = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        record = reader.poll(0.1)
        if record is None:
            continue
        check(record.error() is None, record.error())
        records.append(record)
        if len(records) >= wanted:
            break
    return records


def produce(topic, records, **more):
    errors = []
    producer = Producer({"bootstrap.servers": SERVERS, "linger.ms": 5, **more})
    for record in records:
        producer.produce(topic, on_delivery=lambda error, _: error and errors.append(error), **record)
    check(producer.flush(30) == 0, "records were not delivered in time")
    check(not errors, "delivery failed:", errors[:1])


def admin_work(admin):
    topics = [NewTopic(f"{NAME}-{name}", 3, 1, config={"retention.ms": "86400000"}) for name in ("codecs", "group", "txn")]
    for made in admin.create_topics(topics).values():
        made.result(30)
    try:
        next(iter(admin.create_topics([topics[0]]).values())).result(30)
        check(False, "a topic was made twice")
    except KafkaException as error:
        check(error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS, error)
    check(len(admin.list_topics(f"{NAME}-codecs", 30).topics[f"{NAME}-codecs"].partitions) == 3)
    resource = ConfigResource(ResourceType.TOPIC, f"{NAME}-codecs")
    config = next(iter(admin.describe_configs([resource]).values())).result(30)
    check(config["retention.ms"].value == "86400000", config["retention.ms"])
    resource.add_incremental_config(ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET))
    next(iter(admin.incremental_alter_configs([resource]).values())).result(30)
    for _ in range(100):
        # Kafka's brokers learn of it a moment later.
        described = admin.describe_configs([ConfigResource(ResourceType.TOPIC, f"{NAME}-codecs")])
        config = next(iter(described.values())).result(30)
        if config["retention.ms"].value == "-1":
            break
    check(config["retention.ms"].value == "-1", config["retention.ms"])
    next(iter(admin.create_partitions([NewPartitions(f"{NAME}-codecs", 4)]).values())).result(30)


def codecs():
    for number, codec in enumerate(CODECS):
        records = [{
            "key": f"{codec}-{index}", "value": None if index == 0 else f"{codec} {index} " * 20, "partition": number % 3,
            "headers": [("codec", codec), ("codec", b"again"), ("empty", None)], "timestamp": START_MS + index,
        } for index in range(EACH)]
        produce(f"{NAME}-codecs", records, **{"compression.type": codec})
    check_codecs()


def check_codecs():
    reader = consumer(f"{NAME}-codecs-reader")
    reader.assign([TopicPartition(f"{NAME}-codecs", partition, 0) for partition in range(3)])
    records = polled(reader, EACH * len(CODECS))
    check(len(records) == EACH * len(CODECS), len(records), "records of", EACH * len(CODECS))
    for record in records:
        codec, index = record.key().decode().rsplit("-", 1)
        expected = None if index == "0" else (f"{codec} {index} " * 20).encode()
        check(record.value() == expected, record.key(), record.value())
        headers = [("codec", codec.encode()), ("codec", b"again"), ("empty", None)]
        check(record.headers() == headers, record.headers())
        check(record.timestamp()[1] == START_MS + int(index), record.timestamp())
    reader.close()


def seek_by_time():
    reader = consumer(f"{NAME}-seeker")
    asked = TopicPartition(f"{NAME}-codecs", 2, START_MS + 7)
    found = reader.offsets_for_times([asked], 30)[0]
    reader.assign([found])
    record = polled(reader, 1)[0]
    check(record.timestamp()[1] == START_MS + 7 and record.key() == b"snappy-7", record.key())
    reader.close()


def group():
    topic = f"{NAME}-group"
    produce(topic, [{"value": str(index), "partition": index % 3} for index in range(300)])
    one, two = consumer(f"{NAME}-group"), consumer(f"{NAME}-group")
    one.subscribe([topic])
    first = polled(one, 1)
    check(len(first) == 1 and len(one.assignment()) == 3, one.assignment())
    two.subscribe([topic])
    for _ in range(300):
        one.poll(0.1)
        two.poll(0.1)
        if len(one.assignment()) + len(two.assignment()) == 3 and two.assignment():
            break
    check(len(one.assignment()) + len(two.assignment()) == 3 and two.assignment(), one.assignment(), two.assignment())
    two.close()
    # The committed offsets are none, so whoever takes the partitions over reads them from their beginning.
    one.close()
    one = consumer(f"{NAME}-group")
    one.subscribe([topic])
    records = polled(one, 300)
    check(sorted(int(record.value()) for record in records) == list(range(300)), len(records), "records")
    one.commit(asynchronous=False)
    one.close()
    check_committed()


def check_committed():
    reader = consumer(f"{NAME}-group")
    offsets = reader.committed([TopicPartition(f"{NAME}-group", partition) for partition in range(3)], 30)
    check([offset.offset for offset in offsets] == [100, 100, 100], offsets)
    reader.close()


def idempotent(admin):
    next(iter(admin.create_topics([NewTopic(f"{NAME}-order", 1, 1)]).values())).result(30)
    produce(f"{NAME}-order", [{"value": str(index)} for index in range(2_000)], **{
        "enable.idempotence": True, "batch.num.messages": 50,
    })
    reader = consumer(f"{NAME}-order")
    reader.assign([TopicPartition(f"{NAME}-order", 0, 0)])
    values = [int(record.value()) for record in polled(reader, 2_000)]
    check(values == list(range(2_000)), len(values), "records, or not in order")
    reader.close()


def transactions():
    topic = f"{NAME}-txn"
    producer = Producer({"bootstrap.servers": SERVERS, "transactional.id": f"{NAME}-txn", "linger.ms": 5})
    producer.init_transactions(60)
    producer.begin_transaction()
    for index in range(10):
        producer.produce(topic, f"committed {index}", partition=0)
    producer.commit_transaction(60)
    producer.begin_transaction()
    for index in range(10):
        producer.produce(topic, f"aborted {index}", partition=0)
    producer.flush(30)
    producer.abort_transaction(60)
    source = consumer(f"{NAME}-txn-group")
    source.subscribe([f"{NAME}-group"])
    check(len(polled(source, 300)) == 300, "the source of the transaction")
    producer.begin_transaction()
    producer.produce(topic, "with offsets", partition=0)
    positions = source.position(source.assignment())
    producer.send_offsets_to_transaction(positions, source.consumer_group_metadata(), 60)
    producer.commit_transaction(60)
    source.close()
    check_transactions()


def check_transactions():
    expected = [f"committed {index}" for index in range(10)]
    for isolation, values in [
        ("read_committed", [*expected, "with offsets"]),
        ("read_uncommitted", [*expected, *(f"aborted {index}" for index in range(10)), "with offsets"]),
    ]:
        reader = consumer(f"{NAME}-{isolation}", **{"isolation.level": isolation})
        reader.assign([TopicPartition(f"{NAME}-txn", 0, 0)])
        got = [record.value().decode() for record in polled(reader, len(values))]
        check(got == values, isolation, got)
        reader.close()
    reader = consumer(f"{NAME}-txn-group")
    offsets = reader.committed([TopicPartition(f"{NAME}-group", partition) for partition in range(3)], 30)
    check([offset.offset for offset in offsets] == [100, 100, 100], "offsets of a transaction:", offsets)
    reader.close()


def main():
    admin = AdminClient({"bootstrap.servers": SERVERS})
    if PART == "first":
        admin_work(admin)
        codecs()
        seek_by_time()
        group()
        idempotent(admin)
        transactions()
        next(iter(admin.delete_topics([f"{NAME}-order"]).values())).result(30)
        check(f"{NAME}-order" not in admin.list_topics(timeout=30).topics, "a deleted topic is listed")
    else:
        check_codecs()
        check_committed()
        check_transactions()
        group_again()


def group_again():
    """A group goes on where it was."""
    topic = f"{NAME}-group"
    produce(topic, [{"value": "later", "partition": 1}])
    reader = consumer(f"{NAME}-group")
    reader.subscribe([topic])
    records = polled(reader, 1)
    check([record.value() for record in records] == [b"later"], records)
    reader.close()


main()
