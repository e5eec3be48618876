//! `headwater serve`: brokers behind TCP ports, for Kafka's clients as they are.
//!
//! One thread a broker: it has the core, its storage and all its connections, so that nothing is shared and no lock taken.
//! [`serve`] starts them and ends them; [`broker`] is what such a thread does; [`switchboard`] is where frames meet the
//! engine, and where all limits are.

mod address;
mod args;
mod broker;
mod clock;
mod configs;
mod frames;
mod http;
mod limits;
mod log_limit;
mod metrics;
mod outbox;
mod peers;
mod serve;
mod storage;
mod switchboard;
mod ui;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            println!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            println!("headwater {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Command::Configs) => {
            print!("{}", configs::table());
            ExitCode::SUCCESS
        }
        Ok(Command::Serve(options)) => match serve::run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("headwater: {why}");
                ExitCode::FAILURE
            }
        },
        Err(why) => {
            eprintln!("headwater: {why}\nheadwater --help says what it takes.");
            ExitCode::from(2)
        }
    }
}
