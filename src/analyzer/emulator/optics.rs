//! The forward model: from what lies under the probe to the electrons in each pixel, and from electrons to counts.
//!
//! Per pixel: `electrons = time * (bands + fluorescence + background) * response + dark * time`, with shot, read and
//! fixed-pattern noise, cosmic rays, quantisation and saturation. The bands are not those of the reference: a real sample
//! differs from any reference in positions, heights and weak bands, and most simulators leave that out. Figures are those
//! that were measured between real portable instruments where such exist, else assumptions, marked (a).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp, Normal, Poisson, Uniform};

use crate::spectrum::Band;

use super::Sample;

/// Pixels of an STS.
pub const PIXELS: usize = 1024;
/// Highest count of a 14-bit converter.
pub const MAX_COUNTS: u32 = 16_383;
/// Laser wavelength that the kit states, nm.
pub const EXCITATION_NM: f64 = 785.0;
/// Wavelength polynomial that every emulated unit reports, nm over the 0-based pixel: 190 to 2,300 cm-1 at 785 nm.
pub const REPORTED_COEFFICIENTS_NM: [f64; 4] = [797.0, 0.1592, -2.0e-6, 0.0];
/// Resolution that is already in the widths of measured bands, cm-1.
const BAND_RESOLUTION_CM1: f64 = 7.0;

/// One emulated instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Where the light really falls, nm over the pixel; differs from what the unit reports.
    pub true_coefficients_nm: [f64; 4],
    /// Laser wavelength as it really is, nm.
    pub true_excitation_nm: f64,
    /// Full width at half maximum of a sharp line, cm-1: 8 to 10.
    pub resolution_cm1: f64,
    /// Relative response of each pixel: smooth, roll-off of silicon, edge filter, fixed pattern.
    pub response: Vec<f64>,
    /// Electrons per count (a).
    pub electrons_per_count: f64,
    /// Read noise, electrons (a).
    pub read_noise_e: f64,
    /// Dark current, electrons per second and pixel (a).
    pub dark_e_per_s: f64,
    /// Counts with no light and no time (a).
    pub offset_counts: f64,
    /// Cosmic rays per second and spectrum.
    pub cosmic_per_s: f64,
}

/// How far the sample's light may differ from the reference's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Standard deviation of band positions, cm-1 (smooth over about 120 cm-1).
    pub position_sd_cm1: f64,
    /// Standard deviation of the logarithm of band heights (smooth over about 60 cm-1).
    pub log_height_sd: f64,
    /// Probability that a band under a tenth of the strongest is missing.
    pub weak_missing: f64,
}

impl Gap {
    /// The middle of what was measured between laboratories.
    pub const MEASURED: Self = Self { position_sd_cm1: 1.0, log_height_sd: 0.15, weak_missing: 0.2 };
    /// The sample is its reference.
    pub const NONE: Self = Self { position_sd_cm1: 0.0, log_height_sd: 0.0, weak_missing: 0.0 };
}

