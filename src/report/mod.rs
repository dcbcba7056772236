//! From a record to what leaves the house: PDF for people, packages for laboratories, tables for analysis.
//!
//! Pure: a dossier of the casebook goes in, bytes come out. There is no clock: every date in a report is one of the
//! record's, so that the same record gives the same bytes.

mod curves;
mod digest;
mod error;
mod intelligence;
mod laboratory;
mod letters;
mod outcome;
mod package;
mod photos;
mod plot;
mod preview;
mod record_report;
mod selection;
mod sheet;
mod shift;
mod shift_report;
mod statistics;
mod words;

pub use digest::sha256_hex;
pub use error::ReportError;
pub use intelligence::{CommonSubstance, Find, FoundSubstance, Likeness, intelligence_json};
pub use laboratory::{LaboratoryOutcome, LaboratoryResult, LaboratorySubstance, RESULT_BYTES_MAX};
pub use outcome::laboratory_outcome;
pub use package::package;
pub use preview::{PreviewMark, PreviewPage};
pub use record_report::{record_pdf, record_preview};
pub use selection::{SelectedRow, Selection, selection_csv};
pub use sheet::Paper;
pub use shift::{Counted, FieldRates, Rate, ShiftSummary};
pub use shift_report::shift_pdf;
pub use statistics::{Period, PeriodSummary, Statistics};
