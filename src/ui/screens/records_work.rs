//! Long work on the records: the verification and the statistics, with progress and a way to stop.

use egui::{Align, Grid, Key, Label, Layout, ProgressBar, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, vec2};

use crate::casebook::{FindingKind, Verification};
use crate::identify::Level;
use crate::report::{Period as Step, PeriodSummary, Rate, Statistics};
use crate::ui::layout;
use crate::ui::model::Model;
use crate::ui::records_model::{Period, RecordsView};
use crate::ui::tokens::{self, GAP_SMALL, tokens};
use crate::ui::widgets::{Button, Look, bullet, card, heading, note, paragraph};
use crate::ui::words;

/// The verification of the casebook.
pub fn verify_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let places = layout::device(content);
    title(ui, places.head, "Verify the records");
    card(ui, places.left.union(places.right), "Verification", |ui| {
        if progress(ui, model, "Verifying: every row is held against the signed log") {
            return;
        }
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| match &model.records.verified {
            None => {
                paragraph(
                    ui,
                    "Holds every record, its history and its files against the signed log, and says where something was changed, removed, inserted or reordered. Scans can go on meanwhile.",
                );
            }
            Some(Err(why)) => drop(paragraph(ui, &words::sentence(why))),
            Some(Ok(found)) => verification(ui, found),
        });
        trouble(ui, model);
    });
    if actions(ui, places.actions, model, "Verify now") {
        model.verify_records();
    }
}

fn verification(ui: &mut Ui, found: &Verification) {
    heading(ui, if found.is_clean() { "Nothing was changed" } else { "SOMETHING IS WRONG" });
    let count = |n: usize, one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
    let rows: Vec<String> = found.rows.iter().map(|(table, n)| format!("{n} {table}")).collect();
    paragraph(ui, &format!("Read {} entries of the log: {}.", found.entries, rows.join(", ")));
    if let Some((entries, at)) = &found.complete_up_to {
        paragraph(
            ui,
            &format!("Complete up to entry {entries}, the checkpoint of {at}; later completeness cannot be proven."),
        );
    }
    if !found.key_trusted {
        note(
            ui,
            "The key was taken from the casebook itself. 'parcelscope casebook verify --help' says how to hold it against a key and a checkpoint that were kept elsewhere.",
        );
    }
    for finding in found.findings.iter().take(200) {
        let row = if finding.row == 0 { String::new() } else { format!(" {}", finding.row) };
        bullet(ui, &format!("{}{row}: {}", finding.table, kind_words(finding.kind)));
    }
    let rest = found.findings.len().saturating_sub(200) + found.more_findings;
    if rest > 0 {
        note(ui, &format!("And {}", count(rest, "further finding", "further findings")));
    }
}

const fn kind_words(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Changed => "is not as it was written",
        FindingKind::Missing => "was written and is not there",
        FindingKind::Inserted => "was never written by the program",
        FindingKind::Reordered => "stands in another's place",
        FindingKind::Forked => "belongs to another continuation of the log",
        FindingKind::ClockWentBack => "is older than the one before",
    }
}

/// The statistics over time.
pub fn count_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let places = layout::device(content);
    ui.scope_builder(UiBuilder::new().max_rect(places.head).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = GAP_SMALL;
        let t = tokens(ui);
        ui.add(Label::new(RichText::new("Statistics").font(tokens::strong(tokens::TEXT_LEAD)).color(t.page.ink)));
        ui.add_space(12.0);
        for (period, words) in Period::ALL {
            let on = model.records.search.period == period;
            if ui.add(Button::new(words, Look::Tab(on)).text_size(tokens::TEXT_NOTE)).clicked() {
                model.records.search.period = period;
                model.records.counts = None;
            }
        }
    });
    let (left, right) = (places.left, places.right);
    card(ui, left, "Counts", |ui| {
        if progress(ui, model, "Counting the records") {
            return;
        }
        ScrollArea::vertical().id_salt("counts").auto_shrink([false, false]).show(ui, |ui| match &model.records.counts {
            None => drop(paragraph(ui, "Counts scans, alarms, what was inconclusive and why, and how often the laboratory agreed. Simulated scans, blanks and controls count nowhere.")),
            Some(Err(why)) => drop(paragraph(ui, &words::sentence(why))),
            Some(Ok(counts)) => summary(ui, counts),
        });
        trouble(ui, model);
    });
    card(ui, right, "Over time", |ui| {
        let step = match &model.records.counts {
            Some(Ok(counts)) if counts.period == Step::Month => "Scans by month",
            _ => "Scans by day",
        };
        heading(ui, step);
        if let Some(Ok(counts)) = &model.records.counts {
            ScrollArea::vertical().id_salt("days").auto_shrink([false, false]).show(ui, |ui| steps(ui, &counts.steps));
        }
    });
    if actions(ui, places.actions, model, "Count now") {
        model.count_records();
    }
}

