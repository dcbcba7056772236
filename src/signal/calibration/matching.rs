//! Which of the bands that were found is which line of the standard.
//!
//! The axis may be several cm-1 wrong and bends slowly, so the difference between line and band may be large but changes
//! little from one line to the next. The best assignment that keeps the order is found by dynamic programming: every pair
//! gains, a difference that jumps costs, lines and bands may be left out.

use serde::{Deserialize, Serialize};

use crate::spectrum::Spectrum;

use super::{CalibrationError, Peak, Standard, StandardKind, find_peaks, typical_width_cm1};

/// Largest difference between a line and its band that is looked for, cm-1.
const REACH_CM1: f64 = 12.0;
/// Standard deviation of that difference, cm-1: instruments as delivered are up to 6 cm-1 wrong.
const DIFFERENCE_SD_CM1: f64 = 5.0;
/// How fast the difference may change: standard deviation between neighbours, cm-1, and per cm-1 between them.
const STEP_SD_CM1: f64 = 0.6;
const STEP_SD_PER_CM1: f64 = 0.012;
/// Standard deviation of the logarithm of a height over its line's intensity, and the most that it may cost.
const LOG_HEIGHT_SD: f64 = 1.2;
const HEIGHT_COST_MAX: f64 = 2.0;
/// What a pair gains: a weak line, and a strong line more.
const PAIR_GAIN: f64 = 3.0;
const STRONG_GAIN: f64 = 3.0;
/// Lines nearer than this many widths are one band; nearer than the second number they spoil each other.
const ONE_BAND_WIDTHS: f64 = 0.45;
const SPOILT_WIDTHS: f64 = 0.95;
/// A neighbour below this share of a line's intensity does not spoil it.
const SPOILING_SHARE: f64 = 0.25;
/// Share of the intensity of the expected lines that must be found.
const FOUND_SHARE_MIN: f64 = 0.6;
/// A band that is wider than the others is a blend: its place is uncertain by this share of the surplus.
const BLEND_SD: f64 = 0.1;
/// A band of this share of the tallest matched one that is no line of the standard shows another substance; much wider
/// ones are background.
const FOREIGN_SHARE: f64 = 0.3;
const BACKGROUND_WIDTHS: f64 = 2.5;
/// A band this near to a line of the standard, in widths, may be that line.
const OWN_WIDTHS: f64 = 0.9;
/// Fewest lines that make an assignment certain.
const LINES_MIN: usize = 3;

/// Where a line really is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinePlace {
    /// Raman shift, cm-1.
    ShiftCm1(f64),
    /// Wavelength in vacuum, nm.
    WavelengthNm(f64),
}

/// A line of a standard and the band in which it was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchedLine {
    /// Where the line really is.
    pub place: LinePlace,
    /// Where the instrument reports it, cm-1.
    pub reported_cm1: f64,
    /// Standard deviation of the reported place, cm-1.
    pub reported_sd_cm1: f64,
    /// Width of the band, cm-1.
    pub fwhm_cm1: f64,
    /// Height of the band over its background.
    pub height: f64,
}

/// A line, or several that one band shows, as it should appear on the reported axis.
#[derive(Clone, Copy, Debug)]
struct Expected {
    place: LinePlace,
    shift_cm1: f64,
    /// Intensity relative to the strongest, 0..=1.
    weight: f64,
}

/// Heights of Raman lines of class 1 to 5, relative to the strongest.
fn relative_height(kind: StandardKind, intensity: f64, strongest: f64) -> f64 {
    match kind {
        StandardKind::Lamp => intensity / strongest,
        StandardKind::Raman | StandardKind::Resolution if intensity >= 5.0 => 1.0,
        StandardKind::Raman | StandardKind::Resolution => 0.1 * 1.9_f64.powf(intensity - 1.0),
    }
}

