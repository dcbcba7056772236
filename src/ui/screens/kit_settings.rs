//! The page of the settings: exposure, GPS receiver, and what is demanded of performance checks.

use egui::{Id, Rect, ScrollArea, Ui};

use crate::casebook::ClockKeeping;
use crate::ui::kit_model::DevicePage;
use crate::ui::kit_settings_model::KitSettings;
use crate::ui::layout;
use crate::ui::model::Model;
use crate::ui::tokens::{self, GAP_SMALL};
use crate::ui::widgets::{Button, Look, card, heading, labelled_field, note, paragraph};
use crate::ui::words;

use super::device::{actions, title_line, trouble};

/// The page of the settings.
pub fn settings_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let places = layout::device(content);
    title_line(ui, places.head, "Settings of the kit");
    let place_words = model.device.place.as_ref().map(|place| words::sentence(&place.words()));
    let (manages, chooses) = (model.manage_refusal(), model.choose_refusal());
    let clock_warning = model.clock_warning.clone();
    let settable = model.power_settable();
    let power = model.kit().and_then(|kit| kit.laser_power).map(|power| power.words());
    let has_laser = model.kit().is_none_or(|kit| kit.laser.is_some());
    if let Some(settings) = model.kit_settings_mut() {
        card(ui, places.left, "Scans", |ui| {
            ScrollArea::vertical().id_salt("scans").auto_shrink([false, false]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 4.0;
                exposure(ui, settings, has_laser);
                ui.add_space(GAP_SMALL);
                if has_laser {
                    laser_power(ui, settings, settable, manages, power.as_deref());
                    ui.add_space(GAP_SMALL);
                }
                heading(ui, "GPS receiver");
                if let Some(why) = chooses {
                    note(ui, why);
                }
                ui.add_enabled_ui(chooses.is_none(), |ui| {
                    let id = Id::unique("gps port");
                    labelled_field(ui, id, "Its port; empty for none", "/dev/ttyACM0", &mut settings.gps_port);
                });
                note(ui, place_words.as_deref().unwrap_or("No receiver was heard yet"));
            });
        });
    }
    card(ui, places.right, "Performance checks", |ui| {
        trouble(ui, model);
        let Some(settings) = model.kit_settings_mut() else { return };
        ScrollArea::vertical().id_salt("checks").auto_shrink([false, false]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            heading(ui, "Performance checks");
            if let Some(why) = manages {
                note(ui, why);
            }
            ui.add_enabled_ui(manages.is_none(), |ui| {
                checks(ui, settings);
                ui.add_space(GAP_SMALL);
                clock(ui, settings, clock_warning.as_deref());
            });
            if let Some(note) = &settings.note {
                ui.add_space(GAP_SMALL);
                paragraph(ui, note);
            }
        });
    });
    actions(ui, places.actions, |ui, height| {
        if ui.add(Button::new("Save settings", Look::Main).size(0.0, height)).clicked() {
            model.save_kit_settings();
        }
        if ui.add(Button::new("Back to the device", Look::Plain).size(0.0, height)).clicked() {
            model.show_device(DevicePage::Overview);
        }
    });
}

/// Two exclusive choices side by side; true when the second one is chosen.
fn either(ui: &mut Ui, first: &str, second: &str, chosen: &mut bool) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        for (text, value) in [(first, false), (second, true)] {
            let tab = Button::new(text, Look::Tab(*chosen == value)).text_size(tokens::TEXT_LABEL);
            if ui.add(tab).clicked() {
                *chosen = value;
            }
        }
    });
}

fn exposure(ui: &mut Ui, settings: &mut KitSettings, has_laser: bool) {
    heading(ui, "Exposure");
    if !has_laser {
        note(ui, "A near-infrared scanner exposes as its scan configuration says; this is for Raman kits");
    }
    either(ui, "Automatic", "Fixed", &mut settings.fixed);
    if !settings.fixed {
        let label = "Longest time for dark and light / s, from 4 to 120";
        labelled_field(ui, Id::unique("budget"), label, "10", &mut settings.budget_s);
        note(
            ui,
            "Integration time and exposures are chosen for each sample: 60 to 80 % of saturation. More time for weak light",
        );
        return;
    }
    let fields = [
        ("integration time", "Integration / ms", "900", &mut settings.integration_ms),
        ("exposures", "Exposures", "3", &mut settings.exposures),
        ("averages", "Averages", "1", &mut settings.averages),
    ];
    ui.columns(fields.len(), |columns| {
        for (ui, (id, label, hint, text)) in columns.iter_mut().zip(fields) {
            labelled_field(ui, Id::unique(id), label, hint, text);
        }
    });
    note(ui, "From two exposures on cosmic rays are found; averages are readouts of which each exposure is the mean");
}

/// Who keeps the clock of the machine right; every record says it.
fn clock(ui: &mut Ui, settings: &mut KitSettings, warning: Option<&str>) {
    heading(ui, "Clock of this machine");
    note(ui, "Who keeps it right; every record says so, and a change is said in the casebook");
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        for keeping in ClockKeeping::ALL {
            let (words, name) = match keeping {
                ClockKeeping::System => ("The system", "Clock kept by the system"),
                ClockKeeping::Gps => ("A GPS receiver", "Clock kept by a GPS receiver"),
                ClockKeeping::Operator => ("A person", "Clock kept by a person"),
            };
            let tab = Button::new(words, Look::Tab(settings.clock == keeping)).text_size(tokens::TEXT_LABEL);
            if ui.add(tab.name(name)).clicked() {
                settings.clock = keeping;
            }
        }
    });
    if let Some(warning) = warning {
        paragraph(ui, warning);
    }
}

/// The power of the kit's laser: what is wanted, and what was read back.
fn laser_power(ui: &mut Ui, settings: &mut KitSettings, settable: bool, manages: Option<&str>, now: Option<&str>) {
    heading(ui, "Laser power");
    if settable {
        if let Some(why) = manages {
            note(ui, why);
        }
        ui.add_enabled_ui(manages.is_none(), |ui| {
            let label = "Power / mW, 1 to 1000; empty: as the laser is set";
            labelled_field(ui, Id::unique("laser power"), label, "100", &mut settings.laser_power_mw);
        });
    } else {
        note(ui, "It can be set for a saved kit that is connected and has a laser on a port of its own");
    }
    note(ui, &now.map_or("Nothing was read back yet".to_owned(), |now| format!("Read back: {now}")));
}

fn checks(ui: &mut Ui, settings: &mut KitSettings) {
    let label = "Largest error of a line / cm⁻¹, from 0.1 to 10";
    labelled_field(ui, Id::unique("tolerance"), label, "3", &mut settings.tolerance_cm1);
    labelled_field(ui, Id::unique("days"), "A passed check holds / days", "7", &mut settings.valid_days);
    note(ui, "A kit whose check is failed, expired or missing");
    either(ui, "Scans, stamped unverified", "Does not scan", &mut settings.refuse_unverified);
}
