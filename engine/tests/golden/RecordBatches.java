// Lets Apache Kafka's own client library write record batches, and read ours. How to run it: README.md beside this file.

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.common.utils.internals.BufferSupplier;

public class RecordBatches {
    static final long TIME = 1_700_000_000_000L;
    static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws IOException {
        switch (args.length == 0 ? "" : args[0]) {
            case "write" -> writeAll(Path.of(args[1]), Path.of(args[2]));
            case "verify" -> verifyAll(Path.of(args[1]));
            default -> throw new IllegalArgumentException("write BATCHES_FOLDER MURMUR2_FILE | verify BATCHES_FOLDER");
        }
    }

    // ---- writing ----

    static void writeAll(Path folder, Path murmur2) throws IOException {
        write(folder, "plain", batch(0, Compression.NONE, b -> b.append(TIME, bytes("key"), bytes("value"))));
        write(folder, "edge-records", batch(0, Compression.NONE, RecordBatches::edgeRecords));
        write(folder, "many-records", batch(1L << 40, Compression.NONE, RecordBatches::manyRecords));
        write(folder, "timestamps", batch(7, Compression.NONE, RecordBatches::timestamps));
        write(folder, "offset-gaps", batch(100, Compression.NONE, b -> {
            for (int delta : new int[] {0, 3, 4, 1000, 2_000_000}) b.appendWithOffset(100L + delta, TIME, bytes("k" + delta), bytes("v"));
        }));
        write(folder, "several-batches", concat(
            batch(0, Compression.NONE, RecordBatches::edgeRecords),
            batch(6, Compression.gzip().build(), RecordBatches::edgeRecords),
            batch(12, Compression.NONE, RecordBatches::timestamps)));
        for (Compression codec : List.of(Compression.gzip().build(), Compression.snappy().build(),
                Compression.lz4().build(), Compression.zstd().build())) {
            write(folder, codec.type().name + "-small", batch(0, codec, RecordBatches::edgeRecords));
            write(folder, codec.type().name + "-large", batch(5, codec, RecordBatches::largeRecords));
        }
        write(folder, "zstd-level-19", batch(5, Compression.zstd().level(19).build(), RecordBatches::largeRecords));
        write(folder, "idempotent", producerBatch(false, 2147483640));
        write(folder, "transactional", producerBatch(true, 12));
        write(folder, "commit-marker", MemoryRecords.withEndTransactionMarker(
            44, TIME, 3, 4001, (short) 5, new EndTransactionMarker(ControlRecordType.COMMIT, 9)));
        write(folder, "abort-marker", MemoryRecords.withEndTransactionMarker(
            45, TIME, 3, 4001, (short) 5, new EndTransactionMarker(ControlRecordType.ABORT, 9)));

        // The same records before and after what a broker changes in place.
        write(folder, "before-append", batch(0, Compression.lz4().build(), RecordBatches::edgeRecords));
        write(folder, "after-append", patched(b -> {
            b.setLastOffset(1_000_005);
            b.setPartitionLeaderEpoch(17);
        }));
        write(folder, "after-append-log-append-time", patched(b -> {
            b.setLastOffset(1_000_005);
            b.setPartitionLeaderEpoch(17);
            b.setMaxTimestamp(TimestampType.LOG_APPEND_TIME, TIME + 86_400_000);
        }));
        write(folder, "compacted", compacted(true));
        write(folder, "compacted-empty", compacted(false));
        Files.createDirectories(murmur2.getParent());
        Files.writeString(murmur2, murmur2());
    }

