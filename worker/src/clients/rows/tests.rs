use super::*;

/// `line value key` of every row, read in chunks of every size up to 40 and at once.
fn rows(text: &[u8], key_field: Option<&str>) -> Result<Read, String> {
    let mut all = Vec::new();
    for size in (1..40).chain([text.len().max(1)]) {
        let read = rows_in_chunks(text, key_field, size)?;
        assert!(all.is_empty() || all == read, "chunks of {size}: {read:?}");
        all = read;
    }
    Ok(all)
}

type Read = Vec<(u64, Result<(String, Option<String>), String>)>;

fn rows_in_chunks(text: &[u8], key_field: Option<&str>, size: usize) -> Result<Read, String> {
    let mut reader = RowReader::new(detect(text)?, key_field.map(str::to_owned));
    let mut all = Vec::new();
    let mut chunks = text.chunks(size);
    loop {
        while let Some(row) = reader.next_row()? {
            let content = row.content.map(|content| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                (text(content.value), content.key.map(text))
            });
            all.push((row.line, content));
        }
        match chunks.next() {
            Some(chunk) => reader.push(chunk),
            None if reader.lines.is_finished() => return Ok(all),
            None => reader.finish(),
        }
    }
}

fn value(line: u64, value: &str) -> (u64, Result<(String, Option<String>), String>) {
    (line, Ok((value.to_owned(), None)))
}

fn keyed(line: u64, text: &str, key: &str) -> (u64, Result<(String, Option<String>), String>) {
    (line, Ok((text.to_owned(), Some(key.to_owned()))))
}

fn broken(line: u64, reason: &str) -> (u64, Result<(String, Option<String>), String>) {
    (line, Err(reason.to_owned()))
}

#[test]
fn ndjson_is_sent_as_it_stands() {
    let text = b"\xef\xbb\xbf{\"a\": 1}\r\n\n  {\"b\":[true,null,{\"c\":-1.5e+3}]}  \n{}";
    assert_eq!(
        rows(text, None).unwrap(),
        [value(1, "{\"a\": 1}"), value(3, "{\"b\":[true,null,{\"c\":-1.5e+3}]}"), value(4, "{}")]
    );
}

