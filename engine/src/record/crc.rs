//! CRC-32C, the checksum of record batches. Processors have instructions for it, which a crate uses (the feature `processor-crc`): it takes
//! a tenth of the time that tables take. wasm has none.

#[cfg(any(test, not(feature = "processor-crc")))]
mod tables;

/// The CRC-32C (Castagnoli) of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    #[cfg(not(feature = "processor-crc"))]
    let crc = tables::crc32c(bytes);
    #[cfg(feature = "processor-crc")]
    let crc = crc32c::crc32c(bytes);
    crc
}

#[cfg(test)]
mod tests {
    use super::{crc32c, tables};

    fn bit_by_bit(bytes: &[u8]) -> u32 {
        let bit = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ tables::POLYNOMIAL } else { crc >> 1 };
        !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
    }

    #[test]
    fn check_values_of_rfc_3720() {
        assert_eq!(crc32c(b""), 0);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn every_length_agrees_with_the_definition() {
        let bytes: Vec<u8> = (0..10_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for length in (0..300).chain([1023, 1024, 3071, 3072, 3073, 6143, 6144, 6150, 9999, 10_000]) {
            let expected = bit_by_bit(&bytes[..length]);
            assert_eq!(crc32c(&bytes[..length]), expected, "length {length}");
            assert_eq!(tables::crc32c(&bytes[..length]), expected, "length {length}");
        }
    }
}
