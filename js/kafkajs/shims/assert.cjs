// The one function itself is what `require` answers, so this cannot be a module with a default export.
module.exports = (condition, message) => {
  if (!condition) throw message instanceof Error ? message : new Error(message ?? "an assertion failed");
};
