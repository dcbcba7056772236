//! Calibration and performance check, step by step: choose the standard, put it under the probe, measure, see what it
//! showed beside what it showed before.

use egui::{Grid, Id, Label, Rect, RichText, ScrollArea, Ui};

use crate::session::{KitFinding, KitMeasured};
use crate::signal::calibration::{CheckOutcome, LinePlace, LineResult, StandardKind, Standards};
use crate::ui::kit_model::{DevicePage, WizardState, Work};
use crate::ui::kit_trends::{found, units};
use crate::ui::layout::{self, DevicePlaces};
use crate::ui::model::Model;
use crate::ui::tokens::{self, GAP_SMALL, tokens};
use crate::ui::widgets::{
    Banner, BannerTone, Button, Chip, Choice, Look, Trend, bullet, card, chip, choice_field, heading, note, paragraph,
    steps_bar, trend_plot, verdict_banner,
};
use crate::ui::words;

use super::device::{actions, results, trouble};

/// The steps.
const STEPS: [&str; 3] = ["Standard", "Measure", "Result"];
/// The standard of the resolution.
const CALCITE: &str = "calcite";
/// Height of the bar of a running measurement.
const BANNER: f32 = 132.0;

/// The page of a measurement of a standard.
pub fn standard_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let places = layout::device(content);
    let DevicePage::Standard(wizard) = &model.device.page else { return };
    let now = match wizard.state {
        WizardState::Choosing => 0,
        WizardState::Measuring { .. } => 1,
        WizardState::Measured(_) | WizardState::Failed(_) => 2,
    };
    steps_bar(ui, places.head, &STEPS, now);
    match &wizard.state {
        WizardState::Choosing => choosing(ui, places, model),
        WizardState::Measuring { .. } => measuring(ui, places, model),
        WizardState::Measured(_) => measured(ui, places, model),
        WizardState::Failed(_) => failed(ui, places, model),
    }
}

const fn title(work: Work) -> &'static str {
    match work {
        Work::Calibrate => "Calibrate",
        Work::Check => "Performance check",
        Work::White => "White reference",
    }
}

/// The standards that can lie under the probe for this work. A lamp cannot: it shines in the dark readout too.
fn choices(work: Work) -> Vec<Choice> {
    let Ok(standards) = Standards::bundled() else { return Vec::new() };
    let choice = |key: &str, label: String| {
        let search = format!("{label} {key}").to_lowercase();
        Choice { key: key.to_owned(), label, search }
    };
    let lines = standards.lines.iter().filter_map(|s| {
        let use_for = match (s.kind, work) {
            (StandardKind::Raman, Work::Calibrate) => "axis",
            (StandardKind::Raman, Work::Check) => "check",
            (StandardKind::Resolution, Work::Calibrate) => "resolution",
            (StandardKind::Resolution, Work::Check) | (StandardKind::Lamp, _) | (_, Work::White) => return None,
        };
        Some(choice(&s.key, format!("{} ({use_for})", s.name)))
    });
    let mut all: Vec<Choice> = lines.collect();
    if work == Work::Calibrate {
        let glass = |g: &crate::signal::calibration::Luminescence| {
            choice(&g.key, format!("{} (response, laser {:.0} nm)", g.name, g.excitation_nm))
        };
        all.extend(standards.luminescence.iter().map(glass));
    }
    all
}

fn choosing(ui: &mut Ui, places: DevicePlaces, model: &mut Model) {
    let emulated = model.emulated();
    let DevicePage::Standard(wizard) = &mut model.device.page else { return };
    let (work, together) = (wizard.work, wizard.with_earlier);
    card(ui, places.left, title(work), |ui| {
        heading(ui, title(work));
        if together {
            note(ui, "Its lines are fitted together with those of the standards before");
        }
        ui.add_space(GAP_SMALL);
        if work != Work::White {
            let id = Id::unique("standard");
            let all = choices(work);
            let picked = choice_field(ui, id, "Standard", Some(&wizard.standard), &all, &mut wizard.query);
            if let Some(key) = picked {
                wizard.standard = key;
            }
            ui.add_space(GAP_SMALL);
        }
        if work == Work::White {
            bullet(ui, "Wipe the window of the scanner and lay the white standard on it");
            bullet(ui, "Leave it there until the measurement has ended");
        } else if emulated {
            chip(ui, "SIMULATED", Chip::Emulated);
            paragraph(ui, "The emulated probe gets the standard by itself while it is measured");
        } else {
            for line in [
                "Wipe the probe's tip and the standard",
                "Touch the standard with the probe and keep out other light",
                "Hold still until the measurement has ended: the laser is on",
            ] {
                bullet(ui, line);
            }
        }
        note(
            ui,
            match work {
                Work::Check => "The result is kept, passed or not: a failed check cannot be thrown away",
                Work::Calibrate => {
                    "The result is shown first; it holds when you keep it. For the whole axis measure polystyrene and add toluene-acetonitrile, best acetaminophen too"
                }
                Work::White => "The reference is kept and every scan from now on is compared with it",
            },
        );
    });
    earlier(ui, places.right, model, work);
    actions(ui, places.actions, |ui, height| {
        let measure = Button::new("Measure", Look::Main).size(170.0, height);
        if ui.add_enabled(model.standard_refusal().is_none(), measure).clicked() {
            model.measure_standard();
        }
        back(ui, model, height);
    });
}

