//! Makes a machine ready: quick when there is nothing to do, one clear line when something cannot be had.

mod browser;
pub(crate) mod clients;
mod deny;
mod npm;
pub(crate) mod object_stores;
pub(crate) mod wasm_target;

pub(crate) use browser::{chromium, firefox};
pub(crate) use deny::cargo_deny;

use anyhow::Result;

use crate::paths;

/// Everything that any command needs.
pub(crate) fn everything() -> Result<()> {
    for_the_page()?;
    for_the_browser_tests()?;
    eprintln!("everything is there");
    Ok(())
}

/// What building the page needs: the standard library for wasm32, and npm packages.
pub(crate) fn for_the_page() -> Result<()> {
    wasm_target::ensure()?;
    npm::ensure(&paths::web_js())
}

/// What browser tests need: npm packages, Chromium and Firefox.
pub(crate) fn for_the_browser_tests() -> Result<()> {
    npm::ensure(&paths::e2e())?;
    browser::ensure()
}
