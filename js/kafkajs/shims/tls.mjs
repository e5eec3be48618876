export function connect() {
  throw new Error("There is no TCP here: give KafkaJS a socketFactory.");
}

export default { connect };
