"""What a bench asks of a server, with librdkafka: one JSON object a line on stdout."""

import json
import random
import socket
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BATCH = 10_000


def make(servers, topic, partitions):
    admin = AdminClient({"bootstrap.servers": servers})
    next(iter(admin.create_topics([NewTopic(topic, partitions, 1)]).values())).result(30)


def produce(servers, topic, partitions, size, count, acks):
    make(servers, topic, partitions)
    failed = []
    producer = Producer({
        "bootstrap.servers": servers, "acks": acks, "linger.ms": 5, "batch.size": 1_000_000,
        "queue.buffering.max.messages": 2_000_000, "queue.buffering.max.kbytes": 1_000_000,
        # Failures only: a call back into Python for each record would be what is measured.
        "delivery.report.only.error": True, "on_delivery": lambda error, _: failed.append(str(error)),
    })
    producer.list_topics(topic, 30)
    # Bytes that do not repeat, so that nothing on the way has an easy time with them.
    noise = random.Random(7).randbytes(size * 64)
    values = [noise[index * size:(index + 1) * size] for index in range(64)]
    batches = [[{"value": values[index % 64]} for index in range(BATCH)] for _ in range(partitions)]
    start = time.perf_counter()
    for number in range(count // BATCH):
        producer.produce_batch(topic, batches[number % partitions], number % partitions)
        producer.poll(0)
    left = producer.flush(120)
    seconds = time.perf_counter() - start
    if left or failed:
        raise SystemExit(f"{left} records were not delivered; {failed[:1]}")
    return {"seconds": seconds}


def consume(servers, topic, partitions, size, count):
    consumer = Consumer({
        "bootstrap.servers": servers, "group.id": "bench", "enable.auto.commit": False, "check.crcs": False,
        "fetch.wait.max.ms": 100, "queued.min.messages": 1_000_000, "queued.max.messages.kbytes": 200_000,
    })
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    start = time.perf_counter()
    seen = bytes_seen = 0
    while seen < count:
        records = consumer.consume(BATCH, 5)
        if not records:
            raise SystemExit(f"only {seen} records of {count} came")
        seen += len(records)
        bytes_seen += sum(map(len, records))
    seconds = time.perf_counter() - start
    consumer.close()
    if bytes_seen != seen * size:
        raise SystemExit(f"{bytes_seen} bytes of {seen * size}")
    return {"seconds": seconds}


def one_by_one(servers, topic, count, acks):
    make(servers, topic, 1)
    producer = Producer({"bootstrap.servers": servers, "acks": acks, "linger.ms": 0, "socket.nagle.disable": True})
    producer.list_topics(topic, 30)
    value = random.Random(7).randbytes(100)
    times = []
    for index in range(count + 200):
        start = time.perf_counter()
        producer.produce(topic, value, partition=0)
        producer.flush(10)
        if index >= 200:
            times.append((time.perf_counter() - start) * 1000)
    return {"times": times}


def echo(address, count):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    value = random.Random(7).randbytes(200)
    times = []
    for index in range(count + 200):
        start = time.perf_counter()
        connection.sendall(value)
        got = 0
        while got < len(value):
            got += len(connection.recv(4096))
        if index >= 200:
            times.append((time.perf_counter() - start) * 1000)
    return {"times": times}


WORK = {"produce": produce, "consume": consume, "latency": one_by_one, "echo": echo}
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(WORK[asked.pop("do")](**asked)), flush=True)
