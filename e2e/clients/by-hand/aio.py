"""The scenario with aiokafka: kafka-python's younger relative, on asyncio. README.md says how to run it."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

SERVERS, PART = sys.argv[1], sys.argv[2]
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
EACH = 20


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what))


def text(codec, index):
    return f"{codec} {index} ".encode() * 20


def consumer(*topics, **more):
    return AIOKafkaConsumer(
        *topics, bootstrap_servers=SERVERS, auto_offset_reset="earliest", enable_auto_commit=False,
        heartbeat_interval_ms=300, **more,
    )


async def polled(reader, wanted):
    records = []
    while len(records) < wanted:
        for batch in (await reader.getmany(timeout_ms=200)).values():
            records.extend(batch)
    return records


async def administrate():
    admin = AIOKafkaAdminClient(bootstrap_servers=SERVERS)
    await admin.start()
    await admin.create_topics([NewTopic(f"aio-{name}", 3, 1) for name in ("codecs", "group", "txn", "order")])
    made = await admin.create_topics([NewTopic("aio-order", 3, 1)])
    check(made.topic_errors[0][1] == TopicAlreadyExistsError.errno, made)
    await admin.create_partitions({"aio-codecs": NewPartitions(4)})
    await admin.delete_topics(["aio-order"])
    check("aio-order" not in await admin.list_topics())
    await admin.describe_cluster()
    await admin.close()


async def codecs():
    for number, codec in enumerate(CODECS):
        async with AIOKafkaProducer(bootstrap_servers=SERVERS, compression_type=codec, enable_idempotence=True) as producer:
            sent = [
                await producer.send("aio-codecs", text(codec, index), str(codec).encode(), number % 3, headers=[("n", b"%d" % index)])
                for index in range(EACH)
            ]
            await asyncio.gather(*sent)


async def check_codecs():
    following = {}
    async with consumer("aio-codecs") as reader:
        for record in await polled(reader, EACH * len(CODECS)):
            codec = record.key.decode()
            index = following.get(codec, 0)
            check(record.value == text(codec, index) and record.headers == (("n", b"%d" % index),), record)
            following[codec] = index + 1


async def group():
    async with AIOKafkaProducer(bootstrap_servers=SERVERS, acks="all") as producer:
        await asyncio.gather(*[await producer.send("aio-group", b"%d" % index, partition=index % 3) for index in range(300)])
    async with consumer("aio-group", group_id="aio-group") as one, consumer("aio-group", group_id="aio-group") as two:
        seen = set()
        while len(seen) < 300 or not one.assignment() or not two.assignment():
            for member in (one, two):
                for batch in (await member.getmany(timeout_ms=100)).values():
                    seen.update(record.value for record in batch)
        check(len(one.assignment()) + len(two.assignment()) == 3, one.assignment(), two.assignment())
        await asyncio.gather(one.commit(), two.commit())
        committed = [await one.committed(TopicPartition("aio-group", partition)) for partition in range(3)]
        check(committed == [100] * 3, committed)


async def transactions():
    async with AIOKafkaProducer(bootstrap_servers=SERVERS, transactional_id="aio-txn") as producer:
        async def send(word):
            for index in range(5):
                await producer.send_and_wait("aio-txn", f"{word} {index}".encode(), partition=0)

        async with producer.transaction():
            await send("committed")
        await producer.begin_transaction()
        await send("aborted")
        await producer.abort_transaction()
        async with producer.transaction():
            await send("later")
            await producer.send_offsets_to_transaction({TopicPartition("aio-group", 0): 100}, "aio-eos")


async def check_transactions():
    for isolation, words in (("read_committed", ["committed", "later"]), ("read_uncommitted", ["committed", "aborted", "later"])):
        async with consumer("aio-txn", isolation_level=isolation) as reader:
            values = [record.value.decode() for record in await polled(reader, 5 * len(words))]
            check(values == [f"{word} {index}" for word in words for index in range(5)], values)


async def main():
    if PART == "first":
        for step in (administrate, codecs, group, transactions):
            await step()
    await check_codecs()
    await check_transactions()


asyncio.run(asyncio.wait_for(main(), 120))
