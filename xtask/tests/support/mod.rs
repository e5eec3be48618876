//! What the tests of the repository's rules share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this folder")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests: what they cannot read ends the test"
)]

pub mod metadata;
pub mod spdx;
pub mod workspace;
