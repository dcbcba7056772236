//! The saved kits, and how a new one is set up: which ports may be asked, what answered, a name.

use egui::accesskit::Role;
use egui::{Id, Label, Rect, Response, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use crate::session::{KitChoice, KitParts, ProbeOutcome, SavedKit};
use crate::ui::kit_model::DevicePage;
use crate::ui::kit_setup_model::{Setup, SetupPort};
use crate::ui::layout;
use crate::ui::model::Model;
use crate::ui::tokens::{self, FIELD, GAP_SMALL, TARGET, tokens};
use crate::ui::widgets::{
    Button, Chip, Look, bullet, card, card_with, chip, heading, labelled_field, note, paragraph, steps_bar,
};

use super::device::{actions, new_setup, title_line, trouble};

/// The steps of a setting-up.
const STEPS: [&str; 3] = ["Ports", "Answers", "Name"];

/// The page of the saved kits.
pub fn kits_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let places = layout::device(content);
    title_line(ui, places.head, "Kits");
    let kits: Vec<SavedKit> = model.device.shelf.as_ref().map_or(Vec::new(), |shelf| shelf.kits.clone());
    let in_use = model.device.shelf.as_ref().and_then(|shelf| shelf.choices.in_use.clone());
    let mut wanted = None;
    let (manages, chooses) = (model.manage_refusal(), model.choose_refusal());
    card(ui, places.left.union(places.right), "Saved kits", |ui| {
        trouble(ui, model);
        for why in [manages, chooses].into_iter().flatten() {
            note(ui, why);
        }
        if let Some(id) = model.device.forgetting.clone() {
            confirm(ui, model, &kits, &id);
        }
        for why in model.device.shelf.iter().flat_map(|shelf| &shelf.trouble) {
            note(ui, why);
        }
        if kits.is_empty() {
            paragraph(ui, "No kit is saved. A saved kit is found again by its serial number, whatever port it is on.");
        }
        ScrollArea::vertical().id_salt("kits").auto_shrink([false, false]).show(ui, |ui| {
            for kit in &kits {
                let used = in_use.as_ref() == Some(&kit.id());
                if let Some(wish) = kit_row(ui, kit, used, manages, chooses) {
                    wanted = Some((kit.id(), wish));
                }
            }
        });
    });
    match wanted {
        Some((id, Wish::Use)) => model.use_kit(KitChoice::Saved(id)),
        Some((id, Wish::Forget)) => model.device.forgetting = Some(id),
        None => {}
    }
    actions(ui, places.actions, |ui, height| {
        let set_up = Button::new("Set up a new kit", Look::Main).size(0.0, height);
        if ui.add_enabled(manages.is_none(), set_up).clicked() {
            model.show_device(new_setup());
        }
        if ui.add(Button::new("Back to the device", Look::Plain).size(0.0, height)).clicked() {
            model.show_device(DevicePage::Overview);
        }
    });
}

/// What a row asks for.
enum Wish {
    Use,
    Forget,
}

fn kit_row(ui: &mut Ui, kit: &SavedKit, used: bool, manages: Option<&str>, chooses: Option<&str>) -> Option<Wish> {
    let mut wish = None;
    ui.horizontal(|ui| {
        ui.set_height(TARGET + 8.0);
        ui.spacing_mut().item_spacing.x = 10.0;
        let (use_name, forget_name) = (format!("Use {}", kit.name), format!("Forget {}", kit.name));
        if used {
            chip(ui, "In use", Chip::Fact);
        } else if ui.add_enabled(chooses.is_none(), Button::new("Use", Look::Plain).name(&use_name)).clicked() {
            wish = Some(Wish::Use);
        }
        let forget = Button::new("Forget", Look::Tab(false)).name(&forget_name);
        if ui.add_enabled(manages.is_none(), forget).clicked() {
            wish = Some(Wish::Forget);
        }
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            heading(ui, kit.name.as_str());
            let devices: Vec<String> =
                kit.devices().into_iter().map(|d| format!("{}, serial {}", d.model, d.serial)).collect();
            let laser = match &kit.parts {
                KitParts::Raman { excitation_nm, laser_power_mw: Some(mw), .. } => {
                    format!(" · {excitation_nm:.0} nm, {mw} mW")
                }
                KitParts::Raman { excitation_nm, .. } => format!(" · {excitation_nm:.0} nm"),
                KitParts::Nir { .. } => String::new(),
            };
            let t = tokens(ui);
            let line = format!("{}{laser}", devices.join(" · "));
            let line = RichText::new(line).font(tokens::regular(tokens::TEXT_NOTE)).color(t.mute);
            ui.add(Label::new(line).truncate());
        });
    });
    wish
}

