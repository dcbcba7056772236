//! The building blocks of every screen. They know the design tokens and nothing of scans or records beyond the words
//! and numbers that they show.

mod aim_plot;
mod button;
mod card;
mod chip;
mod choice;
mod field;
mod icon;
mod overlay_plot;
mod paper_view;
mod spectrum_plot;
mod status_lamp;
mod step_bar;
mod trend_plot;
mod verdict_banner;

pub use aim_plot::{fill_bar, live_plot};
pub use button::{Button, Look};
pub use card::{bullet, card, card_with, heading, note, paragraph};
pub use chip::{Chip, chip};
pub use choice::{Choice, choice_field};
pub use field::{labelled_field, line_field, secret_field};
pub use icon::{Icon, paint as paint_icon};
pub use overlay_plot::{Curve, overlay_plot};
pub use paper_view::paper_view;
pub use spectrum_plot::{Traces, spectrum_plot};
pub use status_lamp::{Lamp, status_lamp};
pub use step_bar::{step_bar, steps_bar};
pub use trend_plot::{Trend, TrendPoint, trend_plot};
pub use verdict_banner::{Banner, BannerTone, verdict_banner};
