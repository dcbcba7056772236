//! The window. [`App`] is its content and draws into any `egui::Ui`; [`run`] opens it on the screen. It talks to a
//! session only by commands and events and never waits for the wire, the disk or the search.

mod aim_view;
mod answer_view;
mod app;
mod desk_model;
mod fonts;
mod gate;
mod kit_model;
mod kit_settings_model;
mod kit_setup_model;
mod kit_trends;
mod layout;
mod library_model;
mod link;
mod model;
mod record_form;
mod records_model;
mod screens;
mod shell;
mod tokens;
mod traces;
mod widgets;
mod words;

pub use app::{App, WallClock};
pub use link::{PackNote, RunningSession, SessionLink};
pub use screens::Clock;
pub use shell::{UiError, WindowConfig, run};
