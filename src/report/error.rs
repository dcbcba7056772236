//! What can go wrong when something is made of a record.

use thiserror::Error;

/// Why no report or package could be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The fonts in the program cannot be read. A damaged build.
    #[error("the fonts in this program are damaged, so no report can be drawn; install the program again")]
    Fonts,
    /// The document cannot be written as PDF. A fault of the program.
    #[error("this report cannot be written as PDF/A ({0}); export the package without it and report this message")]
    Pdf(String),
    /// A part of a package could not be made.
    #[error("the package cannot be written ({0}); try again, and report this message if it happens again")]
    Package(String),
    /// A laboratory result that is not accepted.
    #[error("this is not a laboratory result that can be taken over: {0}; correct the file and try again")]
    Result(String),
}