fn back(ui: &mut Ui, model: &mut Model, height: f32) {
    if ui.add(Button::new("Back to the device", Look::Plain).size(0.0, height)).clicked() {
        model.show_device(DevicePage::Overview);
    }
}

fn measuring(ui: &mut Ui, places: DevicePlaces, model: &mut Model) {
    let DevicePage::Standard(wizard) = &model.device.page else { return };
    let WizardState::Measuring { stage, fraction, remaining_ms, stopping } = wizard.state else { return };
    let (word, detail) = if stopping {
        ("Stopping", "The laser goes off first".to_owned())
    } else {
        ("Measuring", format!("{} · {}", words::stage_words(stage), words::time_left(remaining_ms)))
    };
    let place = places.left.union(places.right);
    let banner = Banner { tone: BannerTone::Working(fraction), word, subject: "", detail: &detail, aside: 0.0 };
    verdict_banner(ui, place.with_max_y(place.min.y + BANNER), &banner);
    let (work, below) = (wizard.work, place.min.y + BANNER + tokens::GAP);
    card(ui, places.left.with_min_y(below), "Hold still", |ui| {
        heading(ui, "Hold still");
        paragraph(ui, "Keep the probe on the standard until the measurement has ended");
        note(ui, "Esc stops; the laser goes off first");
    });
    earlier(ui, places.right.with_min_y(below), model, work);
    actions(ui, places.actions, |ui, height| {
        if ui.add_enabled(!stopping, Button::new("Cancel", Look::Main).size(170.0, height)).clicked() {
            model.cancel_standard();
        }
    });
}

fn failed(ui: &mut Ui, places: DevicePlaces, model: &mut Model) {
    let DevicePage::Standard(wizard) = &model.device.page else { return };
    let (WizardState::Failed(why), work) = (&wizard.state, wizard.work) else { return };
    card(ui, places.left, "No result", |ui| {
        heading(ui, "No result");
        paragraph(ui, why);
        note(ui, "Nothing was kept");
    });
    earlier(ui, places.right, model, work);
    again(ui, places, model, false);
}

fn again(ui: &mut Ui, places: DevicePlaces, model: &mut Model, more: bool) {
    actions(ui, places.actions, |ui, height| {
        if ui.add(Button::new("Measure again", Look::Plain).size(0.0, height)).clicked() {
            model.another_standard(false);
        }
        if more && ui.add(Button::new("Add another standard", Look::Plain).size(0.0, height)).clicked() {
            model.another_standard(true);
        }
        back(ui, model, height);
    });
}

/// The choice that a calibration leaves: nothing of it holds before.
fn keeping(ui: &mut Ui, places: DevicePlaces, model: &mut Model, more: bool) {
    actions(ui, places.actions, |ui, height| {
        if ui.add(Button::new("Keep it", Look::Main).name("Keep this calibration").size(150.0, height)).clicked() {
            model.conclude_calibration(true);
        }
        let discard = Button::new("Discard it", Look::Plain).name("Discard this calibration").size(0.0, height);
        if ui.add(discard).clicked() {
            model.conclude_calibration(false);
        }
        if more && ui.add(Button::new("Add another standard", Look::Plain).size(0.0, height)).clicked() {
            model.another_standard(true);
        }
    });
}

fn measured(ui: &mut Ui, places: DevicePlaces, model: &mut Model) {
    let DevicePage::Standard(wizard) = &model.device.page else { return };
    let (WizardState::Measured(measured), work) = (&wizard.state, wizard.work) else { return };
    let more = matches!(measured.record.finding, KitFinding::Axis { .. });
    let kept = measured.kept;
    card(ui, places.left, "Result", |ui| {
        trouble(ui, model);
        ScrollArea::vertical().id_salt("result").auto_shrink([false, false]).show(ui, |ui| result(ui, measured));
    });
    earlier(ui, places.right, model, work);
    if kept {
        again(ui, places, model, more);
    } else {
        keeping(ui, places, model, more);
    }
}

