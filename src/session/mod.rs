//! One scan from the button to the record: the only room where acquisition, identification and casebook meet.
//! The window and the command line both stand on it.

mod emulated_sample;
mod messages;

pub use messages::{Command, Connection, Event, KitStatus, Stage};
