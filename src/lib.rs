//! Parcelscope: from the bytes of a handheld Raman or infrared analyzer to an answer that can stand as evidence.
//!
//! The modules are listed in the order in which a scan walks through them. Each stage hands one noun to the next:
//!
//! ```text
//! bytes -> Exposure -> Spectrum -> Prepared -> Findings -> Verdict -> Record -> Report
//! ```
//!
//! Data flows one way. A test reads the `use crate::` lines and holds them against the table of allowed edges in
//! `tests/promises/architecture.rs`; nothing below [`ui`] and [`cli`] knows egui, eframe or clap.

pub mod analyzer;
pub mod casebook;
pub mod cli;
pub mod formats;
pub mod identify;
pub mod laboratory;
pub mod library;
pub mod report;
pub mod session;
pub mod signal;
pub mod signature;
pub mod spectrum;
pub mod ui;
