//! An answer in words, for people at a terminal.

use std::fmt::{self, Write};

use crate::identify::{Answer, Candidate, Combined, Identified, Level, ReferenceNote, Strength};
use crate::library::Tier;

/// Candidates and components that are printed; JSON has all.
const MOST_LINES: usize = 5;
/// Names of a long list that are printed.
const MOST_NAMES: usize = 8;

/// The answer, most important first. Every line is indented and ends with a line end.
pub(super) fn describe(answer: &Answer) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_answer(&mut out, answer);
    out
}

/// What several scans of one item say together, in the same form.
pub(super) fn describe_combined(combined: &Combined) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_combined(&mut out, combined);
    out
}

fn write_combined(out: &mut String, combined: &Combined) -> fmt::Result {
    let verdict = &combined.verdict;
    let simulated = if combined.simulated { "  SIMULATED" } else { "" };
    writeln!(out, "{} scans of one item", combined.scans)?;
    writeln!(out, "  {}{simulated}  (rule {})", word(verdict.level()), verdict.rule())?;
    writeln!(out, "  Finding    {}", verdict.headline())?;
    writeln!(out, "  Do now     {}", verdict.next_step())?;
    for found in &combined.identified {
        writeln!(out, "  Named      {}", named(found))?;
    }
    for finding in &combined.findings {
        writeln!(out, "  Together   {finding}")?;
    }
    Ok(())
}

/// The word for a level that stands on the screen.
pub(super) const fn word(level: Level) -> &'static str {
    match level {
        Level::Alarm => "ALARM",
        Level::Alert => "ALERT",
        Level::Inconclusive => "INCONCLUSIVE",
        Level::NoneDetected => "NOTHING LISTED DETECTED",
    }
}

fn write_answer(out: &mut String, answer: &Answer) -> fmt::Result {
    let verdict = &answer.verdict;
    let simulated = if answer.simulated { "  SIMULATED" } else { "" };
    writeln!(out, "  {}{simulated}  (rule {})", word(verdict.level()), verdict.rule())?;
    writeln!(out, "  Finding    {}", verdict.headline())?;
    writeln!(out, "  Do now     {}", verdict.next_step())?;
    for found in &answer.identified {
        writeln!(out, "  Named      {}", named(found))?;
    }
    let quality = &answer.quality;
    writeln!(
        out,
        "  Scan       {}, signal to noise {:.0}, background {:.1} times the bands, {:.0} to {:.0} cm-1{}",
        answer.technique,
        quality.snr,
        quality.fluorescence,
        quality.range_cm1.0,
        quality.range_cm1.1,
        if quality.saturated { ", SATURATED" } else { "" }
    )?;
    for problem in &quality.problems {
        writeln!(out, "  Problem    {problem}")?;
    }
    write_candidates(out, &answer.candidates)?;
    write_mixture(out, answer)?;
    write_missed(out, answer)?;
    let library = &answer.library;
    writeln!(
        out,
        "  Library    {} {} (sha256 {:.12}), {}",
        library.name, library.version, library.sha256, answer.engine
    )
}

fn named(found: &Identified) -> String {
    let strength = match found.strength {
        Strength::Identified => "identified",
        Strength::Possible => "possible",
        Strength::Class => "class only",
    };
    let form = if found.form.is_empty() { String::new() } else { format!(", {}", found.form) };
    let others = if found.alternatives.is_empty() {
        String::new()
    } else {
        format!("; cannot be told from {}", found.alternatives.join(", "))
    };
    format!("{}{}: {strength}{form}{others}", found.substance, cas(found.cas.as_deref()))
}

fn write_candidates(out: &mut String, candidates: &[Candidate]) -> fmt::Result {
    if candidates.is_empty() {
        return Ok(());
    }
    writeln!(out, "  Candidates (best first; they assert nothing)")?;
    writeln!(out, "    score  explained  missing bands  substance")?;
    for candidate in candidates.iter().take(MOST_LINES) {
        writeln!(
            out,
            "    {:>5.2}  {:>8.0} %  {:>13}  {}{}, {}",
            candidate.score,
            candidate.explained * 100.0,
            candidate.missing_bands.len(),
            candidate.substance,
            cas(candidate.cas.as_deref()),
            reference(&candidate.reference)
        )?;
    }
    Ok(())
}

fn write_mixture(out: &mut String, answer: &Answer) -> fmt::Result {
    if !answer.mixture.is_empty() {
        writeln!(out, "  Mixture (share of the signal, never of the weight)")?;
    }
    for part in answer.mixture.iter().take(MOST_LINES) {
        let interval = part
            .share_interval
            .map(|(low, high)| format!(" ({:.0} to {:.0} %)", low * 100.0, high * 100.0))
            .unwrap_or_default();
        writeln!(
            out,
            "    {:>3.0} %{interval}  {}{}, {}",
            part.spectral_share * 100.0,
            part.substance,
            cas(part.cas.as_deref()),
            reference(&part.reference)
        )?;
    }
    let residual = &answer.residual;
    if residual.strongest_unexplained_cm1.is_empty() {
        return Ok(());
    }
    let bands: Vec<String> = residual.strongest_unexplained_cm1.iter().map(|p| format!("{p:.0}")).collect();
    writeln!(
        out,
        "  Left over  {:.0} % of the signal, strongest at {} cm-1",
        residual.unexplained * 100.0,
        bands.join(", ")
    )
}

/// What could have been missed: limits of this scan, and what the library cannot search for.
fn write_missed(out: &mut String, answer: &Answer) -> fmt::Result {
    let limits: Vec<String> = answer
        .detection_limits
        .iter()
        .filter_map(|limit| {
            limit.spectral_share.map(|share| format!("{} below {:.0} %", limit.substance, (share * 100.0).ceil()))
        })
        .collect();
    writeln!(out, "  Could be missed")?;
    if !limits.is_empty() {
        writeln!(out, "    by share of the signal: {}", shortened(&limits))?;
    }
    let coverage = &answer.coverage;
    writeln!(
        out,
        "    listed substances: {} have a measured reference, {} are known by calculation only (at most a possible)",
        coverage.listed_measured, coverage.listed_computed_only
    )?;
    if !coverage.not_searchable.is_empty() {
        let count = coverage.not_searchable.len();
        writeln!(out, "    {count} listed substances cannot be searched for: {}", shortened(&coverage.not_searchable))?;
    }
    Ok(())
}

fn shortened(names: &[String]) -> String {
    let shown = names.get(..MOST_NAMES).unwrap_or(names);
    let rest = names.len() - shown.len();
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more (--json has all)", shown.join(", ")) }
}

fn cas(cas: Option<&str>) -> String {
    cas.map(|cas| format!(" ({cas})")).unwrap_or_default()
}

fn reference(note: &ReferenceNote) -> String {
    let tier = match note.tier {
        Tier::MeasuredHere => "measured here",
        Tier::MeasuredElsewhere => "measured elsewhere",
        Tier::Literature => "literature",
        Tier::Computed => "computed",
        Tier::Simulated => "simulated",
    };
    format!("{tier} ({})", note.source)
}
