// Why something was refused, in a language that the engine does not speak: an explanation of each error's code beside what the
// engine says. In English there is nothing to explain, so there this part is not loaded.

import { fill, loadTable } from "../language.js";
import { variant } from "../variant.js";

/** Sentences of which there are several for a code, or which come without one: about files and their rows, for the most part. */
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
  // Why a consumer could not commit.
  [/^A partition of the commit belongs to another member/, "commit_moved"],
  [/^The group does not have this member\./, "UNKNOWN_MEMBER_ID"],
  [/^The group has gone on to another generation\./, "ILLEGAL_GENERATION"],
  [/^The group is being rebalanced\./, "REBALANCE_IN_PROGRESS"],
];

/** From now on all that workers say is explained in this language before anybody hears it. */
export async function explainErrors(api, language) {
  // What the engine did has its words where the picture tells it.
  const [words, events] = await Promise.all([loadTable(`errors.${language}`), loadTable(`figures.${language}`)]);
  const event = (kind) => events[`event_${kind.replaceAll("-", "_")}`];
  if (api.language === language) api.explain = (content) => explain((key) => words[`errors_${key}`], content, event);
}

/** Puts explanations into a message of a worker. `word` gives a text of this part, `event` that of a kind of event, if there is one. */
export function explain(word, content, event = () => undefined) {
  for (const report of reportsIn(content)) report.message = beside(word, word(report.kind), report.message, report.kind);
  for (const count of content?.errors ?? []) count.last_message = beside(word, word(count.error), count.last_message, count.error);
  if (content?.args !== undefined) retell(word, event(content.kind), content);
  for (const { broken_rows: rows = [] } of content?.imports ?? []) {
    for (const row of rows) row[1] = beside(word, undefined, row[1]);
  }
}

/** The errors in a message: of a request, of a broker, of producers and consumers that have failed. */
function reportsIn(content) {
  const clients = [...(content?.imports ?? []), ...(content?.consumers ?? [])].map(({ state }) => variant(state)).filter(([name]) => name === "failed");
  return [content?.result?.Err, content?.report, ...clients.map(([, report]) => report)].filter((report) => report?.message !== undefined);
}

/** An event of a broker or a group in the page's words; why something was refused is explained in it. */
function retell(word, text, content) {
  const places = Object.fromEntries(content.args);
  if (places.why !== undefined) {
    places.why = beside(word, word(places.error), places.why, places.error);
    content.args = Object.entries(places);
  }
  if (text !== undefined) content.message = fill(text, places);
}

function beside(word, byCode, message, kind) {
  const why = translated(word, message) ?? byCode;
  // Another tab may have explained it already.
  if (why === undefined || message.startsWith(why)) return message;
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
