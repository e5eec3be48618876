"""The scenario with kafka-python: a client in pure Python."""

import sys
import threading
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.structs import OffsetAndMetadata

SERVERS, PART = sys.argv[1].split(","), sys.argv[2]
NAME = "kafka-python"
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
EACH, START_MS = 20, 1_700_000_000_000


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what))


def consumer(group=None, **more):
    return KafkaConsumer(
        bootstrap_servers=SERVERS, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **more,
    )


# A poll that ends while its JoinGroup is under way leaves a member that has joined and never asks for its assignment (3.0.12 takes the
# answer for the whole rebalance), so polls are long. They end as soon as something comes.
LONG_MS = 5_000


def polled(reader, wanted, seconds=30):
    records = []
    end = time.monotonic() + seconds
    while len(records) < wanted and time.monotonic() < end:
        for batch in reader.poll(timeout_ms=LONG_MS).values():
            records.extend(batch)
    return records


def partitions(topic):
    return [TopicPartition(topic, partition) for partition in range(3)]


def produce(topic, records, **more):
    producer = KafkaProducer(bootstrap_servers=SERVERS, linger_ms=5, **more)
    sent = [producer.send(topic, **record) for record in records]
    producer.flush(30)
    for outcome in sent:
        outcome.get(30)
    producer.close()


def admin_work(admin):
    admin.create_topics([NewTopic(f"{NAME}-{name}", 3, 1) for name in ("codecs", "group")])
    check(f"{NAME}-codecs" in admin.list_topics())
    described = admin.describe_topics([f"{NAME}-codecs"])[0]
    check(len(described["partitions"]) == 3, described)
    admin.create_partitions({f"{NAME}-codecs": NewPartitions(4)})
    admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, f"{NAME}-codecs")])


def codecs():
    for number, codec in enumerate(CODECS):
        records = [{
            "key": f"{codec}-{index}".encode(), "value": None if index == 0 else (f"{codec} {index} " * 20).encode(),
            "partition": number % 3, "headers": [("codec", str(codec).encode()), ("codec", b"again")],
            "timestamp_ms": START_MS + index,
        } for index in range(EACH)]
        produce(f"{NAME}-codecs", records, compression_type=codec)
    check_codecs()


def check_codecs():
    reader = consumer()
    reader.assign(partitions(f"{NAME}-codecs"))
    reader.seek_to_beginning()
    records = polled(reader, EACH * len(CODECS))
    check(len(records) == EACH * len(CODECS), len(records), "records")
    for record in records:
        codec, index = record.key.decode().rsplit("-", 1)
        check(record.value == (None if index == "0" else (f"{codec} {index} " * 20).encode()), record)
        check(list(record.headers) == [("codec", codec.encode()), ("codec", b"again")], record.headers)
        check(record.timestamp == START_MS + int(index), record.timestamp)
    reader.close()


def seek_by_time():
    reader = consumer()
    partition = TopicPartition(f"{NAME}-codecs", 2)
    found = reader.offsets_for_times({partition: START_MS + 7})[partition]
    reader.assign([partition])
    reader.seek(partition, found.offset)
    record = polled(reader, 1)[0]
    check(record.timestamp == START_MS + 7 and record.key == b"snappy-7", record)
    reader.close()


def group():
    topic = f"{NAME}-group"
    produce(topic, [{"value": str(index).encode(), "partition": index % 3} for index in range(300)])
    one = consumer(f"{NAME}-group", heartbeat_interval_ms=500)
    one.subscribe([topic])
    polled(one, 1)
    check(len(one.assignment()) == 3, one.assignment())
    two = consumer(f"{NAME}-group", heartbeat_interval_ms=500)
    two.subscribe([topic])
    end = time.monotonic() + 60
    while time.monotonic() < end:
        # Each in a thread, or one would wait for the other until its poll ends.
        polls = [threading.Thread(target=member.poll, args=(LONG_MS,)) for member in (one, two)]
        for poll in polls:
            poll.start()
        for poll in polls:
            poll.join()
        if two.assignment() and len(one.assignment()) + len(two.assignment()) == 3:
            break
    check(two.assignment() and len(one.assignment()) + len(two.assignment()) == 3, one.assignment(), two.assignment())
    two.close()
    end = time.monotonic() + 30
    while len(one.assignment()) < 3 and time.monotonic() < end:
        one.poll(LONG_MS)
    one.seek_to_beginning()
    values = sorted(int(record.value) for record in polled(one, 300))
    check(values == list(range(300)), len(values), "records")
    one.commit()
    one.close()
    check_committed()


def check_committed():
    reader = consumer(f"{NAME}-group")
    offsets = [reader.committed(partition) for partition in partitions(f"{NAME}-group")]
    check(offsets == [100, 100, 100], offsets)
    reader.close()


def transactions(admin):
    topic = f"{NAME}-txn"
    admin.create_topics([NewTopic(topic, 1, 1)])
    producer = KafkaProducer(bootstrap_servers=SERVERS, transactional_id=f"{NAME}-txn")
    producer.init_transactions()
    for word, end in [("committed", producer.commit_transaction), ("aborted", producer.abort_transaction)]:
        producer.begin_transaction()
        for index in range(5):
            producer.send(topic, f"{word} {index}".encode(), partition=0)
        producer.flush(30)
        end()
    producer.begin_transaction()
    producer.send(topic, b"with offsets", partition=0)
    offsets = {TopicPartition(f"{NAME}-group", 0): OffsetAndMetadata(42, "", -1)}
    producer.send_offsets_to_transaction(offsets, f"{NAME}-txn-group")
    producer.commit_transaction()
    producer.close()
    check_transactions()


def check_transactions():
    expected = [f"committed {index}".encode() for index in range(5)] + [b"with offsets"]
    reader = consumer(isolation_level="read_committed")
    reader.assign([TopicPartition(f"{NAME}-txn", 0)])
    reader.seek_to_beginning()
    values = [record.value for record in polled(reader, len(expected))]
    check(values == expected, values)
    reader.close()
    reader = consumer(f"{NAME}-txn-group")
    check(reader.committed(TopicPartition(f"{NAME}-group", 0)) == 42)
    reader.close()


def main():
    if PART == "first":
        admin = KafkaAdminClient(bootstrap_servers=SERVERS)
        admin_work(admin)
        codecs()
        seek_by_time()
        group()
        transactions(admin)
        admin.create_topics([NewTopic(f"{NAME}-gone", 1, 1)])
        admin.delete_topics([f"{NAME}-gone"])
        check(f"{NAME}-gone" not in admin.list_topics(), "a deleted topic is listed")
        admin.close()
    else:
        check_codecs()
        check_committed()
        check_transactions()


main()
