// Which records of a tail are shown: a text anywhere in key or value, or a field of JSON with a value.

/**
 * A test of records by what a person typed: `field=value` (fields inside fields by dots, `!=` for the opposite) looks into values
 * that are JSON objects; anything else is looked for in key and value, letters large or small. Nothing typed lets all pass.
 */
export function filterOf(typed) {
  const text = typed.trim();
  if (text === "") return () => true;
  const found = /^([\p{L}_$][\p{L}\p{N}_$.-]*)\s*(!?=)\s*(.*)$/su.exec(text);
  if (found === null) return containing(text);
  const [, path, sign, wanted] = found;
  const plain = containing(text);
  return (record) => {
    const value = fieldOf(record.value, path.split("."));
    // What has no such field may still have the text as it was typed.
    if (value === undefined) return sign === "=" && plain(record);
    return (said(value).toLowerCase() === unquoted(wanted).toLowerCase()) === (sign === "=");
  };
}

function containing(text) {
  const wanted = text.toLowerCase();
  const has = (payload) => payload !== undefined && payload !== null && payload.text.toLowerCase().includes(wanted);
  return ({ key, value }) => has(key) || has(value);
}

function fieldOf(payload, path) {
  if (payload === undefined || payload === null || payload.hex || !payload.text.trimStart().startsWith("{")) return undefined;
  let at;
  try {
    at = JSON.parse(payload.text);
  } catch {
    return undefined; // No JSON has no fields.
  }
  for (const name of path) {
    if (at === null || typeof at !== "object" || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

function said(value) {
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

function unquoted(text) {
  const inside = /^"(.*)"$/s.exec(text.trim());
  return inside ? inside[1] : text.trim();
}
