//! The promises of the program, one module each, in one binary.

#![allow(missing_docs)]

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
