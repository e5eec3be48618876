//! Records made up on the spot.

/// The longest value that is made.
pub(crate) const MAX_VALUE_SIZE: u32 = 1_000_000;

/// Makes values of one length, each with its number in it. From 32 bytes on they are JSON.
#[derive(Debug)]
pub(crate) struct Synthetic {
    value: Vec<u8>,
    /// Where the number stands in it.
    digits: std::ops::Range<usize>,
}

impl Synthetic {
    /// Values of `size` bytes.
    pub(crate) fn new(size: u32) -> Synthetic {
        let size = size.min(MAX_VALUE_SIZE) as usize;
        let mut value = vec![b'x'; size];
        let (before, between, after) = (&b"{\"n\":"[..], &b",\"pad\":\""[..], &b"\"}"[..]);
        let digits = if size >= 32 {
            let digits = before.len()..before.len() + 12;
            value[..before.len()].copy_from_slice(before);
            value[digits.end..digits.end + between.len()].copy_from_slice(between);
            value[size - after.len()..].copy_from_slice(after);
            digits
        } else {
            0..size.min(12)
        };
        Synthetic { value, digits }
    }

    /// The value with this number.
    pub(crate) fn value(&mut self, mut number: u64) -> &[u8] {
        let digits = &mut self.value[self.digits.clone()];
        // Space may stand before a number in JSON; a zero may not.
        digits.fill(b' ');
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_length_and_number() {
        for size in [0, 1, 5, 31, 32, 100] {
            assert_eq!(Synthetic::new(size).value(7).len(), size as usize);
        }
        let mut synthetic = Synthetic::new(40);
        assert_eq!(synthetic.value(0), b"{\"n\":           0,\"pad\":\"xxxxxxxxxxxxx\"}");
        assert_eq!(synthetic.value(123_456), b"{\"n\":      123456,\"pad\":\"xxxxxxxxxxxxx\"}");
        assert_eq!(Synthetic::new(3).value(1234), b"234");
    }
}
