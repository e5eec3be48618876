// KafkaJS, unchanged, with what it needs to run in a page: the entry of a bundle (bundle.mjs).

import kafkajs from "kafkajs";

export const { Kafka, logLevel, CompressionTypes, CompressionCodecs, ConfigResourceTypes, Partitioners, PartitionAssigners } =
  kafkajs;
export { Buffer } from "buffer";
export { overMessagePorts, socketFactory } from "./socket.mjs";
