//! Is this spectrum good enough to decide anything?

/// Signal to noise of the strongest band below which a spectrum holds no band that can be told from noise. The
/// largest of about 500 independent values of pure noise stays below 4; twice that leaves room for noise that is not
/// quite white.
pub const WEAKEST_SNR: f64 = 8.0;

/// Background per band height from which the advice is to get rid of fluorescence.
const STRONG_FLUORESCENCE: f64 = 20.0;

/// What the spectrum is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// Height of the strongest band over the noise at its place, both after smoothing to the match resolution.
    pub snr: f64,
    /// Number of saturated points.
    pub saturated_points: usize,
    /// Median of the smooth background over the height of the strongest band; 0 when there is no band.
    pub fluorescence: f64,
    /// Range that can be compared, cm-1.
    pub range_cm1: (f64, f64),
    /// Cosmic rays that were removed.
    pub spikes: usize,
}

impl Quality {
    /// True when no band rises out of the noise.
    pub fn is_empty_scan(&self) -> bool {
        self.snr < WEAKEST_SNR
    }

    /// What is wrong, one sentence each, with what to do.
    pub fn problems(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.saturated_points > 0 {
            out.push(format!(
                "The detector was saturated at {} points; scan again with a shorter integration time.",
                self.saturated_points
            ));
        }
        if self.is_empty_scan() {
            out.push(
                "No band rises out of the noise; move the probe closer, scan longer, or check that there is a sample."
                    .to_owned(),
            );
        }
        if self.fluorescence > STRONG_FLUORESCENCE {
            out.push(format!(
                "The background is {:.0} times the strongest band (fluorescence or room light); try another spot, shield the light, or use a swab with a test strip.",
                self.fluorescence
            ));
        }
        if self.range_cm1.1 - self.range_cm1.0 < 400.0 {
            out.push(
                "The spectrum covers too little of the axis to compare; export the whole range in cm-1.".to_owned(),
            );
        }
        out
    }
}