#[test]
fn keys_are_texts_or_numbers() {
    let text = br#"{"id":"v1"}
{"id":42.50}
{"x":{"id":"inner"},"id":"a\"\u00e9\ud83d\ude00\n"}
{"\u0069d":"escaped name"}
{"id":null}
{"other":1}
{"id":"first","id":"last"}"#;
    let reason = "its field \"id\", which is the key, is neither text nor a number";
    assert_eq!(
        rows(text, Some("id")).unwrap(),
        [
            keyed(1, r#"{"id":"v1"}"#, "v1"),
            keyed(2, r#"{"id":42.50}"#, "42.50"),
            keyed(3, r#"{"x":{"id":"inner"},"id":"a\"\u00e9\ud83d\ude00\n"}"#, "a\"é😀\n"),
            keyed(4, r#"{"\u0069d":"escaped name"}"#, "escaped name"),
            broken(5, reason),
            broken(6, "it has no field \"id\", which is the key"),
            keyed(7, r#"{"id":"first","id":"last"}"#, "last"),
        ]
    );
}

#[test]
fn broken_json_is_reported_by_line_and_the_rest_goes_on() {
    let mut text = b"{\"a\":1}\n{\"a\":}\n{\"a\":1}}\n[1]\n{\"a\":\"x\n{\"a\":01}\n".to_vec();
    text.extend_from_slice(b"{\"a\":\"\xff\"}\n{\"a\" 1}\n{\"a\":1,}\n{\"a\":\"\\x\"}\n{\"b\":2}\n");
    let all = rows(&text, None).unwrap();
    assert_eq!(all.len(), 11);
    assert_eq!(all[0], value(1, "{\"a\":1}"));
    assert_eq!(all[1], broken(2, "it is not valid JSON: a value is missing (byte 6)"));
    assert_eq!(all[2], broken(3, "it is not valid JSON: something follows the object (byte 8)"));
    assert_eq!(all[3], broken(4, "it is not a JSON object"));
    assert_eq!(all[6], broken(7, "it is not valid UTF-8"));
    assert!(all[1..10].iter().all(|row| row.1.is_err()), "{all:?}");
    assert_eq!(all[10], value(11, "{\"b\":2}"));
}

#[test]
fn nesting_has_a_limit() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(rows_in_chunks(deep.as_bytes(), None, 1 << 20).unwrap()[0].1.is_err());
    let fine = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert!(rows_in_chunks(fine.as_bytes(), None, 1 << 20).unwrap()[0].1.is_ok());
}

#[test]
fn a_line_that_is_too_long_is_left_out() {
    let mut text = b"{\"a\":1}\n{\"a\":\"".to_vec();
    text.resize(3 * MAX_ROW_BYTES, b'x');
    text.extend_from_slice(b"\"}\n{\"a\":2}\n");
    for size in [1000, 65_536, MAX_ROW_BYTES, text.len()] {
        let all = rows_in_chunks(&text, None, size).unwrap();
        assert_eq!(
            all,
            [
                value(1, "{\"a\":1}"),
                broken(2, "the line is longer than 1000000 bytes"),
                value(3, "{\"a\":2}")
            ],
            "chunks of {size}"
        );
    }
}

#[test]
fn csv_becomes_objects_of_texts() {
    let text =
        b"id,name,note\r\n1,\"Smith, J.\",\"said \"\"hi\"\"\"\r\n2,,\"two\nlines\"\n\n3,\xc3\xa9,\"\"\n";
    assert_eq!(
        rows(text, Some("id")).unwrap(),
        [
            keyed(2, r#"{"id":"1","name":"Smith, J.","note":"said \"hi\""}"#, "1"),
            keyed(3, r#"{"id":"2","name":"","note":"two\nlines"}"#, "2"),
            keyed(6, r#"{"id":"3","name":"é","note":""}"#, "3"),
        ]
    );
}

#[test]
fn csv_may_be_separated_otherwise() {
    assert_eq!(rows(b"a;b\n1,5;2\n", None).unwrap(), [value(2, r#"{"a":"1,5","b":"2"}"#)]);
    assert_eq!(rows(b"a\tb\n1\t2", None).unwrap(), [value(2, r#"{"a":"1","b":"2"}"#)]);
    assert_eq!(rows(b"only\nx\n", None).unwrap(), [value(2, r#"{"only":"x"}"#)]);
}

#[test]
fn broken_csv_is_reported_by_line_and_the_rest_goes_on() {
    let mut text = b"a,b\n1,2\n1\n1,2,3\n\"x\"y,2\n1,x\"y\n".to_vec();
    text.extend_from_slice(b"1,\xff\n5,6\n");
    assert_eq!(
        rows(&text, None).unwrap(),
        [
            value(2, r#"{"a":"1","b":"2"}"#),
            broken(3, "it has 1 column, the header has 2"),
            broken(4, "it has 3 columns, the header has 2"),
            broken(5, "text follows a closing quote"),
            broken(6, "a quote stands inside a field that is not quoted"),
            broken(7, "it is not valid UTF-8"),
            value(8, r#"{"a":"5","b":"6"}"#),
        ]
    );
}

#[test]
fn a_stray_quote_does_not_swallow_the_rest() {
    assert_eq!(
        rows(b"a,b\n1,\"2\n3,4\n5,6\n", None).unwrap(),
        [
            broken(2, "a quote is opened and never closed"),
            value(3, r#"{"a":"3","b":"4"}"#),
            value(4, r#"{"a":"5","b":"6"}"#),
        ]
    );
}

#[test]
fn a_header_must_have_the_keys_column() {
    assert!(rows(b"a,b\n1,2\n", Some("c")).unwrap_err().contains("no column \"c\""));
    assert_eq!(
        rows(b"a,b\n,2\n", Some("a")).unwrap(),
        [broken(2, "its column \"a\", which is the key, is empty")]
    );
    assert_eq!(rows(b"a,,a\n1,2,3\n", None).unwrap(), [value(2, r#"{"a":"1","column_2":"2","a_2":"3"}"#)]);
    assert_eq!(rows(b"a,b", None).unwrap(), []);
}

#[test]
fn what_is_not_rows_is_refused() {
    for (text, word) in [
        (&b""[..], "empty"),
        (b" \n\n", "empty"),
        (b"\xff\xfea\0", "UTF-16"),
        (b"PK\x03\x04abc", "zip"),
        (b"\x89PNG\r\n\x1a\n", "not text"),
        (b"ab\0cd", "not text"),
        (b"[\n{\"a\":1}]", "array"),
    ] {
        assert!(detect(text).unwrap_err().contains(word), "{word}");
    }
}

#[test]
fn names_of_fields_are_in_order() {
    assert_eq!(field_names(br#"{"t":0,"id":"v0","x":{"y":1},"t":2}"#), ["t", "id", "x"]);
    assert_eq!(field_names(b"[1]"), Vec::<String>::new());
}

/// Whatever the bytes are, there is no panic, and no more rows than lines.
#[test]
fn any_bytes_are_read_without_panic() {
    let mut seed = 1_u64;
    for _ in 0..3_000 {
        let mut text = Vec::new();
        for _ in 0..200 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push(b"{}[]\":,\\u0a1\n\r\"\"\n,x-.e "[(seed >> 40) as usize % 23]);
        }
        for format in [Format::Ndjson, Format::Csv] {
            let mut reader = RowReader::new(format, None);
            reader.push(&text);
            reader.finish();
            let mut count = 0;
            while let Ok(Some(_)) = reader.next_row() {
                count += 1;
            }
            assert!(count <= 2 * text.len());
        }
    }
}
