//! What a change of the sample during its scan does to the answer.

use super::{Answer, Level, Verdict};

/// Change of the signal from the first to the last exposure, in units of its uncertainty, above which it is no scatter of
/// the instrument: that uncertainty holds the repeatability of portable instruments (2 %), so that 4 of them are about a
/// tenth of a strong signal, and chance exceeds them in one of 16,000 scans.
const CHANGED_SIGMAS: f64 = 4.0;

/// What to do about it.
const HOLD_STILL: &str =
    "Hold the probe still on the sample, lower the laser power if the sample is dark or coloured, and scan again.";

impl Answer {
    /// The answer to a scan during which the light changed by so many times its uncertainty. A change is told among the
    /// problems of the scan; and as limits of detection hold for one sample only, *nothing listed detected* becomes
    /// *inconclusive*. What was found stays found.
    #[must_use]
    pub fn with_sample_change(mut self, sigmas: f64) -> Self {
        // A number that is none says nothing.
        if sigmas.is_nan() || sigmas <= CHANGED_SIGMAS {
            return self;
        }
        let problem = format!("The sample changed during the scan: it moved, bleached or burnt. {HOLD_STILL}");
        self.quality.problems.push(problem);
        if self.verdict.level() == Level::NoneDetected {
            let headline = "The sample changed during the scan".to_owned();
            self.verdict = Verdict::inconclusive("sample-changed", headline, HOLD_STILL.to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::Engine;
    use crate::library::Library;
    use crate::spectrum::{Spectrum, Technique};

    /// A clean scan of sugar: bands of the reference over a flat ground.
    fn sugar() -> Answer {
        let library = Library::bundled().unwrap();
        let index = library.find_index("sucrose").unwrap();
        let bands = library.references_of(index).find(|r| r.technique == Technique::Raman).unwrap().bands.clone();
        let axis: Vec<f64> = (0..1_100).map(|i| 200.0 + 2.0 * f64::from(i)).collect();
        let signal = |x: &f64| 10.0 + bands.iter().map(|b| 1_000.0 * b.value_at(*x)).sum::<f64>();
        let spectrum = Spectrum::new(Technique::Raman, axis.clone(), axis.iter().map(signal).collect()).unwrap();
        let spectrum = spectrum.with_noise(vec![1.0; axis.len()]).unwrap().with_resolution(9.0);
        Engine::new(library).identify(&spectrum)
    }

    #[test]
    fn a_change_of_the_sample_takes_back_nothing_detected_and_is_told_with_what_to_do() {
        let before = sugar();
        assert_eq!(before.verdict.level(), Level::NoneDetected, "{:?}", before.verdict);
        for still in [0.0, 3.9, f64::NAN] {
            assert_eq!(before.clone().with_sample_change(still), before);
        }
        let changed = before.clone().with_sample_change(4.1);
        assert_eq!((changed.verdict.level(), changed.verdict.rule()), (Level::Inconclusive, "sample-changed"));
        assert!(changed.quality.problems.iter().any(|p| p.contains("changed during the scan") && p.contains("Hold")));
        assert_eq!(changed.identified, before.identified);
        // What was found stays found.
        let mut alarm = before;
        alarm.verdict = Verdict::alarm("identified-listed", "found".to_owned(), "hold".to_owned());
        let told = alarm.clone().with_sample_change(9.0);
        assert_eq!(told.verdict, alarm.verdict);
        assert_eq!(told.quality.problems.len(), alarm.quality.problems.len() + 1);
    }
}
