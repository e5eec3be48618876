//! Makes a function for each string of the page that has nothing to be filled in, by its place in the table
//! (`strings/en.json`; the other languages have the same keys in the same order, which a test holds).

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=strings/en.json");
    let table: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&fs::read_to_string("strings/en.json")?)?;
    let mut code = format!("pub(super) const COUNT: usize = {};\n", table.len());
    for (index, (key, text)) in table.iter().enumerate() {
        let text = text.as_str().ok_or("a value in strings/en.json is no string")?;
        if text.contains('{') {
            writeln!(code, "pub(super) const {}: usize = {index};", key.to_uppercase())?;
        } else {
            writeln!(code, "/// {text}\npub(crate) fn {key}() -> &'static str {{ super::text({index}) }}")?;
        }
    }
    let out = env::var_os("OUT_DIR").ok_or("cargo has not said where to write")?;
    fs::write(Path::new(&out).join("table.rs"), code)?;
    Ok(())
}
