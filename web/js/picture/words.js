// Words and numbers of the picture, in the page's language.

const SANS = 7;

/** `t`, and numbers as people read them: `count` grouped, `brief` short, `size` of bytes; `width` of a short word in pixels. */
export function wordsOf(api) {
  const grouped = new Intl.NumberFormat(api.language);
  const short = new Intl.NumberFormat(api.language, { notation: "compact", maximumFractionDigits: 1 });
  const count = (number) => grouped.format(number);
  const brief = (number) => short.format(number < 10 ? Math.round(number * 10) / 10 : Math.round(number));
  return { t: (key, places) => api.t(key, places), count, brief, size: (bytes) => size(bytes, brief), width };
}

function size(bytes, brief) {
  const unit = bytes < 1e3 ? 0 : bytes < 1e6 ? 1 : bytes < 1e9 ? 2 : 3;
  return `${brief(bytes / 1000 ** unit)} ${["B", "kB", "MB", "GB"][unit]}`;
}

const width = (word) => 20 + [...word].reduce((sum, letter) => sum + (letter.charCodeAt(0) > 0x2e7f ? 13 : SANS), 0);
