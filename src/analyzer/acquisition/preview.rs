//! Live preview for aiming: frames as fast as they come, the laser on only meanwhile and never longer than agreed.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::{LaserState, Plan, PreviewSettings, Ticker, raman_shift_axis_cm1};
use crate::analyzer::{AnalyzerError, DetectorFacts, Kit};

/// One frame of a preview.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewFrame {
    /// Raman shift of every pixel, cm-1, with the kit's calibration.
    pub axis_cm1: Vec<f64>,
    /// Counts above the dark of the beginning.
    pub counts: Vec<f64>,
    /// Highest raw count as a share of saturation.
    pub fill: f64,
    /// Pixels at saturation.
    pub saturated: usize,
    /// Integration time of the frame, microseconds.
    pub integration_us: u32,
    /// Time until the laser goes off by itself.
    pub remaining: Duration,
}

impl Kit {
    /// Shows what the probe sees until `on_frame` says `Break`, `cancelled` is true or the agreed time is over; all three
    /// are a good end. A dark is taken first, laser off. The laser is on only while frames come and is commanded off and
    /// read back on every way out.
    pub fn preview(
        &mut self,
        settings: &PreviewSettings,
        cancelled: &dyn Fn() -> bool,
        laser: &mut dyn FnMut(LaserState),
        on_frame: &mut dyn FnMut(&PreviewFrame) -> ControlFlow<()>,
    ) -> Result<(), AnalyzerError> {
        let limits = self.spectrometer.limits();
        let (least, most) = (limits.integration_us_min, limits.integration_us_max);
        let longest = settings.longest.min(PreviewSettings::LONGEST);
        if !(least..=most).contains(&settings.integration_us)
            || Duration::from_micros(settings.integration_us.into()) > longest
        {
            return Err(AnalyzerError::OutOfLimits {
                port: self.spectrometer().port.clone(),
                what: "an integration time of a preview in microseconds",
                wanted: settings.integration_us.into(),
                least: least.into(),
                most: u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).min(most.into()),
            });
        }
        let mut nobody = |_| {};
        let plan = Plan { preparing: Duration::ZERO, dark: Duration::ZERO, light: longest };
        let mut ticker = Ticker::new(Arc::clone(&self.clock), cancelled, &mut nobody, laser, plan);
        let end = self.show(settings, longest, &mut ticker, on_frame).inspect_err(|_| self.spectrometer.abort());
        match end {
            Err(AnalyzerError::Cancelled) => Ok(()),
            end => end,
        }
    }

    fn show(
        &mut self,
        settings: &PreviewSettings,
        longest: Duration,
        ticker: &mut Ticker<'_>,
        on_frame: &mut dyn FnMut(&PreviewFrame) -> ControlFlow<()>,
    ) -> Result<(), AnalyzerError> {
        self.confirm_off(ticker)?;
        self.adjust_power(ticker)?;
        let mut integration_us = settings.integration_us;
        let prepared = self.prepare(integration_us, 1, ticker);
        let dark = prepared.and_then(|()| self.dark_readout(integration_us, 1, ticker));
        let dark = dark.map_err(|error| self.off_after(error, ticker))?;
        let reported =
            raman_shift_axis_cm1(&self.optics(settings.resolution_cm1, &DetectorFacts::default()), dark.len())?;
        let axis_cm1: Vec<f64> = match self.correction.as_ref().and_then(|c| c.axis.as_ref()) {
            Some(axis) => reported.iter().map(|x| axis.corrected_shift_cm1(*x)).collect(),
            None => reported,
        };
        let limits = self.spectrometer.limits();
        let step_us = self.spectrometer.integration_step_us().max(1);
        let ends = self.clock.now() + longest;
        let frame_time = self.expected_readout(integration_us, 1);
        self.while_it_shines(ticker, |shining, ticker| {
            // A frame that could not end in time is not begun.
            while shining.now() + frame_time < ends {
                let (counts, _) = shining.readout(integration_us, 1, ticker)?;
                let top = counts.iter().copied().max().unwrap_or(0);
                let frame = PreviewFrame {
                    axis_cm1: axis_cm1.clone(),
                    counts: counts.iter().zip(&dark).map(|(y, d)| f64::from(*y) - f64::from(*d)).collect(),
                    fill: f64::from(top) / f64::from(limits.saturation_counts.max(1)),
                    saturated: counts.iter().filter(|c| **c >= limits.saturation_counts).count(),
                    integration_us,
                    remaining: ends.saturating_sub(shining.now()),
                };
                if on_frame(&frame).is_break() {
                    break;
                }
                let half = integration_us / 2 / step_us * step_us;
                if frame.saturated > 0 && half >= limits.integration_us_min {
                    integration_us = half;
                    shining.spectrometer.prepare(integration_us, 1, &mut || ticker.tick())?;
                }
            }
            Ok(())
        })
    }
}
