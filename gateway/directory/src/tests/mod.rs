mod conformance;
mod crash;
mod faulty;
mod flush;
mod kafka_files;
mod layout;
mod support;
