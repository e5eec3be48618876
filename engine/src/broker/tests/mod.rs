mod appends;
mod bad_input;
mod fetching;
mod recovery;
mod topics;
mod world;