fn confirm(ui: &mut Ui, model: &mut Model, kits: &[SavedKit], id: &crate::session::KitId) {
    let caution = tokens(ui).caution();
    let name = kits.iter().find(|k| k.id() == *id).map_or(id.0.clone(), |k| k.name.to_string());
    let place = ui.available_rect_before_wrap();
    let place = Rect::from_min_size(place.min, vec2(place.width(), 122.0));
    card_with(ui, place, "Forget this kit", caution.fill, Stroke::new(1.5, caution.ink), |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        paragraph(ui, &format!("Forget {name}? Its calibrations and checks stay on this machine."));
        ui.horizontal(|ui| {
            if ui.add(Button::new("Forget it", Look::Main)).clicked() {
                model.forget_kit();
            }
            if ui.add(Button::new("Keep it", Look::Plain)).clicked() {
                model.device.forgetting = None;
            }
        });
    });
    ui.add_space(GAP_SMALL);
}

/// The page of a setting-up.
pub fn setup_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let places = layout::device(content);
    let refusal = model.setup_refusal();
    let note_of_trouble = model.device.trouble.clone();
    let Some(setup) = model.setup_mut() else { return };
    let now = match (setup.probed && !setup.probing, setup.spectrometer.is_some()) {
        (false, _) => usize::from(setup.probing),
        (true, false) => 1,
        (true, true) => 2,
    };
    steps_bar(ui, places.head, &STEPS, now);
    card(ui, places.left, "Ports", |ui| ports(ui, setup));
    card(ui, places.right, "Kit", |ui| {
        if let Some(why) = &note_of_trouble {
            let t = tokens(ui);
            let text = RichText::new(why).font(tokens::strong(tokens::TEXT_LABEL)).color(t.caution().ink);
            ui.add(Label::new(text).wrap());
            ui.add_space(GAP_SMALL);
        }
        if now == 2 { naming(ui, setup) } else { guidance(ui, setup) }
    });
    let (chosen, busy) = (setup.ports.iter().flatten().any(|p| p.chosen), setup.probing || setup.saving);
    let ready = now == 2 && !busy;
    actions(ui, places.actions, |ui, height| {
        let save = Button::new("Save and use", Look::Main).size(0.0, height);
        if now == 2 && ui.add_enabled(ready && refusal.is_none(), save).clicked() {
            model.save_kit();
        }
        let look = if now == 2 { Look::Plain } else { Look::Main };
        let ask = Button::new("Ask the chosen ports", look).size(0.0, height);
        if ui.add_enabled(chosen && !busy && refusal.is_none(), ask).clicked() {
            model.probe_ports();
        }
        if ui.add_enabled(!busy, Button::new("Look for ports again", Look::Plain).size(0.0, height)).clicked() {
            model.show_device(new_setup());
        }
        if busy {
            if ui.add(Button::new("Cancel", Look::Plain).size(0.0, height)).clicked() {
                model.cancel_setup();
            }
        } else if ui.add(Button::new("Back to the kits", Look::Plain).size(0.0, height)).clicked() {
            model.show_device(DevicePage::Kits);
        }
    });
}

fn ports(ui: &mut Ui, setup: &mut Setup) {
    heading(ui, "Which ports belong to the analyzer?");
    note(ui, "Choose only these: another device may take a question for a command");
    ui.add_space(GAP_SMALL);
    let busy = setup.probing || setup.saving;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let field = vec2(ui.available_width() - 90.0, FIELD + 30.0);
        ui.allocate_ui(field, |ui| {
            ui.vertical(|ui| {
                ui.set_width(field.x);
                let id = Id::unique("another port");
                labelled_field(ui, id, "Another port, by its name", "/dev/ttyACM0", &mut setup.other);
            });
        });
        ui.vertical(|ui| {
            ui.add_space(26.0);
            let add = Button::new("Add", Look::Plain).name("Add this port").size(72.0, FIELD);
            if ui.add_enabled(!busy && !setup.other.trim().is_empty(), add).clicked() {
                setup.add_port();
            }
        });
    });
    match &mut setup.ports {
        None => {
            paragraph(ui, "Looking for ports");
        }
        Some(ports) if ports.is_empty() => {
            paragraph(ui, "This machine lists no serial port. Plug the analyzer in and look again.");
        }
        Some(ports) => {
            ScrollArea::vertical().id_salt("ports").auto_shrink([false, false]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 4.0;
                for port in ports {
                    if port_row(ui, port).clicked() && !busy {
                        port.chosen = !port.chosen;
                    }
                }
            });
        }
    }
}

/// What a port answered, in words.
fn answer(port: &SetupPort) -> String {
    match &port.outcome {
        Some(ProbeOutcome::Answered(found)) => {
            let speaks = found.protocol.words();
            let model = found.model.as_ref().map_or(speaks.to_owned(), |m| format!("{m}: {speaks}"));
            found.serial.as_ref().map_or(model.clone(), |s| format!("{model}, serial {s}"))
        }
        Some(ProbeOutcome::Silent) => "nothing that is known answered".to_owned(),
        Some(ProbeOutcome::Failed(why)) => why.clone(),
        None => match &port.listing.usb {
            Some(usb) => {
                let title = usb.title.clone().unwrap_or_else(|| "USB adapter".to_owned());
                usb.serial.as_ref().map_or(title.clone(), |s| format!("{title}, serial {s}"))
            }
            None => "no USB device".to_owned(),
        },
    }
}

