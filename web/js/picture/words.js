// Words and numbers of the picture, in the page's language.

import { bytes, count } from "../inspect/format.js";

/** How wide a letter of a button is, in pixels, and one of East Asia. */
const [LETTER, WIDE_LETTER, AROUND] = [7, 13, 20];

/** `t`, and numbers as people read them: `count` grouped, `brief` short, `size` of bytes; `width` of a short word in pixels. */
export function wordsOf(api) {
  const short = new Intl.NumberFormat(api.language, { notation: "compact", maximumFractionDigits: 1 });
  const brief = (number) => short.format(number < 10 ? Math.round(number * 10) / 10 : Math.round(number));
  return { t: (key, places) => api.t(key, places), count, brief, size: bytes, width };
}

function width(word) {
  return AROUND + [...word].reduce((sum, letter) => sum + (letter.charCodeAt(0) > 0x2e7f ? WIDE_LETTER : LETTER), 0);
}
