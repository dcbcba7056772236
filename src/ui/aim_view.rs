//! One frame of the live view as the screen shows it: the curve, and in words whether the probe is well aimed.

use std::time::Duration;

use egui_plot::PlotPoint;

use crate::analyzer::PreviewFrame;

/// Bands lower than this many times the noise are nothing.
const NOTHING_BELOW: f64 = 8.0;
/// Bands lower than this many times the noise make a weak scan.
const WEAK_BELOW: f64 = 30.0;
/// A background this share of the highest point or more covers the bands.
const BACKGROUND_HIGH: f64 = 0.7;

/// What an aiming person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aimed {
    /// Pixels are at saturation.
    TooBright,
    /// Nothing rises out of the noise.
    Nothing,
    /// Little rises out of the noise.
    Weak,
    /// Bands stand on a background that is nearly as high.
    Background,
    /// As it should be.
    Good,
}

impl Aimed {
    /// What is seen, and what to do.
    pub const fn words(self) -> &'static str {
        match self {
            Self::TooBright => "Too bright: the exposure is being shortened",
            Self::Nothing => "Nothing stands out: touch the sample or its bag",
            Self::Weak => "Weak: move along the sample, keep out other light",
            Self::Background => "High background: try another spot",
            Self::Good => "Good: hold still and scan",
        }
    }
}

/// The frame.
#[derive(Clone, Debug, PartialEq)]
pub struct AimView {
    /// Counts above the dark over the Raman shift.
    pub points: Vec<PlotPoint>,
    /// Lowest and highest of them.
    pub range_counts: (f64, f64),
    /// Highest raw count as a share of saturation, 0..=1.
    pub fill: f32,
    /// What it means.
    pub aimed: Aimed,
    /// Time until the laser goes off by itself.
    pub remaining: Duration,
}

impl AimView {
    /// Looks at a frame.
    pub fn new(frame: &PreviewFrame) -> Self {
        let points: Vec<PlotPoint> =
            frame.axis_cm1.iter().zip(&frame.counts).map(|(x, y)| PlotPoint { x: *x, y: *y }).collect();
        let top = frame.counts.iter().copied().fold(0.0, f64::max);
        let low = frame.counts.iter().copied().fold(0.0, f64::min);
        Self {
            points,
            range_counts: (low, top),
            fill: frame.fill.clamp(0.0, 1.0) as f32,
            aimed: aimed(frame, top),
            remaining: frame.remaining,
        }
    }
}

fn aimed(frame: &PreviewFrame, top: f64) -> Aimed {
    if frame.saturated > 0 {
        return Aimed::TooBright;
    }
    let background = median(frame.counts.clone());
    // Neighbours differ by the noise of both; half of all normal deviations are below 0.6745 standard deviations.
    let steps: Vec<f64> = frame.counts.windows(2).filter_map(|w| Some((w.last()? - w.first()?).abs())).collect();
    let noise = median(steps) / (0.6745 * std::f64::consts::SQRT_2);
    let bands = top - background;
    if bands <= NOTHING_BELOW * noise.max(f64::MIN_POSITIVE) {
        Aimed::Nothing
    } else if bands < WEAK_BELOW * noise {
        Aimed::Weak
    } else if background > BACKGROUND_HIGH * top {
        Aimed::Background
    } else {
        Aimed::Good
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(band: f64, background: f64, noise: f64, saturated: usize) -> PreviewFrame {
        let axis_cm1: Vec<f64> = (0..1024).map(|i| 200.0 + 2.0 * f64::from(i)).collect();
        let counts = axis_cm1.iter().enumerate().map(|(i, x)| {
            // Alternating signs of four sizes: noise without chance.
            let wiggle = [1.0, -0.6, 0.3, -1.0][i % 4] * noise;
            background + band * (-((x - 1001.0) / 8.0).powi(2)).exp() + wiggle
        });
        PreviewFrame {
            counts: counts.collect(),
            axis_cm1,
            fill: 0.4,
            saturated,
            integration_us: 200_000,
            remaining: Duration::from_secs(50),
        }
    }

    #[test]
    fn the_live_view_says_whether_the_probe_is_well_aimed() {
        for (band, background, saturated, expected) in [
            (0.0, 100.0, 0, Aimed::Nothing),
            (40.0, 100.0, 0, Aimed::Nothing),
            (200.0, 100.0, 0, Aimed::Weak),
            (3000.0, 9000.0, 0, Aimed::Background),
            (3000.0, 500.0, 0, Aimed::Good),
            (3000.0, 500.0, 3, Aimed::TooBright),
        ] {
            let view = AimView::new(&frame(band, background, 10.0, saturated));
            assert_eq!(view.aimed, expected, "band {band} on {background}");
        }
    }

    #[test]
    fn a_frame_without_pixels_shows_nothing_and_does_no_harm() {
        let empty = PreviewFrame { axis_cm1: Vec::new(), counts: Vec::new(), ..frame(0.0, 0.0, 0.0, 0) };
        let view = AimView::new(&empty);
        assert_eq!((view.aimed, view.points.len()), (Aimed::Nothing, 0));
    }
}
