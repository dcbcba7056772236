//! What is known of one substance of the library: facts, references, likeness.

use egui::{Label, RichText, Ui};

use crate::identify::Candidate;
use crate::library::{Library, Reference, Substance};
use crate::ui::library_model::{Alike, Neighbours, Shelf};
use crate::ui::tokens::{self, GAP_SMALL, tokens};
use crate::ui::widgets::{heading, note, paragraph};
use crate::ui::words;

use super::library::{curve_button, standing, with_button};

/// Width of the names of facts.
const LABEL: f32 = 128.0;

/// A fact with its name; nothing where there is none.
fn fact(ui: &mut Ui, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    let t = tokens(ui);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        ui.allocate_ui(egui::vec2(LABEL, 20.0), |ui| {
            ui.set_min_width(LABEL);
            ui.add(Label::new(RichText::new(name).font(tokens::regular(tokens::TEXT_LABEL)).color(t.mute)));
        });
        ui.vertical(|ui| {
            let text = RichText::new(value).font(tokens::regular(tokens::TEXT_LABEL)).color(t.card.ink);
            ui.add(Label::new(text).wrap());
        });
    });
}

/// The facts of a substance. What nobody verified is said first.
pub fn facts(ui: &mut Ui, library: &Library, substance: &Substance) {
    let t = tokens(ui);
    if !substance.unverified_facts.is_empty() {
        let text = format!("Not verified, from memory: {}", substance.unverified_facts.join(", "));
        ui.add(Label::new(RichText::new(text).font(tokens::strong(tokens::TEXT_LABEL)).color(t.caution().ink)).wrap());
    }
    let titles: Vec<&str> =
        substance.groups.iter().map(|key| library.group(key).map_or(key.as_str(), |g| g.title.as_str())).collect();
    let group = match standing(substance) {
        "" => titles.join(", "),
        standing => format!("{} ({standing})", titles.join(", ")),
    };
    fact(ui, "Groups", &group);
    fact(ui, "CAS", substance.cas.as_deref().unwrap_or("none known"));
    fact(ui, "Formula", substance.formula.as_deref().unwrap_or_default());
    fact(ui, "Other names", &substance.synonyms.join(", "));
    for form in &substance.related {
        fact(ui, "Form", &format!("{} ({})", form.name, form.cas));
    }
    for (name, text) in substance.control.lines(&substance.unverified_facts) {
        fact(ui, words::control_label(&name), &text);
    }
    fact(ui, "Hazards", &substance.hazards.join(", ").replace('-', " "));
    for text in &substance.notes {
        fact(ui, "Note", text);
    }
    for text in &substance.facts_from {
        fact(ui, "Facts from", text);
    }
}

/// The references of a substance and where each came from. Hands back the one whose curve is to be shown or hidden.
pub fn references(ui: &mut Ui, library: &Library, substance: usize, shelf: &Shelf) -> Option<usize> {
    let first = library.references.partition_point(|r| r.substance < substance);
    let mut toggled = None;
    let mut any = false;
    for (number, reference) in library.references_of(substance).enumerate() {
        any = true;
        let index = first + number;
        let button = |ui: &mut Ui| curve_button(ui, shelf, index, &format!("the curve of reference {}", number + 1));
        if with_button(ui, button, |ui| provenance(ui, library, reference)) {
            toggled = Some(index);
        }
        ui.add_space(GAP_SMALL);
    }
    if !any {
        paragraph(ui, "No reference: this substance cannot be searched for with this library.");
    }
    toggled
}

