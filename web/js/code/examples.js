// The examples that a person starts from, in the page's language.

import { withComments } from "./comments.js";
import count from "./examples/count.js" with { type: "text" };
import once from "./examples/exactly-once.js" with { type: "text" };
import keys from "./examples/keys.js" with { type: "text" };
import zh from "./examples/zh.json" with { type: "json" };

/** By name; each has a text for each language. Their titles are the words `code_example_NAME`. */
export const EXAMPLES = Object.fromEntries(Object.entries({ keys, count, once }).map(([name, en]) => [name, { en, zh: withComments(en, zh) }]));
