//! How Raman scans are exposed, where the GPS receiver is and what is demanded of checks, as typed on their page.

use jiff::SignedDuration;

use crate::casebook::{Act, ClockKeeping};
use crate::session::{
    AutomaticExposure, CheckPolicy, Command, FixedExposure, KitChoices, KitParts, SavedKit, SavedLaser, ScanExposure,
};

use super::kit_model::DevicePage;
use super::kit_setup_model::typed_power;
use super::model::Model;

/// What is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KitSettings {
    /// True for an exposure that is the same for every sample.
    pub fixed: bool,
    /// Time for dark and light where the exposure is chosen for each sample, seconds.
    pub budget_s: String,
    /// Integration time of one readout, milliseconds.
    pub integration_ms: String,
    /// Light exposures.
    pub exposures: String,
    /// Readouts in one exposure.
    pub averages: String,
    /// Port of the GPS receiver; empty for none.
    pub gps_port: String,
    /// Laser power of the saved kit that is connected, mW; empty leaves the laser as it is set.
    pub laser_power_mw: String,
    /// Largest distance of a line from its place, cm-1.
    pub tolerance_cm1: String,
    /// Days for which a passed check holds.
    pub valid_days: String,
    /// True where a kit without a valid check does not scan.
    pub refuse_unverified: bool,
    /// Who keeps the clock of the machine right.
    pub clock: ClockKeeping,
    /// What cannot be kept, or that it was.
    pub note: Option<String>,
}

impl KitSettings {
    /// As they are kept.
    pub fn of(choices: &KitChoices, clock: ClockKeeping) -> Self {
        let (fixed, automatic, exposure) = match choices.exposure {
            ScanExposure::Automatic(automatic) => (false, automatic, FixedExposure::default()),
            ScanExposure::Fixed(exposure) => (true, AutomaticExposure::default(), exposure),
        };
        Self {
            fixed,
            budget_s: automatic.budget_s.to_string(),
            integration_ms: exposure.integration_ms.to_string(),
            exposures: exposure.exposures.to_string(),
            averages: exposure.averages.to_string(),
            gps_port: choices.gps_port.clone().unwrap_or_default(),
            laser_power_mw: String::new(),
            tolerance_cm1: choices.policy.tolerance_cm1.to_string(),
            valid_days: (choices.policy.valid_for.as_hours() / 24).to_string(),
            refuse_unverified: choices.policy.refuse_unverified,
            clock,
            note: None,
        }
    }

    /// The exposure that is typed; else a sentence.
    fn exposure(&self) -> Result<ScanExposure, String> {
        if !self.fixed {
            let (least, most) = AutomaticExposure::BUDGET_S.into_inner();
            let budget_s = number(&self.budget_s, least, most, "The time of a scan in s")?;
            return Ok(ScanExposure::Automatic(AutomaticExposure { budget_s }));
        }
        let integration_ms = number(&self.integration_ms, 1, FixedExposure::LONGEST_MS, "The integration time in ms")?;
        let exposures = number(&self.exposures, 1, FixedExposure::MOST_EXPOSURES, "The number of exposures")?;
        let averages = number(&self.averages, 1, FixedExposure::MOST_AVERAGES, "The number of averages")?;
        Ok(ScanExposure::Fixed(FixedExposure { integration_ms, exposures, averages }))
    }

    /// The policy that is typed; else a sentence. A length of time that is no whole number of days is kept as it was where
    /// its days are not typed anew.
    fn policy(&self, before: &CheckPolicy) -> Result<CheckPolicy, String> {
        let range = CheckPolicy::TOLERANCE_CM1;
        let typed = self.tolerance_cm1.trim().replace(',', ".").parse::<f64>().ok();
        let tolerance_cm1 = typed.filter(|cm1| range.contains(cm1)).ok_or_else(|| {
            format!("The tolerance is a number of cm⁻¹ from {} to {:.0}.", range.start(), range.end())
        })?;
        let days: i64 = number(&self.valid_days, 1, 366, "The days for which a check holds").or_else(|why| {
            // Less than a day, set on the command line or by an older version.
            if self.valid_days.trim() == (before.valid_for.as_hours() / 24).to_string() { Ok(0) } else { Err(why) }
        })?;
        let same = days == before.valid_for.as_hours() / 24;
        let valid_for = if same { before.valid_for } else { SignedDuration::from_hours(24 * days) };
        Ok(CheckPolicy { valid_for, tolerance_cm1, refuse_unverified: self.refuse_unverified })
    }
}

/// A power as it stands in its field.
fn shown_power(power_mw: Option<f64>) -> String {
    power_mw.map_or_else(String::new, |mw| mw.to_string())
}

/// A whole number in its bounds; else a sentence.
fn number<T>(text: &str, least: T, most: T, what: &str) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    let typed = text.trim().parse().ok().filter(|n| (least..=most).contains(n));
    typed.ok_or_else(|| format!("{what} must be from {least} to {most}."))
}

impl Model {
    /// Opens the page of the settings.
    pub fn show_kit_settings(&mut self) {
        let kept = self.device.shelf.as_ref().map(|shelf| shelf.choices.clone()).unwrap_or_default();
        let mut kept = KitSettings::of(&kept, self.clock_keeping);
        kept.laser_power_mw = shown_power(self.kit_power_mw());
        self.show_device(DevicePage::Settings(Box::new(kept)));
    }

    /// The saved kit that is connected.
    fn saved_kit(&self) -> Option<&SavedKit> {
        let id = self.kit()?.saved.as_ref()?;
        self.device.shelf.as_ref()?.kits.iter().find(|kit| kit.id() == *id)
    }