fn provenance(ui: &mut Ui, library: &Library, reference: &Reference) {
    let mut title = format!("{}, {}", reference.technique, words::tier_words(reference.tier));
    if !reference.form.is_empty() {
        title = format!("{title}, {}", reference.form);
    }
    if let Some(laser_nm) = reference.laser_nm {
        title = format!("{title}, {laser_nm} nm");
    }
    heading(ui, &title);
    let (from, to) = reference.range_cm1;
    let points = reference.measured.as_ref().map(|m| format!(", {} points", m.spectrum().axis_cm1().len()));
    note(ui, &format!("{from:.0} to {to:.0} cm⁻¹, {} bands{}", reference.band_count(), points.unwrap_or_default()));
    let citation = library.source(&reference.source).map_or("", |s| s.citation.as_str());
    note(ui, &format!("Source {} ({}): {citation}", reference.source, reference.licence));
    if reference.usual_widths {
        note(ui, "Widths are the usual ones, not measured.");
    }
    if reference.usual_heights {
        note(ui, "Heights are not known: a list of positions.");
    }
    if !reference.can_support_identification() {
        note(ui, "It cannot carry an identification alone.");
    }
    let Some(origin) = reference.provenance.as_deref() else { return };
    let mut say = |name: &str, value: &str| {
        if !value.is_empty() {
            note(ui, &format!("{name}: {value}"));
        }
    };
    say("Brought in by", &[origin.author.as_str(), origin.added_at.as_str()].join(" "));
    say("Lot", origin.lot.as_deref().unwrap_or_default());
    say("Certificate", origin.certificate.as_deref().unwrap_or_default());
    say("Purity, % by mass", &origin.purity_percent.map(|p| p.to_string()).unwrap_or_default());
    say("Instrument", origin.instrument.as_deref().unwrap_or_default());
    say("Stated by operator", &origin.stated.join("; "));
    say("Converted", &origin.converted.join("; "));
    say("Assumed", &origin.assumed.join("; "));
    let files: Vec<&str> = origin.files.iter().map(|f| f.name.as_str()).collect();
    say("Files", &files.join(", "));
    let kept = origin.replicates.iter().filter(|r| !r.outlier).count();
    if !origin.replicates.is_empty() {
        say("Replicates", &format!("{} measured, {kept} averaged", origin.replicates.len()));
    }
}

/// What a substance could be taken for. Hands back the reference whose curve is to be shown or hidden.
pub fn alike(ui: &mut Ui, library: &Library, shelf: &Shelf) -> Option<usize> {
    match &shelf.alike {
        Alike::Unasked => {
            paragraph(ui, "This substance has no reference that could be compared.");
            None
        }
        Alike::Asked(_) => {
            paragraph(ui, "Comparing it with the library");
            None
        }
        Alike::Failed(why) => {
            paragraph(ui, why);
            None
        }
        Alike::Known(None) => {
            paragraph(ui, "Its reference cannot be drawn as a spectrum, so that nothing can be compared.");
            None
        }
        Alike::Known(Some(found)) => neighbours(ui, library, shelf, found),
    }
}

fn neighbours(ui: &mut Ui, library: &Library, shelf: &Shelf, found: &Neighbours) -> Option<usize> {
    let verdict = &found.answer.verdict;
    paragraph(
        ui,
        &format!(
            "If this substance were not in the library, a scan like its reference would be answered: {}: {}",
            words::level_word(verdict.level()),
            words::without_level(verdict.headline(), verdict.level())
        ),
    );
    ui.add_space(GAP_SMALL);
    let mut toggled = None;
    for (candidate, (substance, reference)) in found.answer.candidates.iter().zip(&found.known) {
        let substance = substance.and_then(|index| library.substances.get(index));
        let button = |ui: &mut Ui| {
            reference.is_some_and(|r| curve_button(ui, shelf, r, &format!("the curve of {}", candidate.substance)))
        };
        if with_button(ui, button, |ui| neighbour(ui, substance, candidate)) {
            toggled = *reference;
        }
    }
    note(ui, "By likeness, without the substance itself; likeness alone never names anything.");
    toggled
}

fn neighbour(ui: &mut Ui, substance: Option<&Substance>, candidate: &Candidate) {
    let standing = substance.map_or("", standing);
    let standing = if standing.is_empty() { String::new() } else { format!(" ({standing})") };
    heading(ui, &format!("{}{standing}", candidate.substance));
    let tier = words::tier_words(candidate.reference.tier);
    note(ui, &format!("likeness {:.2}, explains {:.0} %, {tier}", candidate.score, 100.0 * candidate.explained));
}
