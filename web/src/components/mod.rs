//! What is shown. Each panel gets its part of the state and tells what a person does.

mod app;
mod banner;
mod brokers;
mod dialog;
mod fields;
mod group;
mod groups;
mod import_status;
mod preview;
mod produce;
mod status;
mod time;
mod topic;
mod topics;

pub(crate) use app::App;
