mod appends;
mod bad_input;
mod fetching;
mod idempotence;
mod recovery;
mod topics;
mod versions;
mod world;
