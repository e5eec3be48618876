//! Fuzzing of all that is given bytes from elsewhere.
//!
//! A [`Target`] is a function that takes any bytes and panics if something does not hold. Its inputs come from three
//! places: the files of `corpus/`, which are made by our own encoders ([`corpus`]); what once failed, in
//! `regressions/`; and what is made of these by chance, either by [`mutate`] with seeds that never change, in every test
//! run, or by libFuzzer, which sees what code an input reaches, in `cargo xtask fuzz`.
//!
//! A failure prints the command that repeats it. When it is mended, its input goes to `regressions/`.

#![allow(clippy::panic, clippy::expect_used, reason = "a target says by a panic what does not hold")]

pub mod corpus;
mod guard;
mod input;
mod mend;
pub mod mutate;
mod requests;
mod storage;
mod targets;
mod world;

pub use guard::{Guard, watched};
pub use targets::{TARGETS, Target};
