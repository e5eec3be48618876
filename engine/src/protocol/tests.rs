use kafka_protocol::messages::ApiKey;

use super::shape::{ShapeError, check};
use super::versions::all_supported;
use crate::protocol::{FrameError, decode_request};
use bytes::Bytes;

/// Metadata version 1: topics as an array of strings.
fn metadata(count: i32, rest: &[u8]) -> Vec<u8> {
    [&count.to_be_bytes()[..], rest].concat()
}

#[test]
fn a_request_of_the_right_shape_passes() {
    assert_eq!(check(ApiKey::Metadata, 1, &metadata(1, &[0, 1, b't'])), Ok(()));
    assert_eq!(check(ApiKey::Metadata, 1, &metadata(-1, &[])), Ok(()), "null is all topics");
    assert_eq!(
        check(ApiKey::Metadata, 1, &metadata(0, &[7])),
        Ok(()),
        "what follows is passed over, as in Kafka"
    );
}

#[test]
fn a_request_of_another_shape_does_not() {
    let cases = [
        (metadata(2, &[0, 1, b't']), ShapeError::CutOff),
        (metadata(i32::MAX, &[0, 1, b't']), ShapeError::CutOff),
        (metadata(-2, &[]), ShapeError::InvalidLength),
        (metadata(1, &[0xff, 0xfe]), ShapeError::InvalidLength),
        (metadata(100_001, &[0; 200_002]), ShapeError::TooManyElements),
    ];
    for (bytes, error) in cases {
        assert_eq!(check(ApiKey::Metadata, 1, &bytes), Err(error));
    }
}

#[test]
fn every_supported_request_has_its_shape_checked() {
    for supported in all_supported() {
        for version in supported.min_version..=supported.max_version {
            // No request is so long that 40 bytes with the highest counts in them could be one.
            let result = check(supported.api, version, &[0x7f; 40]);
            let has_no_fields = check(supported.api, version, &[]).is_ok();
            assert!(result.is_err() || has_no_fields, "{:?} {version}", supported.api);
        }
    }
}

#[test]
fn a_tagged_field_that_would_be_misread_is_refused() {
    // Fetch version 17: one topic, one partition with the tagged field 0, said to have 1 byte instead of 16.
    let mut body = vec![0; 4 + 4 + 4 + 1 + 4 + 4];
    body.push(2);
    body.extend([0; 16]);
    body.push(2);
    body.extend([0; 4 + 4 + 8 + 4 + 8 + 4]);
    body.extend([1, 0, 1, 9]);
    assert_eq!(check(ApiKey::Fetch, 17, &body), Err(ShapeError::InvalidLength));
}

#[test]
fn errors_are_sentences() {
    let frames: [&'static [u8]; 3] =
        [b"abc", &[0, 99, 0, 0, 0, 0, 0, 1], &[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 9]];
    for frame in frames {
        let error: FrameError = decode_request(Bytes::from_static(frame)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("A frame") && text.ends_with('.'), "{text}");
    }
}
