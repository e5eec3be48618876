mod compaction;
mod conformance;
mod crash;
mod faulty;
mod flush;
#[path = "../../tests/support/mod.rs"]
mod host;
mod kafka_files;
mod layout;
mod medium;
mod power;
mod power_broker;
mod support;
