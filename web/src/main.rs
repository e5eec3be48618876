//! The playground.
fn main() {}
