//! Spectra and programs of others lie beside the project, in the folder that `PARCELSCOPE_DATA` names.

use std::io::Write as _;
use std::path::PathBuf;

/// The folder; where it is not named, one line says what stays untested. The line goes to the terminal itself: what a test
/// prints is only shown when it fails.
pub fn folder(untested: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PARCELSCOPE_DATA").map(PathBuf::from);
    if folder.is_none() {
        let _ = writeln!(std::io::stderr(), "PARCELSCOPE_DATA is unset, untested: {untested}");
    }
    folder
}
