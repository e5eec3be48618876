export const promisify =
  (task) =>
  (...content) =>
    new Promise((resolve, reject) => {
      task(...content, (error, result) => (error ? reject(error) : resolve(result)));
    });

/** `%d` and `%s`, all that KafkaJS uses. */
export function format(text, ...values) {
  return text.replace(/%[ds]/g, () => String(values.shift()));
}

export default { promisify, format };
