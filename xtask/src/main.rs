//! The commands of this repository. `cargo xtask --help` says what there is.
//!
//! Each module is one command; [`setup`] is what all of them lean on, [`shell`] is how they run other programs.

mod args;
mod bench;
mod bucket;
mod build;
mod fuzz;
mod gateway;
mod paths;
mod play;
mod serve;
mod setup;
mod shell;
mod sim;
mod test;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("{message}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Help => {
            println!("{}", args::HELP);
            Ok(())
        }
        Command::Setup => setup::everything(),
        Command::Build => build::playground().map(|_| ()),
        Command::BuildJs => build::engine_for_js().map(|_| ()),
        Command::Serve { arguments } => gateway::serve(&arguments),
        Command::Play { port } => play::run(port),
        Command::Test(suite) => test::run(suite),
        Command::Bench { name, arguments } => bench::run(&name, &arguments),
        Command::Sim { arguments } => sim::run(&arguments),
        Command::Fuzz { arguments } => fuzz::run(&arguments),
    }
}