/// The lines of `standard` that an instrument with this resolution can tell apart on this axis.
fn expected_lines(standard: &Standard, excitation_nm: f64, fwhm_cm1: f64, range_cm1: (f64, f64)) -> Vec<Expected> {
    let strongest = standard.lines.iter().map(|l| l.intensity).fold(f64::MIN_POSITIVE, f64::max);
    let shown: Vec<(f64, f64, f64)> = standard
        .lines
        .iter()
        .map(|l| {
            let weight = relative_height(standard.kind, l.intensity, strongest);
            (standard.shift_of(*l, excitation_nm), l.position, weight)
        })
        .filter(|(shift, ..)| (range_cm1.0..=range_cm1.1).contains(shift))
        .collect();
    // Lines that are one band: their centre of gravity.
    let mut merged: Vec<(f64, f64, f64)> = Vec::new();
    for (shift, position, weight) in shown {
        match merged.last_mut() {
            Some(last) if shift - last.0 < ONE_BAND_WIDTHS * fwhm_cm1 => {
                let sum = last.2 + weight;
                let mean = |a: f64, b: f64| (a * last.2 + b * weight) / sum;
                *last = (mean(last.0, shift), mean(last.1, position), sum);
            }
            _ => merged.push((shift, position, weight)),
        }
    }
    let spoilt = |i: usize, (shift, _, weight): (f64, f64, f64)| {
        merged.iter().enumerate().any(|(k, other)| {
            k != i && (other.0 - shift).abs() < SPOILT_WIDTHS * fwhm_cm1 && other.2 > SPOILING_SHARE * weight
        })
    };
    merged
        .iter()
        .enumerate()
        .filter(|(i, line)| !spoilt(*i, **line))
        .filter(|(_, line)| line.0 > range_cm1.0 + fwhm_cm1 && line.0 < range_cm1.1 - fwhm_cm1)
        .map(|(_, (shift, position, weight))| Expected {
            place: match standard.kind {
                StandardKind::Lamp => LinePlace::WavelengthNm(*position),
                StandardKind::Raman | StandardKind::Resolution => LinePlace::ShiftCm1(*position),
            },
            shift_cm1: *shift,
            weight: weight.min(1.0),
        })
        .collect()
}

/// A pair of the assignment that is being built.
#[derive(Clone, Copy, Debug)]
struct Pair {
    line: usize,
    peak: usize,
    difference: f64,
    best: f64,
    before: Option<usize>,
}

/// Finds the lines of `standard` in a spectrum whose axis was computed with a laser of `excitation_nm`.
pub fn match_lines(
    standard: &Standard,
    spectrum: &Spectrum,
    excitation_nm: f64,
) -> Result<Vec<MatchedLine>, CalibrationError> {
    let peaks = find_peaks(spectrum);
    let Some(width_cm1) = typical_width_cm1(&peaks) else { return Err(CalibrationError::NoBands) };
    let range_cm1 = spectrum.range_cm1();
    let lines = expected_lines(standard, excitation_nm, width_cm1, range_cm1);
    if lines.len() < LINES_MIN.min(standard.lines.len()) {
        return Err(CalibrationError::OutOfRange {
            name: standard.name.clone(),
            lines: lines.len(),
            from_cm1: range_cm1.0,
            to_cm1: range_cm1.1,
        });
    }
    let chosen = assign(&lines, &peaks);
    let matched: Vec<(Expected, Peak)> =
        chosen.iter().filter_map(|pair| Some((*lines.get(pair.line)?, *peaks.get(pair.peak)?))).collect();
    judge(standard, &lines, &matched, foreign_band(standard, &matched, &peaks, width_cm1))?;
    if let Some((_, peak)) = matched.iter().find(|(line, peak)| peak.saturated && line.weight > 0.9) {
        tracing::debug!(peak.position_cm1, "the strongest line is saturated");
        return Err(CalibrationError::Saturated(spectrum.saturated().len()));
    }
    Ok(matched
        .into_iter()
        .filter(|(_, peak)| !peak.saturated)
        .map(|(line, peak)| MatchedLine {
            place: line.place,
            reported_cm1: peak.position_cm1,
            reported_sd_cm1: peak.position_sd_cm1.hypot(BLEND_SD * (peak.fwhm_cm1 - width_cm1).max(0.0)),
            fwhm_cm1: peak.fwhm_cm1,
            height: peak.height,
        })
        .collect())
}

