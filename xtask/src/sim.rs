//! `cargo xtask sim`.

use anyhow::Result;

use crate::shell;

/// Builds the simulator and runs seeds; it prints how many a minute and which faults they hit.
///
/// # Errors
///
/// When it cannot be built, or a seed fails; how to run that one again is printed then.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut cargo = shell::cargo(["run", "--quiet", "--profile", "sim", "--package", "headwater-sim", "--"]);
    cargo.args(arguments);
    shell::run("simulator", cargo)
}