    /// Whether the connected kit is a saved one with a laser on a port of its own: lasers inside a spectrometer have no
    /// public command for their power.
    pub fn power_settable(&self) -> bool {
        let own = |kit: &SavedKit| matches!(&kit.parts, KitParts::Raman { laser: SavedLaser::OwnPort { .. }, .. });
        self.saved_kit().is_some_and(own)
    }

    /// The power that the laser of the connected saved kit is set to before each scan, mW; none leaves it as it is.
    pub fn kit_power_mw(&self) -> Option<f64> {
        match &self.saved_kit()?.parts {
            KitParts::Raman { laser_power_mw, .. } => *laser_power_mw,
            KitParts::Nir { .. } => None,
        }
    }

    /// The settings that are shown.
    pub fn kit_settings_mut(&mut self) -> Option<&mut KitSettings> {
        match &mut self.device.page {
            DevicePage::Settings(settings) => Some(settings),
            _ => None,
        }
    }

    /// Keeps what was changed. Nothing is kept where anything typed makes no sense.
    pub fn save_kit_settings(&mut self) {
        let kept = self.device.shelf.as_ref().map(|shelf| shelf.choices.clone()).unwrap_or_default();
        let (manages, chooses) = (self.role_may(Act::ManageKits), self.role_may(Act::ChooseKit));
        let (settable, power_now) = (self.power_settable(), self.kit_power_mw());
        let clock = self.clock_keeping;
        self.device.trouble = None;
        let Some(settings) = self.kit_settings_mut() else { return };
        let policy = if manages { settings.policy(&kept.policy) } else { Ok(kept.policy) };
        // Without a saved kit with a laser of its own there is nothing to set.
        let power = if settable && manages { typed_power(&settings.laser_power_mw) } else { Ok(power_now) };
        let typed = settings.exposure().and_then(|exposure| Ok((exposure, policy?, power?)));
        let gps_port = Some(settings.gps_port.trim().to_owned()).filter(|port| !port.is_empty());
        let (exposure, policy, power) = match typed {
            Ok(typed) => typed,
            Err(why) => {
                settings.note = Some(why);
                return;
            }
        };
        let mut wishes = Vec::new();
        if exposure != kept.exposure {
            wishes.push(Command::SetExposure(exposure));
        }
        if power != power_now {
            wishes.push(Command::SetLaserPower(power));
        }
        if chooses && gps_port != kept.gps_port {
            wishes.push(Command::UseGps(gps_port));
        }
        if policy != kept.policy {
            wishes.push(Command::SetCheckPolicy(policy));
        }
        if manages && settings.clock != clock {
            wishes.push(Command::SetClock(settings.clock));
        }
        settings.note = wishes.is_empty().then(|| "Nothing was changed.".to_owned());
        for wish in wishes {
            self.send(wish);
        }
    }

    /// The kept settings are there, for the first time or changed.
    pub(super) fn kept_settings(&mut self) {
        let clock = self.clock_keeping;
        let Some(choices) = self.device.shelf.as_ref().map(|shelf| shelf.choices.clone()) else { return };
        let power = shown_power(self.kit_power_mw());
        if let Some(settings) = self.kit_settings_mut() {
            *settings = KitSettings { laser_power_mw: power, ..KitSettings::of(&choices, clock) };
            settings.note = Some("These are the settings that are kept.".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_shown_and_what_is_shown_is_kept_again() {
        let fixed = FixedExposure { integration_ms: 1_200, exposures: 4, averages: 2 };
        let policy =
            CheckPolicy { valid_for: SignedDuration::from_hours(50), tolerance_cm1: 1.5, refuse_unverified: true };
        let longer = ScanExposure::Automatic(AutomaticExposure { budget_s: 60 });
        for exposure in [ScanExposure::default(), longer, ScanExposure::Fixed(fixed)] {
            let choices = KitChoices { policy, exposure, ..KitChoices::default() };
            let shown = KitSettings::of(&choices, ClockKeeping::Gps);
            assert_eq!(shown.exposure(), Ok(exposure));
            assert_eq!(shown.policy(&policy), Ok(policy), "also hours that are no whole days");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_bounds() {
        let usual = KitSettings { fixed: true, ..KitSettings::of(&KitChoices::default(), ClockKeeping::System) };
        for bad in ["", "0", "-1", "60001", "1e9", "abc"] {
            let settings = KitSettings { integration_ms: bad.to_owned(), ..usual.clone() };
            assert!(settings.exposure().unwrap_err().contains("from 1 to 60000"), "{bad}");
        }
        for bad in ["", "3", "121", "-1", "2.5"] {
            let settings = KitSettings { fixed: false, budget_s: bad.to_owned(), ..usual.clone() };
            assert!(settings.exposure().unwrap_err().contains("from 4 to 120"), "{bad}");
        }
        let policy = CheckPolicy::default();
        for bad in ["", "0", "10.1", "NaN", "inf", "-2"] {
            let settings = KitSettings { tolerance_cm1: bad.to_owned(), ..usual.clone() };
            assert!(settings.policy(&policy).unwrap_err().contains("from 0.1 to 10"), "{bad}");
        }
        let settings = KitSettings { tolerance_cm1: "2,5".to_owned(), valid_days: "3".to_owned(), ..usual.clone() };
        let read = settings.policy(&policy).unwrap();
        assert_eq!((read.tolerance_cm1.to_bits(), read.valid_for.as_hours()), (2.5_f64.to_bits(), 72));
        let settings = KitSettings { valid_days: "367".to_owned(), ..usual };
        assert!(settings.policy(&policy).unwrap_err().contains("from 1 to 366"));
    }
}
