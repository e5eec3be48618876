// Why something was refused, in a language that the engine does not speak: an explanation of each error's code beside what the
// engine says. In English there is nothing to explain, so there this part is not loaded.

import { fill, loadTable } from "../language.js";
import { variant } from "../variant.js";

/** Sentences about files and their rows, of which there are several for a code, or which have none. */
const SENTENCES = [
  [/^The file is UTF-16/, "file_utf16"],
  [/^The file is a zip archive/, "file_archive"],
  [/^The file is not text/, "file_binary"],
  [/^The file is empty/, "file_empty"],
  [/^The file is one JSON array/, "file_array"],
  [/^Its header line \((?<line>\d+)\) cannot be read: (?<why>.*)\.$/, "file_header"],
  [/^Its header line is not valid UTF-8/, "file_header_utf8"],
  [/^Its header line has no column "(?<column>.*)"/, "file_column"],
  [/^The file is damaged and cannot be unpacked further: (?<why>.*)\.$/, "file_damaged"],
  [/^(?<url>\S+) could not be loaded: (?<why>.*)\.$/, "file_fetch"],
  [/^it has (?<have>\d+) columns?, the header has (?<want>\d+)$/, "row_columns"],
  [/^the line is longer than (?<most>\d+) bytes$/, "row_long"],
  [/^it is not valid UTF-8$/, "row_utf8"],
  [/^a quote is (opened and never closed|not closed within)/, "row_quote_open"],
  [/^a quote stands inside a field/, "row_quote_inside"],
  [/^text follows a closing quote$/, "row_quote_after"],
  [/^its column "(?<column>.*)", which is the key, is empty$/, "row_key_empty"],
  [/^it has no field "(?<column>.*)", which is the key$/, "row_key_missing"],
  [/^its field "(?<column>.*)", which is the key, is neither/, "row_key_type"],
  [/^as JSON it is longer than (?<most>\d+) bytes$/, "row_json_long"],
  [/^it is not a JSON object$/, "row_object"],
  [/^it is not valid JSON: (?<why>.*) \(byte (?<at>\d+)\)$/, "row_json"],
  [/^it ends too early$/, "json_ends"],
  [/^something follows the object$/, "json_follows"],
  [/^it is nested too deeply$/, "json_deep"],
  [/^(?<what>a comma or [}\]]|a colon|a value|a name in quotes) is missing$/, "json_missing"],
  [/^a control character stands in a text$/, "json_control"],
  [/^a text is not closed$/, "json_open"],
  [/^a \\ begins nothing/, "json_escape"],
  [/^a number is malformed$/, "json_number"],
  [/^a comma or (?<sign>[}\]])$/, "json_comma"],
  [/^a colon$/, "json_colon"],
  [/^a value$/, "json_value"],
  [/^a name in quotes$/, "json_name"],
];

/** From now on all that workers say is explained in this language before anybody hears it. */
export async function explainErrors(api, language) {
  const words = await loadTable(`errors.${language}`);
  if (api.language === language) api.explain = (content) => explain((key) => words[`errors_${key}`], content);
}

/** Puts explanations into a message of a worker. `word` gives a text of this part, if there is one. */
export function explain(word, content) {
  for (const report of reportsIn(content)) report.message = beside(word, word(report.kind), report.message, report.kind);
  for (const { broken_rows: rows = [] } of content?.imports ?? []) {
    for (const row of rows) row[1] = beside(word, undefined, row[1]);
  }
}

/** The errors in a message: of a request, of a broker, of producers and consumers that have failed. */
function reportsIn(content) {
  const clients = [...(content?.imports ?? []), ...(content?.consumers ?? [])].map(({ state }) => variant(state)).filter(([name]) => name === "failed");
  return [content?.result?.Err, content?.report, ...clients.map(([, report]) => report)].filter((report) => report?.message !== undefined);
}

function beside(word, byCode, message, kind) {
  const why = translated(word, message) ?? byCode;
  if (why === undefined) return message;
  // The code stands beside it anyhow.
  return message === kind ? why : fill(word("beside"), { why, message });
}

/** A sentence that is known, in the page's language; so is what is quoted in it. */
function translated(word, message) {
  for (const [pattern, key] of SENTENCES) {
    const found = pattern.exec(message);
    if (found === null || word(key) === undefined) continue;
    const places = { ...found.groups };
    for (const name of ["why", "what"]) places[name] &&= translated(word, places[name]) ?? places[name];
    return fill(word(key), places);
  }
  return undefined;
}