impl Unit {
    /// Draws a unit: axis error up to 2 cm-1, laser error, resolution, response.
    pub fn draw(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0001);
        let [c0, c1, c2, c3] = REPORTED_COEFFICIENTS_NM;
        // 1 cm-1 is 0.064 nm at 800 nm and 0.092 nm at 960 nm.
        let offset_nm = normal(&mut rng, 0.035).clamp(-0.07, 0.07);
        let slope_nm = normal(&mut rng, 0.02).clamp(-0.04, 0.04);
        let slow = Wave::draw(&mut rng, 350.0, 0.12);
        let grain: Vec<f64> = (0..PIXELS).map(|_| 1.0 + normal(&mut rng, 0.005)).collect();
        let true_coefficients_nm = [c0 + offset_nm, c1 + slope_nm / PIXELS as f64, c2, c3];
        let true_excitation_nm = EXCITATION_NM + normal(&mut rng, 0.012).clamp(-0.025, 0.025);
        let resolution_cm1 = uniform(&mut rng, 8.0, 10.0);
        let mut unit = Self {
            true_coefficients_nm,
            true_excitation_nm,
            resolution_cm1,
            response: Vec::new(),
            electrons_per_count: 6.0,
            read_noise_e: 12.0,
            dark_e_per_s: 60.0,
            offset_counts: 150.0,
            cosmic_per_s: 0.02,
        };
        unit.response = (0..PIXELS)
            .zip(grain)
            .map(|(pixel, grain)| {
                let x = unit.true_shift_cm1(pixel);
                // Silicon: the quantum efficiency falls towards 1,000 nm; the edge filter opens at about 205 cm-1.
                let silicon = 1.0 / (1.0 + ((unit.true_wavelength_nm(pixel) - 960.0) / 35.0).exp());
                let edge = 1.0 / (1.0 + ((205.0 - x) / 8.0).exp());
                slow.at(x).exp() * silicon * edge * grain
            })
            .collect();
        unit
    }

    fn true_wavelength_nm(&self, pixel: usize) -> f64 {
        self.true_coefficients_nm.iter().rev().fold(0.0, |sum, c| sum * pixel as f64 + c)
    }

    /// Raman shift that really falls on a pixel, cm-1.
    pub fn true_shift_cm1(&self, pixel: usize) -> f64 {
        1e7 / self.true_excitation_nm - 1e7 / self.true_wavelength_nm(pixel)
    }

    /// Electrons per second in each pixel while the laser shines on `sample`, without dark current.
    pub fn light_e_per_s(&self, sample: &Sample, gap: Gap, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0002);
        // Strongest band 2,500 to 20,000 e/s, fluorescence 0.1 to 2 times that, both log-uniform.
        let strength = uniform(&mut rng, 2_500.0_f64.ln(), 20_000.0_f64.ln()).exp();
        let ratio = uniform(&mut rng, 0.1_f64.ln(), 2.0_f64.ln()).exp();
        let humps: Vec<(f64, f64, f64)> = (0..3)
            .map(|_| (uniform(&mut rng, 0.0, 2_500.0), uniform(&mut rng, 500.0, 1_500.0), uniform(&mut rng, 0.2, 1.0)))
            .collect();
        let mut bands = Vec::new();
        for part in &sample.parts {
            bands.extend(through_gap(&part.bands, part.share, gap, &mut rng));
        }
        let extra = (self.resolution_cm1.powi(2) - BAND_RESOLUTION_CM1.powi(2)).max(0.0).sqrt();
        let bands: Vec<Band> = bands.into_iter().map(|b| b.broadened(extra)).collect();
        let hump_sum: f64 = humps.iter().map(|h| h.2).sum();
        let glow = if sample.parts.is_empty() { 0.0 } else { strength * ratio / hump_sum.max(f64::MIN_POSITIVE) };
        (0..PIXELS)
            .map(|pixel| {
                let x = self.true_shift_cm1(pixel);
                let raman: f64 = bands.iter().map(|b| b.value_at(x)).sum();
                let fluorescence: f64 = humps.iter().map(|(c, w, h)| h * (-0.5 * ((x - c) / w).powi(2)).exp()).sum();
                // The probe's own window scatters a little even with nothing under it.
                (strength * raman + glow * fluorescence + 40.0) * self.response.get(pixel).copied().unwrap_or(0.0)
            })
            .collect()
    }

    /// Counts of one readout that the device averaged from `scans`, each `seconds` long. `light_s` is how long the laser
    /// shone during each.
    pub fn read_out(&self, light_e_per_s: &[f64], seconds: f64, light_s: f64, scans: u16, seed: u64) -> Vec<u32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0003);
        let scans = f64::from(scans.max(1));
        let mut counts: Vec<f64> = light_e_per_s
            .iter()
            .map(|light| {
                let mean = light * light_s + self.dark_e_per_s * seconds;
                // The mean of n Poisson readouts is a Poisson of n times the mean, divided by n.
                let electrons =
                    poisson(&mut rng, mean * scans) / scans + normal(&mut rng, self.read_noise_e / scans.sqrt());
                self.offset_counts + electrons / self.electrons_per_count
            })
            .collect();
        for _ in 0..poisson(&mut rng, self.cosmic_per_s * seconds * scans) as usize {
            let pixel = uniform(&mut rng, 0.0, PIXELS as f64) as usize;
            let charge = Exp::new(1.0 / 8_000.0).map_or(0.0, |d| d.sample(&mut rng)) / self.electrons_per_count / scans;
            for (p, part) in [(pixel, 1.0), (pixel + 1, 0.4)] {
                if let Some(count) = counts.get_mut(p) {
                    *count += part * charge;
                }
            }
        }
        counts.iter().map(|c| (c.round().max(0.0) as u32).min(MAX_COUNTS)).collect()
    }
}

