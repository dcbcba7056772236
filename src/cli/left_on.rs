//! What every command begins with: a laser that a killed program may have left on is commanded off.

use std::sync::Arc;

use crate::analyzer::guardian::{LeftOn, extinguish_left_on};
use crate::analyzer::{AnalyzerError, Clock, SystemClock, TransportError};
use crate::session;

use super::{Context, output};

/// Commands *off* on every port whose laser may have been left on, whatever the command is for, and says which cannot be
/// reached. Where there is no data folder yet, nothing was left on, and none is made.
pub(super) fn extinguish(context: &Context) {
    // A folder that cannot be named is told by the command itself.
    let Ok(folder) = session::data_dir_path(context.data_dir.as_deref()) else { return };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    for LeftOn { marker, trouble } in extinguish_left_on(&folder, &clock) {
        match trouble {
            None => output::complain(&output::printable(&format!(
                "the laser on {} may have been left on by a program that was killed; it was commanded off and confirms it",
                marker.port
            ))),
            // A program that runs has it, and its guardian.
            Some(AnalyzerError::Link(TransportError::Busy { .. })) => {}
            Some(why) => output::complain(&output::printable(&format!(
                "the laser {} on {} may have been left on by a program that was killed and cannot be commanded off ({why}); treat it as on and switch it off at its key",
                marker.serial, marker.port
            ))),
        }
    }
}
