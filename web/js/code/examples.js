// The examples that a person starts from, in the page's language.

import countEn from "./examples/count.js" with { type: "text" };
import countZh from "./examples/count.zh.js" with { type: "text" };
import onceEn from "./examples/exactly-once.js" with { type: "text" };
import onceZh from "./examples/exactly-once.zh.js" with { type: "text" };
import keysEn from "./examples/keys.js" with { type: "text" };
import keysZh from "./examples/keys.zh.js" with { type: "text" };

/** By name; each has a text for each language. Their titles are the words `code_example_NAME`. */
export const EXAMPLES = {
  keys: { en: keysEn, zh: keysZh },
  count: { en: countEn, zh: countZh },
  once: { en: onceEn, zh: onceZh },
};