fn summary(ui: &mut Ui, counts: &Statistics) {
    let s = &counts.whole;
    heading(ui, &format!("{} scans of real samples", s.scans));
    Grid::new("levels").num_columns(2).spacing([18.0, 4.0]).show(ui, |ui| {
        for (level, n) in &s.by_level {
            paragraph(ui, &words::sentence(level).replace(['.', '-'], " "));
            paragraph(ui, &n.to_string());
            ui.end_row();
        }
    });
    note(
        ui,
        &format!(
            "{} simulated scans are in none of the numbers, and {} blanks and controls neither",
            s.simulated, s.blanks_and_controls
        ),
    );
    if !s.inconclusive_by_rule.is_empty() {
        heading(ui, "Inconclusive because of");
        for (rule, n) in &s.inconclusive_by_rule {
            bullet(ui, &format!("{}: {n}", rule.replace('-', " ")));
        }
    }
    heading(ui, "What the laboratory said");
    match &s.laboratory {
        None => drop(paragraph(ui, "No result yet, so no rate of true or false alarms")),
        Some(rates) => {
            bullet(ui, &format!("Warnings that it confirmed: {}", rate(&rates.true_warnings)));
            bullet(ui, &format!("Warnings that it refuted: {}", rate(&rates.false_warnings)));
            bullet(ui, &format!("No warning, but it found something listed: {}", rate(&rates.missed)));
            bullet(ui, &format!("Undecided: {}", rates.undecided));
            note(ui, "Of the scans that went to the laboratory, not of all");
        }
    }
}

fn rate(rate: &Rate) -> String {
    match (rate.share, rate.interval) {
        (Some(share), Some((low, high))) => format!(
            "{} of {}, {:.1} % (95 %: {:.1} to {:.1})",
            rate.count,
            rate.of,
            share * 100.0,
            low * 100.0,
            high * 100.0
        ),
        _ => "none decided".to_owned(),
    }
}

fn steps(ui: &mut Ui, steps: &[PeriodSummary]) {
    let t = tokens(ui);
    let levels = [
        (Level::Alarm, "alarm"),
        (Level::Alert, "alert"),
        (Level::Inconclusive, "inconclusive"),
        (Level::NoneDetected, "none-detected"),
    ];
    let most = steps.iter().map(|step| step.summary.scans).max().unwrap_or_default();
    if most == 0 {
        note(ui, "No scan of a real sample in this time");
    }
    for PeriodSummary { begins, summary } in steps.iter().rev().filter(|step| step.summary.scans > 0) {
        ui.horizontal(|ui| {
            note(ui, &format!("{begins}  {}", summary.scans));
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width().max(40.0), 22.0), Sense::hover());
            let counts = levels.map(|(level, key)| (level, summary.by_level.get(key).copied().unwrap_or_default()));
            let [alarms, alerts, inconclusive, none] = counts.map(|(_, n)| n);
            let words = format!(
                "From {begins}, UTC: {alarms} alarms, {alerts} alerts, {inconclusive} inconclusive, {none} nothing listed detected"
            );
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &words));
            let mut x = rect.min.x;
            for (level, n) in counts {
                let width = rect.width() * n as f32 / most.max(1) as f32;
                let bar = Rect::from_min_size(egui::pos2(x, rect.min.y), vec2(width, rect.height()));
                ui.painter().rect_filled(bar, 2.0, t.level(level).ink);
                x += width;
            }
            response.on_hover_text(words);
        });
    }
}

fn title(ui: &mut Ui, place: Rect, text: &str) {
    ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)), |ui| {
        let t = tokens(ui);
        ui.add(Label::new(RichText::new(text).font(tokens::strong(tokens::TEXT_LEAD)).color(t.page.ink)));
    });
}

/// Shows how far the work is; false when none runs.
fn progress(ui: &mut Ui, model: &Model, what: &str) -> bool {
    let Some(work) = model.records.work else { return false };
    heading(ui, if work.stopping { "Stopping" } else { what });
    let response = ui.add(ProgressBar::new(work.fraction).desired_height(24.0).show_percentage());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::ProgressIndicator, true, format!("{:.0} % done", work.fraction * 100.0))
    });
    true
}

fn trouble(ui: &mut Ui, model: &Model) {
    if let Some(why) = &model.records.trouble {
        paragraph(ui, why);
    }
}

/// The buttons below; true when the work is to begin.
fn actions(ui: &mut Ui, place: Rect, model: &mut Model, start: &str) -> bool {
    let (mut begin, mut back) = (false, ui.input(|i| i.key_pressed(Key::Escape)));
    ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)), |ui| {
        let height = place.height();
        match model.records.work {
            Some(work) => {
                let stop = Button::new("Stop", Look::Main).name("Stop the work").size(150.0, height);
                if ui.add_enabled(!work.stopping, stop).clicked() {
                    model.stop_record_work();
                }
            }
            None => begin = ui.add(Button::new(start, Look::Main).size(150.0, height)).clicked(),
        }
        back |= ui.add(Button::new("Back", Look::Plain).name("Back to the list").size(110.0, height)).clicked();
    });
    if back {
        // The work goes on and is there when somebody comes back, unless it was told to stop.
        model.records.view = RecordsView::List;
    }
    begin
}
