//! Every committed input, and as many made of them as there is time for in a test run: always the same.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use std::panic::catch_unwind;

use headwater_fuzz::{Guard, TARGETS, Target, corpus, mutate, watched};

#[global_allocator]
static GUARD: Guard = Guard;

fn short(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect(name);
    let corpus = corpus::read(target).expect("the corpus can be read");
    assert!(!corpus.is_empty(), "{name} has no corpus");
    for (file, input) in &corpus {
        hold(target, input, &format!("the committed input {file}"));
    }
    let corpus: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
    for case in 0..target.cases {
        hold(target, &mutate::case(case, &corpus), &format!("cargo xtask fuzz {name} --case {case}"));
    }
}

fn hold(target: &Target, input: &[u8], again: &str) {
    watched(format!("again: {again}"));
    assert!(catch_unwind(|| (target.run)(input)).is_ok(), "{} failed; again: {again}", target.name);
}

#[test]
fn batches() {
    short("batches");
}

#[test]
fn codecs() {
    short("codecs");
}

#[test]
fn frames() {
    short("frames");
}

#[test]
fn broker() {
    short("broker");
}

#[test]
fn answers() {
    short("answers");
}

#[test]
fn recovery() {
    short("recovery");
}

#[test]
fn a_number_is_always_the_same_input() {
    let corpus = [b"one".to_vec(), b"and another".to_vec()];
    let cases: Vec<_> = (0..100).map(|number| mutate::case(number, &corpus)).collect();
    assert_eq!(cases, (0..100).map(|number| mutate::case(number, &corpus)).collect::<Vec<_>>());
    assert!(cases.windows(2).any(|pair| pair[0] != pair[1]));
}
