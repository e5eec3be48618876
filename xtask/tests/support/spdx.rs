//! SPDX licence expressions: names joined by OR and AND, with parentheses.

use std::collections::BTreeSet;

/// Whether someone who accepts only these licences may use what is under this expression.
pub fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // Packages from before SPDX expressions were asked for wrote a slash for OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = Words { words: spaced.split_whitespace().collect(), next: 0, allowed };
    words.alternatives() == Some(true) && words.next == words.words.len()
}

struct Words<'a> {
    words: Vec<&'a str>,
    next: usize,
    allowed: &'a BTreeSet<String>,
}

/// Each method reads as much as it understands; none where something is missing.
impl<'a> Words<'a> {
    fn alternatives(&mut self) -> Option<bool> {
        let mut result = self.all_of()?;
        while self.take("OR") {
            result |= self.all_of()?;
        }
        Some(result)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut result = self.one()?;
        while self.take("AND") {
            result &= self.one()?;
        }
        Some(result)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let result = self.alternatives()?;
            return self.take(")").then_some(result);
        }
        let mut licence = self.word()?.to_owned();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.word()?);
        }
        Some(self.allowed.contains(&licence))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.next) == Some(&word);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self) -> Option<&'a str> {
        let word = *self.words.get(self.next)?;
        self.next += 1;
        Some(word)
    }
}
