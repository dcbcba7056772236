//! What an officer does now. The sentences follow published handling guidance for suspected fentanyl and precursors.

use crate::library::Substance;

/// Groups whose members stop breathing and that naloxone reverses.
const OPIOIDS: [&str; 3] = ["fentanyl", "nitazene", "listed-opioid"];
/// Sedatives that naloxone does not reverse.
const SEDATIVES: [&str; 1] = ["veterinary-sedative"];

/// What begins every advice on an alarming find.
const HOLD: &str = "Presumptive. Hold the parcel and send it to the laboratory.";
/// What to do where only precursors come into question.
const CORROSIVE: &str = "Do not open. Corrosive and toxic chemicals are possible: gloves, eye protection, ventilation, keep it closed, dry and upright; wash skin with water.";

/// What to do on a find or a possible find of alarming substances: all that were found, and all that this scan cannot
/// tell from them. The worst of them decides, because nobody knows which one it is.
pub(super) fn hold(threats: &[&Substance]) -> String {
    let in_any = |s: &Substance, keys: &[&str]| s.groups.iter().any(|g| keys.contains(&g.as_str()));
    let is_precursor = |s: &Substance| s.groups.iter().any(|g| g.ends_with("precursor"));
    let precursor = threats.iter().any(|s| is_precursor(s));
    if precursor && threats.iter().all(|s| is_precursor(s)) {
        return format!("{HOLD} {CORROSIVE}");
    }
    let care =
        if precursor { "Do not open; gloves, eye protection, ventilation." } else { "Do not open; wear gloves." };
    let aid = if threats.iter().any(|s| in_any(s, &OPIOIDS)) {
        "If someone is unresponsive or breathing slowly: call for help, support breathing, give naloxone, repeat after 2-3 minutes."
    } else if threats.iter().any(|s| in_any(s, &SEDATIVES)) {
        "If someone is unresponsive or breathing slowly: call for help, support breathing, give naloxone; it does not reverse this substance, but an opioid is usually there too."
    } else {
        "If someone is unresponsive: call for help, support breathing; give naloxone, an opioid may be there too."
    };
    format!("{HOLD} {care} {aid}")
}

/// What to do when nothing could be named.
pub(super) const UNKNOWN: &str = "Scan two more spots, without the bag where that is allowed. If it stays unidentified, use a test strip, hold the parcel and send it to the laboratory.";

/// What to do with a near-infrared spectrum that nothing can be compared with.
pub(super) const NO_NIR_LIBRARY: &str = "Scan with Raman, or install a pack of near-infrared references from the laboratory. Until then, use a test strip, hold the parcel and send it to the laboratory.";

/// What to do when only part of the signal is explained.
pub(super) const PARTLY: &str =
    "Scan two more spots. If the rest stays unexplained, treat the parcel as suspect and send it to the laboratory.";

/// What to do with a saturated spectrum.
pub(super) const SATURATED: &str = "Scan again with a shorter exposure or less laser power.";

/// What to do with a spectrum without bands.
pub(super) const WEAK: &str = "Aim at the sample again, bring the probe closer or scan longer. If it stays weak, use infrared, a test strip or the laboratory.";

/// What to do when fluorescence hides the bands.
pub(super) const FLUORESCENT: &str = "Try another spot or shield the room light. If it stays hidden, use infrared, a SERS kit, a test strip or the laboratory.";

/// What to do when the laser met nothing but the packaging.
pub(super) const CONTAINER: &str = "What is inside was not seen; this does not mean safe. Aim through another side, press the bag against the contents, or take it out of the packaging where that is allowed. If suspicion remains: test strip or laboratory.";

/// What to do when the axis seems to be off.
pub(super) const CALIBRATE: &str = "Run the performance check with polystyrene, then scan again. If the check fails, use another unit and send the parcel to the laboratory.";

/// What to do when two techniques contradict each other or cannot decide.
pub(super) const OTHER_TECHNIQUE: &str = "Scan the same place of the item again with both techniques. If they still differ, hold the parcel and send it to the laboratory.";

/// What to do with an item that differs from place to place.
pub(super) const SPOTS_DIFFER: &str =
    "The item is not the same all over: scan more places, and tell the laboratory to take several samples.";
