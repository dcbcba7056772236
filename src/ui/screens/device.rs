//! The Device screen: state of the kit, its performance check and what was found about it over time.

use egui::{Align, Label, Layout, Rect, RichText, ScrollArea, Ui, UiBuilder};

use crate::session::{Connection, KitStatus};
use crate::ui::kit_model::{DevicePage, Work};
use crate::ui::kit_setup_model::Setup;
use crate::ui::layout;
use crate::ui::model::Model;
use crate::ui::tokens::{self, GAP_SMALL, tokens};
use crate::ui::widgets::{Button, Chip, Lamp, Look, card, chip, heading, note, paragraph, trend_plot};
use crate::ui::words;

use super::{kit_settings, kits, standard};

/// The Device screen.
pub fn device_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    match &model.device.page {
        DevicePage::Overview => overview(ui, content, model),
        DevicePage::Standard(_) => standard::standard_page(ui, content, model),
        DevicePage::Kits => kits::kits_page(ui, content, model),
        DevicePage::Setup(_) => kits::setup_page(ui, content, model),
        DevicePage::Settings(_) => kit_settings::settings_page(ui, content, model),
    }
}

fn overview(ui: &mut Ui, content: Rect, model: &mut Model) {
    let places = layout::device(content);
    let title = match (&model.connection, model.kit()) {
        (_, Some(kit)) => model.kit_name().map_or_else(|| kit.spectrometer.model.clone(), ToString::to_string),
        (Connection::Connecting, _) => "Analyzer: connecting".to_owned(),
        _ => "Analyzer: not connected".to_owned(),
    };
    title_line(ui, places.head, &title);
    card(ui, places.left, "Analyzer", |ui| {
        ScrollArea::vertical().id_salt("analyzer").auto_shrink([false, false]).show(ui, |ui| {
            trouble(ui, model);
            wire_log(ui, model);
            state(ui, model);
        });
    });
    card(ui, places.right, "Performance", |ui| performance(ui, model));
    actions(ui, places.actions, |ui, height| {
        let due = model.kit().is_some_and(|k| !k.check.is_verified());
        let free = model.standard_refusal().is_none();
        if model.kit().is_some_and(|kit| kit.laser.is_none()) {
            let white = Button::new("Measure white reference", Look::Main).size(0.0, height);
            if ui.add_enabled(free, white).clicked() {
                model.begin_standard(Work::White);
            }
            return others(ui, model, height);
        }
        let check = Button::new("Check now", if due { Look::Main } else { Look::Plain }).size(0.0, height);
        if ui.add_enabled(free, check).clicked() {
            model.begin_standard(Work::Check);
        }
        if ui.add_enabled(free, Button::new("Calibrate", Look::Plain).size(0.0, height)).clicked() {
            model.begin_standard(Work::Calibrate);
        }
        others(ui, model, height);
    });
}

/// The buttons that every kit has.
fn others(ui: &mut Ui, model: &mut Model, height: f32) {
    if ui.add(Button::new("Kits", Look::Plain).size(0.0, height)).clicked() {
        model.show_device(DevicePage::Kits);
    }
    if ui.add(Button::new("Settings", Look::Plain).size(0.0, height)).clicked() {
        model.show_kit_settings();
    }
    if ui.add(Button::new("Save wire log", Look::Plain).size(0.0, height)).clicked() {
        model.export_wire_log();
    }
    let (text, wanted) = match &model.connection {
        Connection::Released => ("Connect", true),
        _ => ("Disconnect", false),
    };
    let busy = model.scanning() || model.aiming();
    if ui.add_enabled(!busy, Button::new(text, Look::Plain).size(0.0, height)).clicked() {
        model.connect(wanted);
    }
}

/// The line above the cards.
pub(super) fn title_line(ui: &mut Ui, place: Rect, title: &str) {
    ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)), |ui| {
        let t = tokens(ui);
        let title = RichText::new(title).font(tokens::strong(tokens::TEXT_LEAD)).color(t.page.ink);
        ui.add(Label::new(title).truncate());
    });
}

/// The row of buttons; `contents` gets their height.
pub(super) fn actions(ui: &mut Ui, place: Rect, contents: impl FnOnce(&mut Ui, f32)) {
    ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        contents(ui, place.height());
    });
}

/// What went wrong, where something did.
pub(super) fn trouble(ui: &mut Ui, model: &Model) {
    if let Some(why) = &model.device.trouble {
        let t = tokens(ui);
        let text = RichText::new(why).font(tokens::strong(tokens::TEXT_LABEL)).color(t.caution().ink);
        ui.add(Label::new(text).wrap());
        ui.add_space(GAP_SMALL);
    }
}

/// Where the wire log went.
fn wire_log(ui: &mut Ui, model: &Model) {
    match &model.device.wire_log {
        None => return,
        Some(Ok(path)) => {
            paragraph(ui, &format!("The wire log of the last minute is in {}", path.display()));
        }
        Some(Err(why)) => {
            paragraph(ui, why);
        }
    }
    ui.add_space(GAP_SMALL);
}