fn port_row(ui: &mut Ui, port: &SetupPort) -> Response {
    let t = tokens(ui);
    let said = answer(port);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), TARGET + 10.0), Sense::click());
    response.widget_info(|| {
        let name = format!("Port {}: {said}", port.listing.name);
        WidgetInfo::selected(Role::CheckBox, true, port.chosen, name)
    });
    let stroke = if response.has_focus() { Stroke::new(3.0, t.trace_reference) } else { Stroke::new(1.0, t.line) };
    let fill = if port.chosen { t.done.fill } else { t.card.fill };
    ui.painter().rect(rect, tokens::corner_small(), fill, stroke, StrokeKind::Inside);
    let square = Rect::from_center_size(egui::pos2(rect.min.x + 24.0, rect.center().y), vec2(22.0, 22.0));
    ui.painter().rect_stroke(square, egui::CornerRadius::same(4), Stroke::new(2.0, t.card.ink), StrokeKind::Inside);
    if port.chosen {
        let tick = [(0.2, 0.55), (0.42, 0.75), (0.82, 0.28)].map(|(x, y)| square.lerp_inside(vec2(x, y)));
        ui.painter().line(tick.to_vec(), Stroke::new(2.5, t.card.ink));
    }
    let width = rect.max.x - square.max.x - 22.0;
    let mut y = rect.min.y + 7.0;
    for (text, font, ink) in [
        (port.listing.name.as_str(), tokens::strong(tokens::TEXT_LABEL), t.card.ink),
        (said.as_str(), tokens::regular(tokens::TEXT_NOTE), t.mute),
    ] {
        let text = egui::WidgetText::from(RichText::new(text).font(font.clone()));
        let galley = text.into_galley(ui, Some(egui::TextWrapMode::Truncate), width, font);
        let height = galley.size().y;
        ui.painter().galley_with_override_text_color(egui::pos2(square.max.x + 12.0, y), galley, ink);
        y += height + 2.0;
    }
    response.on_hover_text(said)
}

fn guidance(ui: &mut Ui, setup: &Setup) {
    if setup.probing {
        heading(ui, "Asking");
        paragraph(ui, "Each port is asked in the order that is safest. No question switches a laser on.");
        return;
    }
    if setup.probed {
        heading(ui, "No spectrometer answered");
        for line in [
            "Is it switched on, and its cable plugged in at both ends?",
            "Is no other program using the port?",
            "Choose its port, and ask again",
        ] {
            bullet(ui, line);
        }
        return;
    }
    heading(ui, "How to set up a kit");
    for line in [
        "Connect spectrometer and laser, and switch them on",
        "Choose their ports; unplug one and look again where you are not sure which it is",
        "Ask the ports: what answers is shown, and no laser is switched on",
        "Name the kit; from then on it is found by its serial number",
    ] {
        bullet(ui, line);
    }
}

fn naming(ui: &mut Ui, setup: &mut Setup) {
    ScrollArea::vertical().id_salt("naming").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        labelled_field(ui, Id::unique("kit name"), "Name of the kit", "Hall 2, lane 3", &mut setup.name);
        ui.add_space(GAP_SMALL);
        let nir = setup.is_nir();
        if !nir {
            let id = Id::unique("kit laser wavelength");
            labelled_field(ui, id, "Laser wavelength / nm (it stands on the laser)", "785", &mut setup.excitation_nm);
            ui.add_space(GAP_SMALL);
            if setup.laser.is_some() {
                let label = "Laser power / mW, 1 to 1000; empty: as the laser is set";
                labelled_field(ui, Id::unique("kit laser power"), label, "100", &mut setup.laser_power_mw);
                ui.add_space(GAP_SMALL);
            }
        }
        let what = if nir { "Scanner" } else { "Spectrometer" };
        note(ui, what);
        paragraph(ui, setup.spectrometer.as_deref().unwrap_or("none"));
        if !nir {
            note(ui, "Laser");
            paragraph(ui, setup.laser.as_deref().unwrap_or("inside the spectrometer"));
            if setup.laser.is_some() {
                let inside = Button::new("The laser is inside the spectrometer", Look::Tab(false));
                if ui.add(inside.text_size(tokens::TEXT_LABEL)).clicked() {
                    setup.laser = None;
                }
            }
        }
        if setup.saving {
            heading(ui, "Connecting, laser off, to read models and serial numbers");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::PortListing;

    #[test]
    fn what_a_port_said_stands_in_words() {
        let listing = PortListing { name: "/dev/ttyUSB0".to_owned(), usb: None };
        let mut port = SetupPort { listing, chosen: true, outcome: None };
        assert_eq!(answer(&port), "no USB device");
        port.outcome = Some(ProbeOutcome::Silent);
        assert_eq!(answer(&port), "nothing that is known answered");
        port.outcome = Some(ProbeOutcome::Failed("The port is in use.".to_owned()));
        assert_eq!(answer(&port), "The port is in use.");
    }
}