/// The sample's own bands: those of the reference, moved, scaled, and some weak ones missing.
fn through_gap(bands: &[Band], share: f64, gap: Gap, rng: &mut ChaCha8Rng) -> Vec<Band> {
    let positions = Wave::draw(rng, 120.0, gap.position_sd_cm1);
    let heights = Wave::draw(rng, 60.0, gap.log_height_sd);
    let strongest = bands.iter().map(|b| b.height).fold(0.0, f64::max);
    let mut out = Vec::new();
    for band in bands {
        let missing = uniform(rng, 0.0, 1.0) < gap.weak_missing && band.height < 0.1 * strongest;
        if !missing && strongest > 0.0 {
            out.push(Band {
                position_cm1: band.position_cm1 + positions.at(band.position_cm1),
                height: share * band.height / strongest * heights.at(band.position_cm1).exp(),
                ..*band
            });
        }
    }
    out
}

/// A smooth random function with a given standard deviation and correlation length: random Fourier features of a
/// squared-exponential kernel (Rahimi and Recht, 2007).
struct Wave {
    terms: Vec<(f64, f64)>,
    amplitude: f64,
}

impl Wave {
    fn draw(rng: &mut ChaCha8Rng, length: f64, sd: f64) -> Self {
        let terms: Vec<(f64, f64)> =
            (0..24).map(|_| (normal(rng, 1.0) / length, uniform(rng, 0.0, std::f64::consts::TAU))).collect();
        let amplitude = sd * (2.0 / terms.len() as f64).sqrt();
        Self { terms, amplitude }
    }

    fn at(&self, x: f64) -> f64 {
        self.amplitude * self.terms.iter().map(|(w, phase)| (w * x + phase).cos()).sum::<f64>()
    }
}

fn normal(rng: &mut ChaCha8Rng, sd: f64) -> f64 {
    Normal::new(0.0, sd).map_or(0.0, |d| d.sample(rng))
}

fn uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    Uniform::new(low, high).map_or(low, |d| d.sample(rng))
}

fn poisson(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    if mean > 1e5 {
        return (mean + normal(rng, mean.sqrt())).max(0.0);
    }
    Poisson::new(mean).map_or(0.0, |d| d.sample(rng))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::emulator::SamplePart;

    fn line() -> Sample {
        let band = Band { position_cm1: 1001.0, height: 1.0, fwhm_cm1: 1.0, lorentz_fraction: 0.0 };
        Sample { name: "line".to_owned(), parts: vec![SamplePart { share: 1.0, bands: vec![band] }] }
    }

    #[test]
    fn the_dark_has_the_stated_mean_and_spread() {
        let unit = Unit::draw(3);
        let dark = unit.read_out(&vec![0.0; PIXELS], 2.0, 0.0, 1, 9);
        let mean = dark.iter().map(|c| f64::from(*c)).sum::<f64>() / PIXELS as f64;
        let sd = (dark.iter().map(|c| (f64::from(*c) - mean).powi(2)).sum::<f64>() / PIXELS as f64).sqrt();
        assert!((mean - (150.0 + 120.0 / 6.0)).abs() < 0.5, "mean {mean}");
        let expected = ((120.0 + 144.0_f64) / 36.0 + 1.0 / 12.0).sqrt();
        assert!((sd / expected - 1.0).abs() < 0.15, "sd {sd} of {expected}");
    }

    #[test]
    fn the_axis_error_of_every_unit_stays_within_two_wavenumbers() {
        for seed in 0..200 {
            let unit = Unit::draw(seed);
            for pixel in [0, 300, 700, 1023] {
                let reported = REPORTED_COEFFICIENTS_NM.iter().rev().fold(0.0, |s, c| s * pixel as f64 + c);
                let error = unit.true_shift_cm1(pixel) - (1e7 / EXCITATION_NM - 1e7 / reported);
                assert!(error.abs() <= 2.0, "unit {seed}, pixel {pixel}: {error}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_counts_and_another_seed_others() {
        let unit = Unit::draw(1);
        let light = unit.light_e_per_s(&line(), Gap::MEASURED, 5);
        assert_eq!(unit.read_out(&light, 1.0, 1.0, 1, 7), unit.read_out(&light, 1.0, 1.0, 1, 7));
        assert_ne!(unit.read_out(&light, 1.0, 1.0, 1, 7), unit.read_out(&light, 1.0, 1.0, 1, 8));
    }

    #[test]
    fn counts_saturate_at_fourteen_bits() {
        let unit = Unit::draw(1);
        let light = vec![1e9; PIXELS];
        assert!(unit.read_out(&light, 1.0, 1.0, 1, 7).iter().all(|c| *c == MAX_COUNTS));
    }
}