    /** Records without key, value, headers or all of them; headers of every kind, in an order that matters. */
    static void edgeRecords(MemoryRecordsBuilder b) {
        b.append(TIME, bytes("key"), bytes("value"));
        b.append(TIME + 1, null, bytes("no key"));
        b.append(TIME + 2, bytes("no value"), null);
        b.append(TIME + 3, new byte[0], new byte[0]);
        b.append(TIME + 4, (byte[]) null, null);
        b.append(TIME + 5, bytes("headers"), bytes("v"), new Header[] {
            new RecordHeader("z", bytes("1")), new RecordHeader("a", bytes("2")), new RecordHeader("z", bytes("3")),
            new RecordHeader("z", (byte[]) null), new RecordHeader("", new byte[0]),
            new RecordHeader("Größe", new byte[] {0, (byte) 0xff}), new RecordHeader("z", bytes("1"))});
    }

    static void manyRecords(MemoryRecordsBuilder b) {
        for (int i = 0; i < 300; i++) {
            byte[] value = new byte[i % 5 == 0 ? 128 + i : i % 64];
            new Random(i).nextBytes(value);
            b.append(TIME + 37L * i, bytes("vehicle-" + i % 7), value);
        }
    }

    /** Timestamps that go back, stand still, jump, and are not there. */
    static void timestamps(MemoryRecordsBuilder b) {
        for (long timestamp : new long[] {TIME, TIME - 1, TIME - 86_400_000, TIME, TIME + (1L << 33), 0, -1, 1L << 62}) {
            b.append(timestamp, null, bytes(Long.toString(timestamp)));
        }
    }

    /** Some 160 KB that compress to a quarter: more than one block of every codec. */
    static void largeRecords(MemoryRecordsBuilder b) {
        Random random = new Random(7);
        for (int i = 0; i < 40; i++) {
            StringBuilder text = new StringBuilder();
            while (text.length() < 4096) {
                text.append("{\"vehicle\":").append(random.nextInt(200)).append(",\"speed\":").append(random.nextInt(130))
                    .append(",\"state\":\"").append(random.nextBoolean() ? "driving" : "parked").append("\"}\n");
            }
            b.append(TIME + i, bytes("k" + i), bytes(text.toString()));
        }
    }