/// The best assignment that keeps the order.
fn assign(lines: &[Expected], peaks: &[Peak]) -> Vec<Pair> {
    let tallest = peaks.iter().map(|p| p.height).fold(f64::MIN_POSITIVE, f64::max);
    let strongest = lines.iter().map(|l| l.weight).fold(f64::MIN_POSITIVE, f64::max);
    let mut pairs: Vec<Pair> = Vec::new();
    for (line, expected) in lines.iter().enumerate() {
        for (peak, found) in peaks.iter().enumerate() {
            let difference = expected.shift_cm1 - found.position_cm1;
            if difference.abs() > REACH_CM1 {
                continue;
            }
            let log_ratio = (found.height / tallest / (expected.weight / strongest)).max(1e-9).ln();
            let height = (0.5 * (log_ratio / LOG_HEIGHT_SD).powi(2)).min(HEIGHT_COST_MAX);
            let own =
                PAIR_GAIN + STRONG_GAIN * expected.weight - height - 0.5 * (difference / DIFFERENCE_SD_CM1).powi(2);
            let mut pair = Pair { line, peak, difference, best: own, before: None };
            for (index, earlier) in pairs.iter().enumerate() {
                if earlier.line >= line || earlier.peak >= peak {
                    continue;
                }
                let gap = lines.get(earlier.line).map_or(0.0, |l| expected.shift_cm1 - l.shift_cm1);
                let variance = STEP_SD_CM1.powi(2) + (STEP_SD_PER_CM1 * gap).powi(2);
                let jump = 0.5 * (difference - earlier.difference).powi(2) / variance;
                // The first line pays for its own difference; later ones for how much it changes.
                let total = earlier.best + own + 0.5 * (difference / DIFFERENCE_SD_CM1).powi(2) - jump;
                if total > pair.best {
                    pair.best = total;
                    pair.before = Some(index);
                }
            }
            pairs.push(pair);
        }
    }
    let mut at = (0..pairs.len()).max_by(|a, b| {
        let best = |i: &usize| pairs.get(*i).map_or(f64::NEG_INFINITY, |p| p.best);
        best(a).total_cmp(&best(b))
    });
    let mut chosen = Vec::new();
    while let Some(pair) = at.and_then(|i| pairs.get(i)) {
        chosen.push(*pair);
        at = pair.before;
    }
    chosen.reverse();
    chosen
}

/// The tallest band between the lines that is none of them, if it is tall.
fn foreign_band(standard: &Standard, matched: &[(Expected, Peak)], peaks: &[Peak], width_cm1: f64) -> Option<Peak> {
    let tallest = matched.iter().map(|m| m.1.height).fold(0.0, f64::max);
    // Also lines that are too near to each other to be matched are no foreign bands. They stand as far from their places
    // as the nearest line that was matched.
    let own = |p: &Peak| {
        let near = |m: &&(Expected, Peak)| (m.1.position_cm1 - p.position_cm1).abs();
        let nearest = matched.iter().min_by(|a, b| near(a).total_cmp(&near(b)));
        let place = p.position_cm1 + nearest.map_or(0.0, |(line, peak)| line.shift_cm1 - peak.position_cm1);
        let certified = standard.lines.iter().map(|l| l.position);
        certified.chain(standard.other_bands_cm1.iter().copied()).any(|x| (x - place).abs() < OWN_WIDTHS * width_cm1)
    };
    let (first, last) = (matched.first()?.1.position_cm1, matched.last()?.1.position_cm1);
    peaks
        .iter()
        .filter(|p| (first..=last).contains(&p.position_cm1) && p.fwhm_cm1 < BACKGROUND_WIDTHS * width_cm1)
        .filter(|p| p.height > FOREIGN_SHARE * tallest && !own(p))
        .max_by(|a, b| a.height.total_cmp(&b.height))
        .copied()
}

/// Refuses an assignment that leaves out too much of the standard.
fn judge(
    standard: &Standard,
    lines: &[Expected],
    matched: &[(Expected, Peak)],
    foreign: Option<Peak>,
) -> Result<(), CalibrationError> {
    // An empty sum of floating-point numbers is minus zero, and a share of nothing none.
    let found = matched.iter().fold(0.0, |sum, m| sum + m.0.weight);
    let all = lines.iter().fold(0.0, |sum, l| sum + l.weight);
    let share = if all > 0.0 { found / all } else { 0.0 };
    let strongest = lines.iter().max_by(|a, b| a.weight.total_cmp(&b.weight));
    let has_strongest = strongest.is_none_or(|s| matched.iter().any(|m| (m.0.shift_cm1 - s.shift_cm1).abs() < 1e-9));
    let why = if matched.len() < LINES_MIN.min(standard.lines.len()) || share < FOUND_SHARE_MIN {
        format!("{:.0} % of their intensity", 100.0 * share)
    } else if standard.kind == StandardKind::Lamp {
        return Ok(());
    } else if let Some(foreign) = foreign {
        format!("a strong band at {:.0} cm-1 is none of its lines", foreign.position_cm1)
    } else if has_strongest {
        return Ok(());
    } else {
        format!("the strongest line at {:.1} cm-1 is missing", strongest.map_or(0.0, |s| s.shift_cm1))
    };
    Err(CalibrationError::NotTheStandard {
        name: standard.name.clone(),
        matched: matched.len(),
        expected: lines.len(),
        why,
    })
}
