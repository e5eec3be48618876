//! Just enough JSON (RFC 8259): is this line an object, and what does one of its fields say. The line itself is sent
//! as it stands.

/// Objects and arrays inside each other; more is refused.
const MAX_DEPTH: usize = 128;

type Checked<T> = Result<T, String>;

/// Checks that `text` is one JSON object in UTF-8. Writes the content of the field `key_field`, if one is asked for, to
/// `key`: a string's characters, or a number's text.
pub(super) fn read_object(text: &[u8], key_field: Option<&str>, key: &mut Vec<u8>) -> Checked<()> {
    std::str::from_utf8(text).map_err(|_| "it is not valid UTF-8".to_owned())?;
    let mut found = None;
    Scanner { text, at: 0, depth: 0 }.document(&mut |name, value| {
        if let Some(wanted) = key_field
            && string_is(name, wanted)
        {
            found = Some(value);
        }
    })?;
    let Some(wanted) = key_field else { return Ok(()) };
    match found {
        Some(value @ [b'"', ..]) => {
            unescape(value, key);
            Ok(())
        }
        Some(value @ [b'-' | b'0'..=b'9', ..]) => {
            key.extend_from_slice(value);
            Ok(())
        }
        Some(_) => Err(format!("its field \"{wanted}\", which is the key, is neither text nor a number")),
        None => Err(format!("it has no field \"{wanted}\", which is the key")),
    }
}

/// The names of an object's fields, in order; none if it is not an object.
pub(crate) fn field_names(text: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let scanned = Scanner { text, at: 0, depth: 0 }.document(&mut |name, _| {
        let mut bytes = Vec::new();
        unescape(name, &mut bytes);
        let name = String::from_utf8_lossy(&bytes).into_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    });
    if scanned.is_ok() { names } else { Vec::new() }
}

/// Writes text as a JSON string.
pub(super) fn write_string(mut text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    loop {
        let plain = text.iter().position(|byte| !is_plain(*byte)).unwrap_or(text.len());
        let (before, rest) = text.split_at(plain);
        out.extend_from_slice(before);
        let Some((&byte, after)) = rest.split_first() else { break };
        text = after;
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
            _ => out.extend_from_slice(&[b'\\', byte]),
        }
    }
    out.push(b'"');
}

/// Whether a byte stands for itself within a JSON string.
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

fn string_is(literal: &[u8], wanted: &str) -> bool {
    let inner = literal.get(1..literal.len() - 1).unwrap_or_default();
    if !inner.contains(&b'\\') {
        return inner == wanted.as_bytes();
    }
    let mut plain = Vec::new();
    unescape(literal, &mut plain);
    plain == wanted.as_bytes()
}

/// The characters of a string literal that was checked. A lone surrogate becomes U+FFFD.
fn unescape(literal: &[u8], out: &mut Vec<u8>) {
    let mut rest = literal.get(1..literal.len() - 1).unwrap_or_default();
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        let escape = rest.get(at + 1).copied().unwrap_or_default();
        rest = rest.get(at + 2..).unwrap_or_default();
        match escape {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let first = take_unit(&mut rest);
                let mut units = vec![first];
                if (0xd800..0xdc00).contains(&first) && rest.starts_with(b"\\u") {
                    rest = &rest[2..];
                    units.push(take_unit(&mut rest));
                }
                for decoded in char::decode_utf16(units) {
                    let character = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
}

fn take_unit(rest: &mut &[u8]) -> u16 {
    let (digits, after) = rest.split_at_checked(4).unwrap_or((b"fffd", &[]));
    *rest = after;
    digits.iter().fold(0, |unit, digit| {
        unit << 4 | u16::try_from(char::from(*digit).to_digit(16).unwrap_or_default()).unwrap_or_default()
    })
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    /// One object and nothing else; its fields are told as literals.
    fn document(mut self, field: &mut dyn FnMut(&'a [u8], &'a [u8])) -> Checked<()> {
        self.space();
        if self.peek() != Some(b'{') {
            return Err("it is not a JSON object".to_owned());
        }
        self.object(field)?;
        self.space();
        if self.at < self.text.len() { Err(self.wrong("something follows the object")) } else { Ok(()) }
    }

    fn object(&mut self, field: &mut dyn FnMut(&'a [u8], &'a [u8])) -> Checked<()> {
        self.enter()?;
        if self.closes(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            let start = self.at;
            self.value()?;
            field(name, &self.text[start..self.at]);
            if self.ends(b'}')? {
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Checked<()> {
        self.enter()?;
        if self.closes(b']') {
            return Ok(());
        }
        loop {
            self.space();
            self.value()?;
            if self.ends(b']')? {
                return Ok(());
            }
        }
    }

    fn enter(&mut self) -> Checked<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.wrong("it is nested too deeply")) } else { Ok(()) }
    }

    /// Whether an object or array ends before its first element.
    fn closes(&mut self, close: u8) -> bool {
        self.space();
        let closes = self.peek() == Some(close);
        if closes {
            self.at += 1;
            self.depth -= 1;
        }
        closes
    }

    /// After an element: whether that was the last.
    fn ends(&mut self, close: u8) -> Checked<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(true)
            }
            Some(_) => Err(self.wrong(if close == b'}' {
                "a comma or } is missing"
            } else {
                "a comma or ] is missing"
            })),
            None => Err(self.wrong("it ends too early")),
        }
    }

    fn value(&mut self) -> Checked<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(&mut |_, _| {}),
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(_) => Err(self.wrong("a value is missing")),
            None => Err(self.wrong("it ends too early")),
        }
    }

    fn string(&mut self) -> Checked<&'a [u8]> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.wrong(if self.at < self.text.len() {
                "a name in quotes is missing"
            } else {
                "it ends too early"
            }));
        }
        self.at += 1;
        loop {
            self.pass(is_plain);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.text[start..self.at]);
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.wrong("a control character stands in a text")),
                None => return Err(self.wrong("a text is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Checked<()> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u')
                if self
                    .text
                    .get(self.at + 2..self.at + 6)
                    .is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) =>
            {
                self.at += 6;
            }
            _ => return Err(self.wrong("a \\ begins nothing that JSON knows")),
        }
        Ok(())
    }

    fn number(&mut self) -> Checked<()> {
        self.skip(b'-');
        let leading_zero = self.skip(b'0');
        if !leading_zero && self.digits() == 0 || leading_zero && self.digits() > 0 {
            return Err(self.wrong("a number is malformed"));
        }
        if self.skip(b'.') && self.digits() == 0 {
            return Err(self.wrong("a number is malformed"));
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _ = self.skip(b'+') || self.skip(b'-');
            if self.digits() == 0 {
                return Err(self.wrong("a number is malformed"));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        self.pass(|byte| byte.is_ascii_digit())
    }

    /// Goes past the bytes that are as wanted, and says how many those were. Most of a line is passed here.
    #[inline]
    fn pass(&mut self, wanted: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let count = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        self.at += count;
        count
    }

    fn word(&mut self, word: &[u8]) -> Checked<()> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong("a value is missing"));
        }
        self.at += word.len();
        Ok(())
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, byte: u8) -> Checked<()> {
        if self.skip(byte) { Ok(()) } else { Err(self.wrong("a colon is missing")) }
    }

    fn space(&mut self) {
        self.pass(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn wrong(&self, what: &str) -> String {
        format!("it is not valid JSON: {what} (byte {})", self.at + 1)
    }
}