    static MemoryRecords batch(long baseOffset, Compression codec, Consumer<MemoryRecordsBuilder> records) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(
            ByteBuffer.allocate(1024), codec, TimestampType.CREATE_TIME, baseOffset);
        records.accept(builder);
        return builder.build();
    }

    static MemoryRecords producerBatch(boolean transactional, int sequence) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.CURRENT_MAGIC_VALUE,
            Compression.NONE, TimestampType.CREATE_TIME, 20, RecordBatch.NO_TIMESTAMP, 4001, (short) 5, sequence,
            transactional, 3);
        edgeRecords(builder);
        return builder.build();
    }

    static MemoryRecords patched(Consumer<MutableRecordBatch> patch) {
        MemoryRecords records = batch(0, Compression.lz4().build(), RecordBatches::edgeRecords);
        records.batches().forEach(patch);
        return records;
    }

    /** What compaction leaves: of five records the second, a tombstone, or none, but the batch's last offset stays. */
    static MemoryRecords compacted(boolean keepOne) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.CURRENT_MAGIC_VALUE,
            Compression.NONE, TimestampType.CREATE_TIME, 500, RecordBatch.NO_TIMESTAMP, 4001, (short) 5, 0, false, 3);
        for (int i = 0; i < 5; i++) builder.append(TIME + i, bytes("k" + i), i == 1 ? null : bytes("v"));
        MemoryRecords.RecordFilter filter = new MemoryRecords.RecordFilter(TIME + 1_000_000, 60_000) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return keepOne && record.offset() == 501;
            }
        };
        ByteBuffer out = ByteBuffer.allocate(4096);
        builder.build().filterTo(filter, out, BufferSupplier.NO_CACHING, Integer.MAX_VALUE);
        out.flip();
        return MemoryRecords.readableRecords(out);
    }

    static MemoryRecords concat(MemoryRecords... parts) {
        ByteBuffer all = ByteBuffer.allocate(Stream.of(parts).mapToInt(MemoryRecords::sizeInBytes).sum());
        for (MemoryRecords part : parts) all.put(part.buffer().duplicate());
        all.flip();
        return MemoryRecords.readableRecords(all);
    }

    static void write(Path folder, String name, MemoryRecords records) throws IOException {
        byte[] bytes = Utils.toArray(records.buffer().duplicate());
        Files.createDirectories(folder);
        Files.write(folder.resolve(name + ".bin"), bytes);
        Files.writeString(folder.resolve(name + ".txt"), listing(bytes));
    }

    static String murmur2() {
        StringBuilder out = new StringBuilder("# key in hex, murmur2 as a signed number, partition of 1, 3, 4, 12, 100\n");
        Random random = new Random(11);
        for (int i = 0; i < 400; i++) {
            byte[] key = i < 40 ? new byte[i] : i < 140 ? bytes("vehicle-" + (i - 40)) : new byte[random.nextInt(64)];
            if (i < 40 || i >= 140) random.nextBytes(key);
            int hash = Utils.murmur2(key);
            out.append(key.length == 0 ? "-" : HEX.formatHex(key)).append(' ').append(hash);
            for (int partitions : new int[] {1, 3, 4, 12, 100}) out.append(' ').append(Utils.toPositive(hash) % partitions);
            out.append('\n');
        }
        return out.toString();
    }

    // ---- reading ----

    /** Reads every NAME.bin and compares with NAME.txt, which the other side has written. */
    static void verifyAll(Path folder) throws IOException {
        int count = 0;
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".bin")).sorted().toList()) {
                String name = file.getFileName().toString().replace(".bin", "");
                String expected = Files.readString(folder.resolve(name + ".txt"));
                String read = listing(Files.readAllBytes(file));
                if (!read.equals(expected)) throw new AssertionError(name + ": Kafka reads\n" + read + "expected\n" + expected);
                count++;
            }
        }
        System.out.println(count + " files read by Kafka's library as they were written");
    }

    static String listing(byte[] bytes) {
        StringBuilder out = new StringBuilder();
        for (RecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches()) {
            batch.ensureValid();
            out.append("batch offsets ").append(batch.baseOffset()).append("..").append(batch.nextOffset())
                .append(" size ").append(batch.sizeInBytes())
                .append(" crc ").append(String.format("%08x", batch.checksum()))
                .append(" epoch ").append(batch.partitionLeaderEpoch())
                .append(" codec ").append(batch.compressionType().name)
                .append(" time ").append(batch.timestampType()).append(' ').append(batch.maxTimestamp())
                .append(batch.isTransactional() ? " transactional" : "")
                .append(batch.isControlBatch() ? " control" : "")
                .append(batch.deleteHorizonMs().isPresent() ? " horizon " + batch.deleteHorizonMs().getAsLong() : "")
                .append(" producer ").append(batch.producerId()).append(' ').append(batch.producerEpoch())
                .append(' ').append(batch.baseSequence())
                .append(" records ").append(batch.countOrNull()).append('\n');
            for (Record record : batch) {
                record.ensureValid();
                out.append("  ").append(record.offset()).append(' ').append(record.timestamp())
                    .append(' ').append(show(record.hasKey() ? Utils.toArray(record.key()) : null))
                    .append(' ').append(show(record.hasValue() ? Utils.toArray(record.value()) : null));
                for (Header header : record.headers()) {
                    out.append(' ').append(show(bytes(header.key()))).append('=').append(show(header.value()));
                }
                out.append('\n');
            }
        }
        return out.toString();
    }

    /** Short bytes in hex, long ones by length and CRC-32C, none as a dash. */
    static String show(byte[] bytes) {
        if (bytes == null) return "-";
        if (bytes.length <= 32) return "'" + HEX.formatHex(bytes) + "'";
        java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
        crc.update(bytes);
        return bytes.length + ":" + String.format("%08x", crc.getValue());
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
