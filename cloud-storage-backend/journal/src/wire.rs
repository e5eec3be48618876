//! How numbers and bytes of stored objects are written: varints, lowest seven bits first. Also for who keeps objects of
//! their own beside a journal.

use bytes::Bytes;

/// What is stored is not what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed(pub &'static str);

/// Writes an object.
#[derive(Default)]
pub struct Encoder(pub Vec<u8>);

impl Encoder {
    /// Not negative.
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    /// Negative ones are zigzag-coded.
    pub fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// How many follow.
    pub fn count(&mut self, value: usize) {
        self.number(value as u64);
    }

    /// Its length in bytes, then UTF-8.
    pub fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Bytes as they are.
    pub fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// Reads an object that may be wrong.
pub struct Decoder<'a>(pub &'a [u8]);

impl<'a> Decoder<'a> {
    /// See [`Encoder::number`].
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed("a number that is too long"))
    }

    /// See [`Encoder::signed`].
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn signed(&mut self) -> Result<i64, Malformed> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// One that fits.
    ///
    /// # Errors
    ///
    /// When there is none, or it does not.
    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed("a number out of its range"))
    }

    /// How many follow, each of which takes at least a byte: so no count makes more room than there are bytes.
    ///
    /// # Errors
    ///
    /// When there is none, or they cannot be there.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        let count: usize = self.small()?;
        if count > self.0.len() { Err(Malformed("a count beyond the end")) } else { Ok(count) }
    }

    /// See [`Encoder::text`].
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn text(&mut self) -> Result<String, Malformed> {
        let length = self.count()?;
        let bytes = self.slice(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Malformed("text that is none"))
    }

    /// The next bytes.
    ///
    /// # Errors
    ///
    /// When there are not so many.
    pub fn slice(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed("cut off"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The next bytes.
    ///
    /// # Errors
    ///
    /// When there are not so many.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed("cut off"))?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// There is no more.
    ///
    /// # Errors
    ///
    /// When there is.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("more than there should be")) }
    }
}

/// The version of the format of all objects.
pub const FORMAT_VERSION: u8 = 1;
/// Magic, version, length of the head.
const PREFIX: usize = 8;
/// The checksum behind the head.
const CHECKSUM: usize = 4;

/// An object: three letters that say what it is, the format's version, the length of the head (u32), the head, its
/// CRC-32C, and a body that has checksums of its own.
pub fn seal(magic: [u8; 3], head: &[u8], body: &[Bytes]) -> Bytes {
    let length: usize = body.iter().map(Bytes::len).sum();
    let mut object = Vec::with_capacity(PREFIX + head.len() + CHECKSUM + length);
    object.extend_from_slice(&magic);
    object.push(FORMAT_VERSION);
    object.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes());
    object.extend_from_slice(head);
    object.extend_from_slice(&headwater_engine::record::crc32c(head).to_be_bytes());
    for part in body {
        object.extend_from_slice(part);
    }
    object.into()
}

/// Why an object cannot be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsealed {
    /// The head is longer than the bytes there are: read the whole object.
    Short,
    /// Of another version of the format.
    Version(u8),
    /// Not what was written.
    Malformed(Malformed),
}

/// The head of an object, and where its body begins.
///
/// # Errors
///
/// When it is not what was written.
pub fn unseal(magic: [u8; 3], object: &[u8]) -> Result<(&[u8], usize), Unsealed> {
    let malformed = |what| Unsealed::Malformed(Malformed(what));
    let (prefix, rest) = object.split_first_chunk::<PREFIX>().ok_or(Unsealed::Short)?;
    let [a, b, c, version, length @ ..] = *prefix;
    if [a, b, c] != magic {
        return Err(malformed("not an object of this kind"));
    }
    if version != FORMAT_VERSION {
        return Err(Unsealed::Version(version));
    }
    let length = u32::from_be_bytes(length) as usize;
    let (head, rest) = rest.split_at_checked(length).ok_or(Unsealed::Short)?;
    let (checksum, _) = rest.split_first_chunk::<CHECKSUM>().ok_or(Unsealed::Short)?;
    if headwater_engine::record::crc32c(head) != u32::from_be_bytes(*checksum) {
        return Err(malformed("its head has another checksum"));
    }
    Ok((head, PREFIX + length + CHECKSUM))
}