fn state(ui: &mut Ui, model: &Model) {
    ui.spacing_mut().item_spacing.y = 4.0;
    if model.kit().is_some_and(|kit| kit.laser.is_none()) {
        note(ui, "A near-infrared scanner: it has a lamp and no laser");
        ui.add_space(GAP_SMALL);
    } else {
        laser(ui, model.lamp());
    }
    match &model.connection {
        Connection::Connecting => {
            paragraph(ui, "Opening the ports and asking the devices who they are");
        }
        Connection::Lost(why) => {
            heading(ui, "Not connected");
            paragraph(ui, why);
            note(ui, "It is looked for every two seconds and connected again by itself");
        }
        Connection::Released => {
            heading(ui, "Disconnected");
            paragraph(ui, "The analyzer was let go here, its laser was commanded off before. Connect uses it again.");
        }
        Connection::Ready(kit) => devices(ui, model, kit),
    }
}

/// The laser's state in words; anything but off stands out.
fn laser(ui: &mut Ui, lamp: Lamp) {
    ui.horizontal(|ui| {
        note(ui, "Laser state");
        let kind = if matches!(lamp, Lamp::Off | Lamp::Blocked | Lamp::NoKit) { Chip::Fact } else { Chip::Caution };
        chip(ui, lamp.words(), kind);
    });
    ui.add_space(GAP_SMALL);
}

fn devices(ui: &mut Ui, model: &Model, kit: &KitStatus) {
    let devices = [("Spectrometer", Some(&kit.spectrometer)), ("Laser", kit.laser.as_ref())];
    for (what, device) in devices {
        let Some(device) = device else { continue };
        note(ui, what);
        paragraph(ui, &format!("{}, serial {}", device.model, device.serial));
        let firmware = device.firmware.as_ref().map_or(String::new(), |f| format!(", firmware {f}"));
        note(ui, &format!("{} on {}{firmware}", device.driver, device.port));
        ui.add_space(GAP_SMALL);
    }
    if let Some(why) = kit.laser_obstacle() {
        chip(ui, "NO SCAN POSSIBLE", Chip::Caution);
        paragraph(ui, &format!("The laser cannot emit: {why}"));
        note(ui, kit.laser_remedy().unwrap_or("Put that right before a scan"));
        note(ui, "It is asked every second; a scan is possible as soon as that is over");
        ui.add_space(GAP_SMALL);
    }
    if let Some(power) = kit.laser_power.filter(|power| power.set_mw.is_some() || power.rated_mw.is_some()) {
        note(ui, "Laser power");
        paragraph(ui, &power.words());
        ui.add_space(GAP_SMALL);
    }
    if let Some((detector, others)) = kit.temperatures_c.split_first() {
        note(ui, "Detector temperature");
        let others: Vec<String> = others.iter().map(|t| format!("{t:.1} °C")).collect();
        let others = if others.is_empty() { String::new() } else { format!("Other sensors {}", others.join(", ")) };
        paragraph(ui, &format!("{detector:.1} °C"));
        note(ui, &others);
        ui.add_space(GAP_SMALL);
    }
    if kit.laser.is_some() {
        note(ui, "Calibration");
        if kit.calibration.is_empty() {
            paragraph(ui, "None: scans have the axis of the factory");
        }
        for source in &kit.calibration {
            paragraph(ui, source);
        }
    }
    if let Some(library) = &model.library {
        ui.add_space(GAP_SMALL);
        note(ui, "Library");
        paragraph(ui, &format!("{} {}", library.identity.name, library.identity.version));
    }
}

fn performance(ui: &mut Ui, model: &Model) {
    if model.kit().is_some_and(|kit| kit.laser.is_none()) {
        heading(ui, "White reference");
        note(ui, "A scanner is compared with its white standard; it has no performance check");
        ui.add_space(GAP_SMALL);
        if let Some(trends) = &model.device.trends {
            results(ui, &trends.lines);
        }
        return;
    }
    ui.horizontal(|ui| {
        heading(ui, "Performance check");
        match model.kit() {
            Some(kit) if kit.check.is_verified() => chip(ui, "VALID", Chip::Fact),
            Some(_) => chip(ui, "UNVERIFIED", Chip::Caution),
            None => return,
        };
    });
    match model.kit() {
        Some(kit) => paragraph(ui, &words::check(&kit.check)),
        None => paragraph(ui, "Connect the analyzer to see its state"),
    };
    ui.add_space(GAP_SMALL);
    let Some(trends) = &model.device.trends else { return };
    if trends.checks.points.is_empty() {
        results(ui, &trends.lines);
        return;
    }
    note(ui, "Shift of the axis in each check, cm⁻¹; dashed: allowed; open marks: without the kit's calibration");
    trend_plot(ui, &trends.checks);
}

/// Every result in one line each.
pub(super) fn results(ui: &mut Ui, lines: &[String]) {
    ScrollArea::vertical().id_salt("results").auto_shrink([false, false]).show(ui, |ui| {
        for line in lines {
            note(ui, line);
        }
    });
}

/// An empty setting-up.
pub(super) fn new_setup() -> DevicePage {
    DevicePage::Setup(Box::<Setup>::default())
}
