//! From a record to what leaves the house: PDF for people, packages for laboratories, tables for analysis.
//!
//! Pure: a dossier of the casebook goes in, bytes come out. There is no clock: every date in a report is one of the
//! record's, so that the same record gives the same bytes.

mod curves;
mod digest;
mod error;
mod letters;
mod plot;
mod record_report;
mod sheet;
mod words;

pub use digest::sha256_hex;
pub use error::ReportError;
pub use record_report::record_pdf;
pub use sheet::Paper;
