//! The screens. Each draws a part of the model and hands wishes to it; none of them knows the session.

mod answer;
mod chrome;
mod ready;
mod records;
mod scanning;

pub use answer::{AnswerTab, answer_page};
pub use chrome::{Clock, rail, top_bar};
pub use ready::{ReadyState, ready_page};
pub use records::records_page;
pub use scanning::{failed_page, scanning_page};
