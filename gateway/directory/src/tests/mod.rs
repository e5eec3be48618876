mod conformance;
mod crash;
mod faulty;
mod kafka_files;
mod layout;
mod support;
