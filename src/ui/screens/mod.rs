//! The screens. Each draws a part of the model and hands wishes to it; none of them knows the session.

mod aim;
mod answer;
mod chrome;
mod desk;
mod desk_facts;
mod desk_results;
mod device;
mod kit_settings;
mod kits;
mod library;
mod library_facts;
mod ready;
mod record;
mod records;
mod records_work;
mod scanning;
mod standard;

pub use answer::{AnswerTab, answer_page};
pub use chrome::{Clock, rail, top_bar};
pub use device::device_page;
pub use library::library_page;
pub use ready::{ReadyState, ready_page};
pub use record::write_buttons;
pub use records::records_page;
pub use scanning::{failed_page, scanning_page};
