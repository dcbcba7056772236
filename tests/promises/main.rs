//! The promises of the program, one module each, in one binary.

#![allow(missing_docs)]
// Helpers of tests stop a test by panicking, which clippy only excuses inside `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod acquisition;
mod analyzer;
mod architecture;
mod blanks;
mod calibration;
mod casebook;
mod cli;
mod combine;
mod crash;
mod emulator;
mod engine;
mod engine_suites;
mod evidence;
mod evidence_attribution;
mod evidence_client;
mod evidence_keys;
mod evidence_structure;
mod exposure_as_shipped;
mod fault_matrix;
mod foreign_client;
mod foreign_lasers;
mod foreign_library;
mod formats;
mod formats_conformance;
mod formats_foreign;
mod formats_hostile;
mod fuzz_corpus;
mod gps;
mod guardian;
#[cfg(unix)]
mod intelligence;
mod kit_commands;
#[cfg(unix)]
mod kit_state;
#[cfg(unix)]
mod kits;
mod labelled_queries;
mod laboratory;
mod laboratory_day;
mod laboratory_facts;
mod laboratory_import;
mod large_casebook;
mod lasers;
mod left_on;
mod library;
#[cfg(unix)]
mod library_add;
mod library_switch;
mod measured_data;
mod nirscan;
mod obp_models;
mod ocean_letter;
mod packs;
#[cfg(unix)]
mod packs_killed;
mod packs_large;
mod pill;
mod power_cut;
mod quality_gate;
mod record_acts;
mod record_examples;
mod record_subject;
mod report;
mod report_exchange;
mod role_commands;
mod session;
mod session_accounts;
#[cfg(unix)]
mod set_aside;
mod wasatch;