fn result(ui: &mut Ui, measured: &KitMeasured) {
    ui.spacing_mut().item_spacing.y = 4.0;
    let record = &measured.record;
    ui.horizontal(|ui| {
        match &record.finding {
            KitFinding::Check { outcome, .. } if outcome.passed() => {
                heading(ui, "Passed");
            }
            KitFinding::Check { .. } => {
                heading(ui, "Failed");
            }
            KitFinding::Discarded { .. } => {
                heading(ui, "Discarded");
            }
            KitFinding::White { .. } => {
                heading(ui, "White reference");
            }
            _ if measured.kept => {
                heading(ui, "Calibrated");
            }
            _ => {
                heading(ui, "Calibration found");
            }
        }
        match (&record.finding, measured.kept) {
            (KitFinding::Discarded { .. }, _) => chip(ui, "The calibration before still holds", Chip::Fact),
            (_, true) => chip(ui, "Kept with the kit", Chip::Fact),
            (_, false) => chip(ui, "NOT KEPT YET", Chip::Caution),
        };
        if record.simulated {
            chip(ui, "SIMULATED", Chip::Emulated);
        }
    });
    paragraph(ui, &words::sentence(&found(&record.finding)));
    for remark in record.finding.remarks() {
        note(ui, &words::sentence(&units(&remark)));
    }
    match &record.finding {
        KitFinding::Check { outcome, .. } => {
            checked(ui, outcome);
            note(ui, &words::check(&measured.check));
        }
        KitFinding::Axis { fit, .. } => fitted(ui, &fit.lines),
        KitFinding::Response { .. }
        | KitFinding::Resolution { .. }
        | KitFinding::White { .. }
        | KitFinding::Discarded { .. } => {}
    }
}

fn cell(ui: &mut Ui, text: &str) {
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(text).font(tokens::regular(tokens::TEXT_LABEL)).color(t.card.ink)));
}

fn head(ui: &mut Ui, titles: &[&str]) {
    let t = tokens(ui);
    for title in titles {
        ui.add(Label::new(RichText::new(*title).font(tokens::regular(tokens::TEXT_NOTE)).color(t.mute)));
    }
    ui.end_row();
}

fn checked(ui: &mut Ui, outcome: &CheckOutcome) {
    for problem in &outcome.problems {
        bullet(ui, &words::sentence(&problem.replace("cm-1", "cm⁻¹")));
    }
    Grid::new("checked lines").num_columns(2).spacing([24.0, 2.0]).show(ui, |ui| {
        head(ui, &["Line / cm⁻¹", "Error / cm⁻¹"]);
        for line in &outcome.lines {
            cell(ui, &format!("{:.1}", line.place_cm1));
            cell(ui, &format!("{:+.2} ± {:.2}", line.error_cm1, line.sd_cm1));
            ui.end_row();
        }
    });
}

fn fitted(ui: &mut Ui, lines: &[LineResult]) {
    Grid::new("fitted lines").num_columns(4).spacing([20.0, 2.0]).show(ui, |ui| {
        head(ui, &["Line", "Before / cm⁻¹", "After / cm⁻¹", ""]);
        for line in lines {
            cell(
                ui,
                &match line.line.place {
                    LinePlace::ShiftCm1(place) => format!("{place:.1} cm⁻¹"),
                    LinePlace::WavelengthNm(place) => format!("{place:.2} nm"),
                },
            );
            cell(ui, &format!("{:+.2} ± {:.2}", line.before_cm1, line.line.reported_sd_cm1));
            cell(ui, &format!("{:+.2}", line.after_cm1));
            cell(ui, if line.used { "" } else { "not believed" });
            ui.end_row();
        }
    });
}

/// Earlier results of the same work.
fn earlier(ui: &mut Ui, place: Rect, model: &Model, work: Work) {
    card(ui, place, "Earlier results", |ui| {
        heading(ui, "Earlier results");
        let Some(trends) = model.device.trends.as_ref().filter(|t| !t.lines.is_empty()) else {
            paragraph(ui, "None yet");
            return;
        };
        let resolution = matches!(&model.device.page, DevicePage::Standard(w) if w.standard == CALCITE);
        let trend: &Trend = match work {
            Work::Check => &trends.checks,
            Work::Calibrate if resolution => &trends.resolution,
            Work::Calibrate => &trends.axis,
            Work::White => return results(ui, &trends.lines),
        };
        if trend.points.is_empty() {
            return results(ui, &trends.lines);
        }
        note(
            ui,
            match work {
                Work::Check => {
                    "Shift of the axis in each check, cm⁻¹; dashed: allowed; open marks: without the kit's calibration"
                }
                Work::Calibrate if resolution => "Resolution, cm⁻¹",
                Work::Calibrate | Work::White => {
                    "Error of the axis before each calibration, cm⁻¹ rms; open marks: after it"
                }
            },
        );
        let size = egui::vec2(ui.available_width(), (ui.available_height() * 0.6).max(80.0));
        ui.allocate_ui(size, |ui| {
            ui.set_min_size(size);
            trend_plot(ui, trend);
        });
        results(ui, &trends.lines);
    });
}
