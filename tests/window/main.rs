//! Promises of the window: the real window code, driven by accessible names.
#![allow(missing_docs)]
// Helpers of tests stop a test by panicking, which clippy only excuses inside `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod on_facts;
mod on_gate;
mod on_kit;
mod on_laboratory;
mod on_library;
mod on_records;
mod on_script;
mod on_session;
mod on_standards;
mod script;

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use parcelscope::session::Colours;
use parcelscope::ui::{App, Clock, SessionLink};

/// The sizes at which everything must be usable.
pub const SIZES: [[f32; 2]; 2] = [[1280.0, 800.0], [1024.0, 600.0]];

/// The window's content over `link`, without a window.
pub fn window(link: Box<dyn SessionLink>, size: [f32; 2]) -> Harness<'static, App> {
    let clock = || Clock { text: "14:08".to_owned(), seconds_left: 60 };
    Harness::builder()
        .with_theme(egui::Theme::Light)
        .with_size(size)
        .with_max_steps(16)
        .with_context_setup(|ctx| App::set_up(ctx, Colours::Day))
        .build_ui_state(
            |ui, app: &mut App| {
                app.logic(ui.ctx());
                app.show(ui);
            },
            App::new(link, "unenrolled", Box::new(clock)),
        )
}

/// Every name on the screen.
pub fn names(h: &Harness<'_, App>) -> Vec<String> {
    let node_name = |n: egui_kittest::Node<'_>| n.accesskit_node().label().or_else(|| n.accesskit_node().value());
    h.root().children_recursive().filter_map(node_name).collect()
}

/// The first name that starts with `start`.
pub fn name_starting(h: &Harness<'_, App>, start: &str) -> Option<String> {
    names(h).into_iter().find(|n| n.starts_with(start))
}

/// Presses what has exactly this name and lets the screen settle.
pub fn press(h: &mut Harness<'_, App>, name: &str) {
    h.get_by_label(name).click();
    h.run_ok();
}
