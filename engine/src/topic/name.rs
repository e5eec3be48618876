//! Which names a topic may have.

/// The longest name, in characters: with a partition's number behind it, it still is a file's name.
const MAX_LENGTH: usize = 249;

/// Says what is wrong with a topic's name, as Kafka's `Topic.validate` does.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("A topic's name must not be empty.".to_owned());
    }
    if name == "." || name == ".." {
        return Err(format!("A topic's name must not be {name:?}."));
    }
    if name.len() > MAX_LENGTH {
        return Err(format!(
            "A topic's name has at most {MAX_LENGTH} characters, this one has {}.",
            name.len()
        ));
    }
    let legal = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    match name.chars().find(|&character| !legal(character)) {
        None => Ok(()),
        Some(character) => Err(format!(
            "A topic's name is made of the letters a to z and A to Z, digits, '.', '_' and '-'; {name:?} has {character:?}."
        )),
    }
}
