//! `cargo xtask play`.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result, bail};

use crate::{build, serve};

/// Builds the playground and serves it until the person stops it.
///
/// # Errors
///
/// When the port is taken, which is found before anything is built, or when the build fails.
pub(crate) fn run(port: u16) -> Result<()> {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => listener,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("port {port} of 127.0.0.1 is taken; choose another with --port");
        }
        Err(error) => {
            return Err(error).with_context(|| format!("port {port} of 127.0.0.1 cannot be opened"));
        }
    };
    let folder = build::playground()?;
    println!("\nThe playground: http://127.0.0.1:{port}/   (Ctrl+C stops it)");
    serve::forever(&listener, &folder);
    Ok(())
}
