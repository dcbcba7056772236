//! The words of a report that do not depend on where they stand.

use jiff::Timestamp;

use crate::analyzer::{Brightness, DarkSource, DeviceIdentity, ExposureChoice, LaserState};
use crate::identify::{Level, Strength};
use crate::library::Tier;
use crate::spectrum::Technique;

/// How the exposure of a scan was chosen.
pub(super) fn exposure(choice: &ExposureChoice) -> String {
    let found = match choice.brightness {
        Brightness::OnTarget => "as aimed at",
        Brightness::TooWeak => "too weak for more in the time allowed",
        Brightness::TooBright => "too bright",
    };
    format!(
        "chosen for this sample by {} probes: expected to fill {:.0} % of the detector's range, {found}",
        choice.probes,
        100.0 * choice.expected_fill
    )
}

/// The word of a level.
pub(super) const fn level(level: Level) -> &'static str {
    match level {
        Level::Alarm => "ALARM",
        Level::Alert => "ALERT",
        Level::Inconclusive => "Inconclusive",
        Level::NoneDetected => "Nothing listed detected",
    }
}

/// The key of a level, as in JSON.
pub(super) const fn level_key(level: Level) -> &'static str {
    match level {
        Level::Alarm => "alarm",
        Level::Alert => "alert",
        Level::Inconclusive => "inconclusive",
        Level::NoneDetected => "none-detected",
    }
}

/// Where a reference came from.
pub(super) const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::MeasuredHere => "measured here",
        Tier::MeasuredElsewhere => "measured elsewhere",
        Tier::Literature => "literature",
        Tier::Computed => "computed",
        Tier::Simulated => "simulated",
    }
}

/// How strongly a substance is named.
pub(super) const fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Identified => "identified",
        Strength::Possible => "possible",
        Strength::Class => "class only",
    }
}

/// State of a laser. What is not known is to be treated as on.
pub(super) const fn laser(state: LaserState) -> &'static str {
    match state {
        LaserState::Off => "off",
        LaserState::WarmingUp => "warming up",
        LaserState::On => "on",
        LaserState::Fault => "fault",
        LaserState::Blocked => "blocked by the interlock",
        LaserState::Unknown => "unknown, treat as on",
    }
}

/// What a technique's axis shows.
pub(super) const fn axis(technique: Technique) -> &'static str {
    match technique {
        Technique::Raman | Technique::Sers => "Raman shift / cm\u{207b}\u{b9}",
        Technique::AtrFtir | Technique::IrTransmission | Technique::Nir => "Wavenumber / cm\u{207b}\u{b9}",
    }
}

/// A device as one line.
pub(super) fn device(device: &DeviceIdentity) -> String {
    let firmware = device.firmware.as_ref().map_or(String::new(), |f| format!(", firmware {f}"));
    let simulated = if device.simulated { " (simulated)" } else { "" };
    format!(
        "{}, serial {}{firmware}, driver {}, port {}{simulated}",
        device.model, device.serial, device.driver, device.port
    )
}

/// Where the dark comes from.
pub(super) fn dark(source: DarkSource) -> String {
    match source {
        DarkSource::Fresh => "measured for this scan".to_owned(),
        DarkSource::Cached { age_ms } => {
            format!("measured {} s before, at the same settings and temperature", age_ms / 1000)
        }
    }
}

/// A share in per cent, with its interval where there is one.
pub(super) fn share(share: f64, interval: Option<(f64, f64)>) -> String {
    let percent = |v: f64| (v.clamp(0.0, 1.0) * 100.0).round();
    match interval {
        Some((low, high)) => format!("{} % ({}\u{2013}{})", percent(share), percent(low), percent(high)),
        None => format!("{} %", percent(share)),
    }
}

/// A time in UTC, to the second.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time that the casebook keeps as text, to the second; as it is where it is no time.
pub(super) fn stored_time(at: &str) -> String {
    at.parse().map_or_else(|_| at.to_owned(), time)
}

/// A list of places on the axis.
pub(super) fn bands(bands: &[f64]) -> String {
    if bands.is_empty() {
        return "none".to_owned();
    }
    bands.iter().map(|b| format!("{b:.0}")).collect::<Vec<_>>().join(", ")
}
