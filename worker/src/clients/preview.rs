//! What a source looks like.

use headwater_worker_protocol::Preview;

use super::rows::{self, Format, RowReader};

/// Rows that are shown.
const MAX_ROWS: usize = 10;
/// What is shown of a row.
const MAX_ROW_CHARACTERS: usize = 2_000;

/// Looks at the beginning of a file. `whole`: it is all of it.
///
/// # Errors
///
/// It cannot be read as rows; why, in a sentence.
pub(crate) fn of_file(beginning: &[u8], whole: bool) -> Result<Preview, String> {
    let format = rows::detect(beginning)?;
    let mut reader = RowReader::new(format, None);
    reader.push(beginning);
    if whole {
        reader.finish();
    }
    let mut preview = Preview { format: format.name().to_owned(), ..Preview::default() };
    let mut first_problem = None;
    while preview.rows.len() < MAX_ROWS {
        let Some(row) = reader.next_row()? else { break };
        match row.content {
            Ok(content) => {
                for name in rows::field_names(content.value) {
                    if !preview.fields.contains(&name) {
                        preview.fields.push(name);
                    }
                }
                let text = String::from_utf8_lossy(content.value);
                preview.rows.push(text.chars().take(MAX_ROW_CHARACTERS).collect());
            }
            Err(reason) => {
                first_problem.get_or_insert_with(|| format!("line {}: {reason}", row.line));
            }
        }
    }
    if format == Format::Csv && preview.fields.is_empty() {
        preview.fields = reader.columns().to_vec();
    }
    if preview.rows.is_empty()
        && let Some(problem) = first_problem
    {
        return Err(format!("No row at its beginning can be read: {problem}."));
    }
    preview.suggested_key = suggest_key(&preview.fields);
    Ok(preview)
}

/// What records made up on the spot look like.
pub(crate) fn of_records(sample: &[u8]) -> Preview {
    Preview {
        format: "records".to_owned(),
        rows: vec![String::from_utf8_lossy(sample).chars().take(MAX_ROW_CHARACTERS).collect()],
        ..Preview::default()
    }
}

/// A field whose name says that it tells things apart.
fn suggest_key(fields: &[String]) -> Option<String> {
    let named =
        |is: &dyn Fn(&str) -> bool| fields.iter().find(|field| is(&field.to_ascii_lowercase())).cloned();
    named(&|name| matches!(name, "key" | "id" | "uuid" | "_id"))
        .or_else(|| named(&|name| name.ends_with("_id") || name.ends_with("-id") || name.ends_with(" id")))
        .or_else(|| fields.iter().find(|field| field.ends_with("Id") || field.ends_with("ID")).cloned())
        .or_else(|| named(&|name| matches!(name, "name" | "user" | "device" | "sensor" | "vehicle" | "code")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_fields_rows_and_a_key() {
        let preview = of_file(b"{\"t\":0,\"id\":\"v0\"}\n{\"t\":2,\"speed\":3}\n{\"t\":", false).unwrap();
        assert_eq!(preview.format, "ndjson");
        assert_eq!(preview.fields, ["t", "id", "speed"]);
        assert_eq!(preview.rows, ["{\"t\":0,\"id\":\"v0\"}", "{\"t\":2,\"speed\":3}"]);
        assert_eq!(preview.suggested_key.as_deref(), Some("id"));

        let preview = of_file(b"Order ID,amount\n7,12.5", true).unwrap();
        assert_eq!(preview.rows, [r#"{"Order ID":"7","amount":"12.5"}"#]);
        assert_eq!(preview.suggested_key.as_deref(), Some("Order ID"));
        assert_eq!(of_file(b"a,b\n", true).unwrap().fields, ["a", "b"]);
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(of_file(b"", true).unwrap_err().contains("empty"));
        assert!(of_file(b"{\"a\":\n{\"b\":\n", true).unwrap_err().contains("line 1"));
    }
}
