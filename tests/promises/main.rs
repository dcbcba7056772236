//! The promises of the program, one module each, in one binary.

#![allow(missing_docs)]
// Helpers of tests stop a test by panicking, which clippy only excuses inside `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod analyzer;
mod architecture;
mod casebook;
mod cli;
mod crash;
mod emulator;
mod engine;
mod foreign_client;
mod formats;
mod library;
mod session;
