//! Who chooses the exposure of a Raman scan: the kit for every sample, or the user once.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::analyzer::{Acquisition, AutoExposure, Brightness, ExposureMode, ScanSettings};

/// The exposure of a Raman scan. A near-infrared scanner has that of its own scan configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "mode")]
pub enum ScanExposure {
    /// Up to three short probes, then integration time and number of exposures for 60 to 80 % of saturation.
    Automatic(AutomaticExposure),
    /// The same for every sample.
    Fixed(FixedExposure),
}

impl Default for ScanExposure {
    fn default() -> Self {
        Self::Automatic(AutomaticExposure::default())
    }
}

/// What an exposure that is chosen for each sample may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutomaticExposure {
    /// Time for dark and light readouts together, seconds.
    pub budget_s: u16,
}

impl AutomaticExposure {
    /// Bounds of the time, seconds: three exposures of light and two of dark, of half a second to twenty-four seconds each.
    pub const BUDGET_S: RangeInclusive<u16> = 4..=120;

    /// What the acquisition aims at.
    fn aim(self) -> AutoExposure {
        let seconds = self.budget_s.clamp(*Self::BUDGET_S.start(), *Self::BUDGET_S.end());
        AutoExposure { budget: Duration::from_secs(seconds.into()), ..AutoExposure::default() }
    }
}

impl Default for AutomaticExposure {
    /// Ten seconds.
    fn default() -> Self {
        Self { budget_s: 10 }
    }
}

/// An exposure that a user chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FixedExposure {
    /// Integration time of one readout, milliseconds.
    pub integration_ms: u32,
    /// Light exposures; from two on, cosmic rays are found.
    pub exposures: u8,
    /// Readouts that the device averages into one exposure.
    pub averages: u16,
}

impl FixedExposure {
    /// Longest integration time that can be chosen, milliseconds.
    pub const LONGEST_MS: u32 = 60_000;
    /// Most light exposures that can be chosen.
    pub const MOST_EXPOSURES: u8 = 20;
    /// Most readouts in one exposure that can be chosen.
    pub const MOST_AVERAGES: u16 = 1_000;
}

impl Default for FixedExposure {
    /// Three exposures of 900 ms.
    fn default() -> Self {
        Self { integration_ms: 900, exposures: 3, averages: 1 }
    }
}

impl ScanExposure {
    /// The settings of the acquisition. A dark is used again while it holds where the same exposure comes again.
    pub fn settings(self) -> ScanSettings {
        match self {
            Self::Automatic(time) => {
                ScanSettings { exposure: ExposureMode::Auto(time.aim()), ..ScanSettings::automatic() }
            }
            Self::Fixed(FixedExposure { integration_ms, exposures, averages }) => ScanSettings {
                integration_us: integration_ms.min(FixedExposure::LONGEST_MS) * 1_000,
                light_exposures: exposures,
                light_averages: averages,
                ..ScanSettings::default()
            },
        }
    }

    /// For the screen.
    pub fn words(self) -> String {
        match self {
            Self::Automatic(AutomaticExposure { budget_s }) => {
                format!("automatic: chosen for each sample, at most {budget_s} s")
            }
            Self::Fixed(FixedExposure { integration_ms, exposures, averages }) => {
                let averaged =
                    if averages > 1 { format!(", each the mean of {averages} readouts") } else { String::new() };
                format!("fixed: {exposures} exposures of {integration_ms} ms{averaged}")
            }
        }
    }
}

/// Signal to noise from which weak light is no trouble: the noise is then a hundredth of the strongest band.
const CLEAR_SNR: f64 = 100.0;

/// What the light of a scan says about the sample and the probe, where auto exposure could not reach its target and the
/// noise shows it: a sentence with what to do.
pub(super) fn too_weak(acquisition: &Acquisition, snr: f64) -> Option<String> {
    let choice = acquisition.conditions.auto_exposure?;
    (choice.brightness == Brightness::TooWeak && snr < CLEAR_SNR).then(|| {
        format!(
            "too weak: exposures of {:.1} s, the longest that the time allows, fill {:.0} % of the detector's range instead of 60 to 80 %; bring the probe closer and focus it, clean its window, measure without the packaging, or allow more time (Device, Settings; --budget-s)",
            Duration::from_micros(choice.integration_us.into()).as_secs_f64(),
            100.0 * choice.expected_fill.clamp(0.0, 1.0)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_exposure_is_what_was_chosen_and_automatic_is_the_usual_way() {
        let fixed = FixedExposure { integration_ms: 250, exposures: 5, averages: 2 };
        let settings = ScanExposure::Fixed(fixed).settings();
        assert_eq!((settings.integration_us, settings.light_exposures, settings.light_averages), (250_000, 5, 2));
        assert_eq!(settings.exposure, ExposureMode::Fixed);
        for (chosen_s, seconds) in [(0, 4), (4, 4), (10, 10), (120, 120), (u16::MAX, 120)] {
            let settings = ScanExposure::Automatic(AutomaticExposure { budget_s: chosen_s }).settings();
            let ExposureMode::Auto(aim) = settings.exposure else { panic!("automatic is automatic") };
            assert_eq!(aim.budget, Duration::from_secs(seconds));
        }
        let endless = FixedExposure { integration_ms: u32::MAX, ..fixed };
        assert_eq!(ScanExposure::Fixed(endless).settings().integration_us, 60_000_000);
    }

    #[test]
    fn a_choice_that_was_kept_before_there_was_a_time_to_choose_is_read() {
        let before: ScanExposure = serde_json::from_str(r#"{"mode":"automatic"}"#).unwrap();
        assert_eq!(before, ScanExposure::default());
        let longer = ScanExposure::Automatic(AutomaticExposure { budget_s: 60 });
        assert_eq!(serde_json::from_str::<ScanExposure>(&serde_json::to_string(&longer).unwrap()).unwrap(), longer);
    }
}
