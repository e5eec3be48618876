// The words of a program in another language.

const COMMENT = /\/\/ (.+)$/gm;

/** The words of each comment that a program has. */
export const commentsOf = (code) => [...code.matchAll(COMMENT)].map(([, words]) => words);

/** The same program with its comments in other words, as far as `words` has some for them. */
export const withComments = (code, words) => code.replace(COMMENT, (_, said) => `// ${words[said] ?? said}`);
