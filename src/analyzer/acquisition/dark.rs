//! When a dark measured before may be used again.

use std::time::Duration;

use crate::analyzer::Exposure;

/// Most darks that a kit keeps.
const KEPT: usize = 6;

/// When a fresh dark is needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DarkPolicy {
    /// Oldest dark that may be used; zero for a fresh one with every scan.
    pub max_age: Duration,
    /// Largest change of any temperature that the device reports, deg C.
    pub max_change_c: f32,
}

impl DarkPolicy {
    /// A fresh dark with every scan.
    pub const FRESH: Self = Self { max_age: Duration::ZERO, max_change_c: 0.0 };
    /// Ten minutes and half a degree: dark current of silicon doubles every six to eight degrees, so that it changes by
    /// 5 % or less.
    pub const USUAL: Self = Self { max_age: Duration::from_mins(10), max_change_c: 0.5 };
}

/// Darks of one kit, newest last.
#[derive(Debug, Default)]
pub(in crate::analyzer) struct DarkCache {
    kept: Vec<(Duration, Exposure)>,
}

impl DarkCache {
    /// Keeps a dark that was measured at `now`.
    pub fn keep(&mut self, now: Duration, dark: &Exposure) {
        self.kept.retain(|(_, old)| old.integration_us != dark.integration_us);
        if self.kept.len() >= KEPT {
            self.kept.remove(0);
        }
        self.kept.push((now, dark.clone()));
    }

    /// A dark that `policy` allows: same integration time, at least as many readouts, young enough, the same temperatures.
    /// With its age.
    pub fn find(
        &self,
        policy: DarkPolicy,
        now: Duration,
        integration_us: u32,
        averages: u16,
        temperatures_c: &[f32],
    ) -> Option<(Duration, Exposure)> {
        let same = |old: &[f32]| {
            old.len() == temperatures_c.len()
                && old.iter().zip(temperatures_c).all(|(a, b)| (a - b).abs() <= policy.max_change_c)
        };
        self.kept
            .iter()
            .map(|(taken, dark)| (now.saturating_sub(*taken), dark))
            .find(|(age, dark)| {
                *age < policy.max_age
                    && dark.integration_us == integration_us
                    && dark.scans_averaged >= averages
                    && same(&dark.temperatures_c)
            })
            .map(|(age, dark)| (age, dark.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::{ExposureKind, LaserState};

    fn dark(integration_us: u32, temperature_c: f32) -> Exposure {
        Exposure {
            kind: ExposureKind::Dark,
            counts: vec![150; 64],
            integration_us,
            scans_averaged: 2,
            saturation_counts: 16_383,
            temperatures_c: vec![temperature_c, 30.0],
            laser_before: LaserState::Off,
            laser_after: LaserState::Off,
            started_ms: 0,
        }
    }

    #[test]
    fn another_time_temperature_age_or_fewer_readouts_need_a_fresh_dark() {
        let mut cache = DarkCache::default();
        let second = Duration::from_secs(1);
        cache.keep(10 * second, &dark(1_000, 21.0));
        let find = |now, us, averages, t: &[f32]| cache.find(DarkPolicy::USUAL, now, us, averages, t).map(|f| f.0);
        assert_eq!(find(70 * second, 1_000, 2, &[21.3, 30.0]), Some(60 * second));
        assert_eq!(find(70 * second, 1_001, 2, &[21.0, 30.0]), None, "integration time");
        assert_eq!(find(70 * second, 1_000, 2, &[21.6, 30.0]), None, "temperature");
        assert_eq!(find(70 * second, 1_000, 2, &[21.0]), None, "another set of sensors");
        assert_eq!(find(610 * second, 1_000, 2, &[21.0, 30.0]), None, "age");
        assert_eq!(find(70 * second, 1_000, 3, &[21.0, 30.0]), None, "readouts");
        assert_eq!(cache.find(DarkPolicy::FRESH, 10 * second, 1_000, 2, &[21.0, 30.0]), None);
    }

    #[test]
    fn few_darks_are_kept_and_the_newest_of_an_integration_time() {
        let mut cache = DarkCache::default();
        for i in 0..50 {
            cache.keep(Duration::from_secs(i), &dark(1_000 + (i as u32 % 20), 20.0));
        }
        assert_eq!(cache.kept.len(), KEPT);
        let newest = cache.find(DarkPolicy::USUAL, Duration::from_secs(49), 1_009, 1, &[20.0, 30.0]);
        assert_eq!(newest.map(|n| n.0), Some(Duration::ZERO));
    }
}
