//! The forward model: from what lies under the probe to the electrons in each pixel, and from electrons to counts.
//!
//! Per pixel: `electrons = energy * (bands + fluorescence + background) * response + dark * time`, with shot, read and
//! fixed-pattern noise, hot pixels, cosmic rays, a detector that is not linear, quantisation and saturation. The bands
//! are not those of the reference: a real sample differs from any reference in positions, heights and weak bands, and
//! most simulators leave that out. Figures are those that were measured between real portable instruments where such
//! exist, else assumptions, marked (a).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp, Normal, Poisson, Uniform};

use crate::spectrum::Band;

use super::Sample;
use super::detector::Detector;

/// Pixels of an STS.
pub const PIXELS: usize = Detector::STS.pixels;
/// Highest count of the 14-bit converter of an STS.
pub const MAX_COUNTS: u32 = Detector::STS.max_counts;
/// Laser wavelength that the kit states, nm.
pub const EXCITATION_NM: f64 = 785.0;
/// Resolution that is already in the widths of measured bands, cm-1.
const BAND_RESOLUTION_CM1: f64 = 7.0;
/// Largest error of the axis that a unit has, cm-1.
const AXIS_ERROR_MAX_CM1: f64 = 2.0;
/// Coefficients of the nonlinearity that a unit reports.
const NONLINEARITY_TERMS: usize = 8;

/// One emulated instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// What it has in common with all units of its model.
    pub detector: Detector,
    /// Where the light really falls, nm over the pixel; differs from what the unit reports.
    pub true_coefficients_nm: [f64; 4],
    /// Laser wavelength as it really is, nm.
    pub true_excitation_nm: f64,
    /// Full width at half maximum of a sharp line, cm-1: 8 to 10.
    pub resolution_cm1: f64,
    /// Relative response of each pixel: smooth, roll-off of silicon, edge filter, fixed pattern.
    pub response: Vec<f64>,
    /// Polynomial over counts above the dark by which they are to be divided; the unit reports it.
    pub nonlinearity: [f32; NONLINEARITY_TERMS],
    /// Pixels with far more dark current than the others, and their dark current, electrons per second. The unit
    /// reports which they are.
    pub hot_pixels: Vec<(usize, f64)>,
    /// Cosmic rays per second and spectrum.
    pub cosmic_per_s: f64,
}

/// What a sample sends to every pixel at full laser power, electrons per second.
#[derive(Clone, Debug, PartialEq)]
pub struct Light {
    /// Raman bands and the probe's own background.
    pub steady: Vec<f64>,
    /// Fluorescence, before any of it is bleached.
    pub glow: Vec<f64>,
    /// Share of the fluorescence that bleaches (a).
    pub bleaching_share: f64,
    /// Seconds at full power after which all but 1/e of that share is gone (a).
    pub bleaching_s: f64,
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
    /// Draws a unit: axis error up to 2 cm-1 of any smooth shape, laser error, resolution, response, hot pixels.
    pub fn draw(seed: u64, detector: Detector) -> Self {
        Self::draw_with_axis(seed, detector, None)
    }

    /// The same unit with another axis: the error is a random polynomial of the third order over the wavelength that is
    /// `largest_cm1` at the pixel where it is largest. The laser's wavelength is then as stated: on a Raman axis its error
    /// cannot be told from that of the wavelengths.
    pub fn draw_with_axis_error(seed: u64, detector: Detector, largest_cm1: f64) -> Self {
        Self::draw_with_axis(seed, detector, Some(largest_cm1))
    }

    fn draw_with_axis(seed: u64, detector: Detector, largest_cm1: Option<f64>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0001);
        let true_excitation_nm = EXCITATION_NM + normal(&mut rng, 0.012).clamp(-0.025, 0.025);
        // 1 cm-1 is 0.064 nm at 800 nm and 0.092 nm at 960 nm.
        let error_nm = [0.035, 0.02, 0.02, 0.012].map(|sd| normal(&mut rng, sd).clamp(-2.0 * sd, 2.0 * sd));
        let slow = Wave::draw(&mut rng, 350.0, 0.12);
        let grain: Vec<f64> = (0..detector.pixels).map(|_| 1.0 + normal(&mut rng, 0.005)).collect();
        let resolution_cm1 = uniform(&mut rng, 8.0, 10.0);
        let mut unit = Self {
            detector,
            true_coefficients_nm: detector.reported_coefficients_nm,
            true_excitation_nm,
            resolution_cm1,
            response: Vec::new(),
            nonlinearity: draw_nonlinearity(&mut rng, &detector),
            hot_pixels: draw_hot_pixels(&mut rng, &detector),
            cosmic_per_s: 0.02,
        };
        match largest_cm1 {
            None => unit.bend_axis(error_nm),
            Some(largest_cm1) => unit.bend_axis_up_to(seed, largest_cm1),
        }
        unit.response = (0..detector.pixels)
            .zip(grain)
            .map(|(pixel, grain)| {
                if detector.masked(pixel) {
                    return 0.0;
                }
                let x = unit.true_shift_cm1(pixel);
                // Silicon: the quantum efficiency falls towards 1,000 nm; the edge filter opens at about 205 cm-1.
                let silicon = 1.0 / (1.0 + ((unit.true_wavelength_nm(pixel) - 960.0) / 35.0).exp());
                let edge = 1.0 / (1.0 + ((205.0 - x) / 8.0).exp());
                slow.at(x).exp() * silicon * edge * grain
            })
            .collect();
        unit
    }

    /// Moves the true axis off the reported one by Legendre polynomials of degree 0 to 3 over the detector, scaled down
    /// where the error of any pixel, the laser's included, would be too large.
    fn bend_axis(&mut self, error_nm: [f64; 4]) {
        let reported = self.detector.reported_coefficients_nm;
        let bent = |scale: f64| {
            let bend = legendre_in_pixels(error_nm.map(|e| e * scale), self.detector.pixels);
            let mut sum = reported;
            sum.iter_mut().zip(bend).for_each(|(c, b)| *c += b);
            sum
        };
        for scale in [1.0, 0.8, 0.6, 0.4, 0.2, 0.0] {
            self.true_coefficients_nm = bent(scale);
            let worst = (0..self.detector.pixels).map(|p| self.axis_error_cm1(p).abs()).fold(0.0, f64::max);
            if worst <= AXIS_ERROR_MAX_CM1 {
                return;
            }
        }
    }

    /// Draws an axis whose largest error is `largest_cm1`.
    fn bend_axis_up_to(&mut self, seed: u64, largest_cm1: f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0004);
        self.true_excitation_nm = EXCITATION_NM;
        let shape_nm: [f64; 4] = std::array::from_fn(|_| uniform(&mut rng, -0.1, 0.1));
        let mut scale = 1.0;
        // The error in cm-1 is proportional to that in nm but for a thousandth, so that each round gains three digits.
        for _ in 0..3 {
            let bend = legendre_in_pixels(shape_nm.map(|e| e * scale), self.detector.pixels);
            self.true_coefficients_nm = self.detector.reported_coefficients_nm;
            self.true_coefficients_nm.iter_mut().zip(bend).for_each(|(c, b)| *c += b);
            let worst = (0..self.detector.pixels).map(|p| self.axis_error_cm1(p).abs()).fold(1e-9, f64::max);
            scale *= largest_cm1 / worst;
        }
    }

    fn true_wavelength_nm(&self, pixel: usize) -> f64 {
        self.true_coefficients_nm.iter().rev().fold(0.0, |sum, c| sum * pixel as f64 + c)
    }

    /// Raman shift that really falls on a pixel, cm-1.
    pub fn true_shift_cm1(&self, pixel: usize) -> f64 {
        1e7 / self.true_excitation_nm - 1e7 / self.true_wavelength_nm(pixel)
    }

    /// Raman shift that really falls on a pixel minus the one that a host computes from what the unit reports, cm-1.
    pub fn axis_error_cm1(&self, pixel: usize) -> f64 {
        self.true_shift_cm1(pixel) - (1e7 / EXCITATION_NM - 1e7 / self.detector.reported_wavelength_nm(pixel))
    }

    /// What `sample` sends to every pixel.
    pub fn light(&self, sample: &Sample, gap: Gap, seed: u64) -> Light {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0002);
        // Strongest band 2,500 to 20,000 e/s, fluorescence 0.1 to 2 times that, both log-uniform.
        let strength = uniform(&mut rng, 2_500.0_f64.ln(), 20_000.0_f64.ln()).exp();
        let ratio = uniform(&mut rng, 0.1_f64.ln(), 2.0_f64.ln()).exp();
        let humps: Vec<(f64, f64, f64)> = (0..3)
            .map(|_| (uniform(&mut rng, 0.0, 2_500.0), uniform(&mut rng, 500.0, 1_500.0), uniform(&mut rng, 0.2, 1.0)))
            .collect();
        let (bleaching_share, bleaching_s) = (uniform(&mut rng, 0.05, 0.35), uniform(&mut rng, 40.0, 120.0));
        let mut bands = Vec::new();
        for part in &sample.parts {
            bands.extend(through_gap(&part.bands, part.share, gap, &mut rng));
        }
        let extra = (self.resolution_cm1.powi(2) - BAND_RESOLUTION_CM1.powi(2)).max(0.0).sqrt();
        let bands: Vec<Band> = bands.into_iter().map(|b| b.broadened(extra)).collect();
        let hump_sum: f64 = humps.iter().map(|h| h.2).sum();
        let glow = if sample.parts.is_empty() { 0.0 } else { strength * ratio / hump_sum.max(f64::MIN_POSITIVE) };
        let through = |light: &dyn Fn(f64) -> f64| -> Vec<f64> {
            self.response.iter().enumerate().map(|(pixel, r)| r * light(self.true_shift_cm1(pixel))).collect()
        };
        Light {
            // The probe's own window scatters a little even with nothing under it.
            steady: through(&|x| strength * bands.iter().map(|b| b.value_at(x)).sum::<f64>() + 40.0),
            glow: through(&|x| {
                glow * humps.iter().map(|(c, w, h)| h * (-0.5 * ((x - c) / w).powi(2)).exp()).sum::<f64>()
            }),
            bleaching_share,
            bleaching_s,
        }
    }

    /// Counts of one readout that the device averaged from `scans`, each `seconds` long. `light_e` is the light of one
    /// scan in every pixel, electrons; `dark_scale` is the dark current relative to the working temperature.
    pub fn read_out(&self, light_e: &[f64], seconds: f64, dark_scale: f64, scans: u16, seed: u64) -> Vec<u32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0003);
        let scans = f64::from(scans.max(1));
        let mut dark_e: Vec<f64> = (0..self.detector.pixels)
            .map(|p| if self.detector.without_diode(p) { 0.0 } else { self.detector.dark_e_per_s })
            .collect();
        for (pixel, e_per_s) in &self.hot_pixels {
            dark_e.iter_mut().skip(*pixel).take(1).for_each(|d| *d = *e_per_s);
        }
        let read_noise_e = self.detector.read_noise_e / scans.sqrt();
        let mut electrons: Vec<f64> = light_e
            .iter()
            .zip(&dark_e)
            .map(|(light, dark)| {
                let mean = light + dark * seconds * dark_scale;
                // The mean of n Poisson readouts is a Poisson of n times the mean, divided by n.
                poisson(&mut rng, mean * scans) / scans + normal(&mut rng, read_noise_e)
            })
            .collect();
        for _ in 0..poisson(&mut rng, self.cosmic_per_s * seconds * scans) as usize {
            let pixel = uniform(&mut rng, 0.0, self.detector.pixels as f64) as usize;
            let charge = Exp::new(1.0 / 8_000.0).map_or(0.0, |d| d.sample(&mut rng)) / scans;
            for (p, part) in [(pixel, 1.0), (pixel + 1, 0.4)] {
                electrons.iter_mut().skip(p).take(1).for_each(|e| *e += part * charge);
            }
        }
        let offset = self.detector.offset_counts + normal(&mut rng, self.detector.offset_wander_counts / scans.sqrt());
        electrons
            .iter()
            .map(|e| offset + self.bent(e / self.detector.electrons_per_count))
            .map(|c| (c.round().max(0.0) as u32).min(self.detector.max_counts))
            .collect()
    }

    /// Counts that a detector which is not linear shows for `linear` counts: those whose division by the polynomial
    /// gives them back.
    fn bent(&self, linear: f64) -> f64 {
        // Far beyond the scale, where the polynomial means nothing, the converter shows its largest count anyway.
        if linear > 2.0 * f64::from(self.detector.max_counts) {
            return linear;
        }
        // The polynomial differs from one by a few per cent, so each round gains more than a digit.
        (0..6).fold(linear, |shown, _| {
            linear * self.nonlinearity.iter().rev().fold(0.0, |sum, c| sum * shown + f64::from(*c))
        })
    }
}

fn draw_nonlinearity(rng: &mut ChaCha8Rng, detector: &Detector) -> [f32; NONLINEARITY_TERMS] {
    let full = f64::from(detector.max_counts);
    let slope = -detector.nonlinearity * uniform(rng, 0.5, 1.5);
    let curve = normal(rng, 0.2 * detector.nonlinearity);
    let mut terms = [0.0; NONLINEARITY_TERMS];
    for (place, term) in terms.iter_mut().zip([1.0, slope / full, curve / full.powi(2)]) {
        *place = term as f32;
    }
    terms
}

/// Three to six hot pixels with 20 to 200 times the dark current of the others.
fn draw_hot_pixels(rng: &mut ChaCha8Rng, detector: &Detector) -> Vec<(usize, f64)> {
    let count = uniform(rng, 3.0, 7.0) as usize;
    let mut pixels: Vec<(usize, f64)> = (0..count)
        .map(|_| {
            let pixel = uniform(rng, 0.0, detector.pixels as f64) as usize;
            (pixel, detector.dark_e_per_s * uniform(rng, 20.0_f64.ln(), 200.0_f64.ln()).exp())
        })
        .filter(|(pixel, _)| !detector.masked(*pixel))
        .collect();
    pixels.sort_by_key(|(pixel, _)| *pixel);
    pixels.dedup_by_key(|(pixel, _)| *pixel);
    pixels
}

/// The sum of the first four Legendre polynomials with these weights over -1..1, as a polynomial over the pixel.
fn legendre_in_pixels(weights: [f64; 4], pixels: usize) -> [f64; 4] {
    let [w0, w1, w2, w3] = weights;
    // Over u: P0 = 1, P1 = u, P2 = (3u2 - 1) / 2, P3 = (5u3 - 3u) / 2.
    let over_u = [w0 - 0.5 * w2, w1 - 1.5 * w3, 1.5 * w2, 2.5 * w3];
    // u = a p - 1.
    let a = 2.0 / (pixels.max(2) - 1) as f64;
    let [u0, u1, u2, u3] = over_u;
    [u0 - u1 + u2 - u3, a * (u1 - 2.0 * u2 + 3.0 * u3), a * a * (u2 - 3.0 * u3), a * a * a * u3]
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
        let unit = Unit { hot_pixels: Vec::new(), ..Unit::draw(3, Detector::STS) };
        let dark = unit.read_out(&vec![0.0; PIXELS], 2.0, 1.0, 1, 9);
        let mean = dark.iter().map(|c| f64::from(*c)).sum::<f64>() / PIXELS as f64;
        let sd = (dark.iter().map(|c| (f64::from(*c) - mean).powi(2)).sum::<f64>() / PIXELS as f64).sqrt();
        assert!((mean - (150.0 + 120.0 / 6.0)).abs() < 0.5, "mean {mean}");
        let expected = ((120.0 + 144.0_f64) / 36.0 + 1.0 / 12.0).sqrt();
        assert!((sd / expected - 1.0).abs() < 0.15, "sd {sd} of {expected}");
    }

    #[test]
    fn the_axis_error_of_every_unit_stays_within_two_wavenumbers_and_is_no_straight_line() {
        let mut bends = Vec::new();
        for seed in 0..200 {
            let unit = Unit::draw(seed, Detector::STS);
            for pixel in 0..PIXELS {
                assert!(unit.axis_error_cm1(pixel).abs() <= 2.0, "unit {seed}, pixel {pixel}");
            }
            let [start, middle, end] = [0, 512, 1023].map(|p| unit.axis_error_cm1(p));
            bends.push((middle - f64::midpoint(start, end)).abs());
        }
        bends.sort_by(f64::total_cmp);
        assert!(bends[100] > 0.15, "half of the units bend by {} cm-1 at least", bends[100]);
    }

    #[test]
    fn an_axis_error_that_is_asked_for_has_its_size_and_any_shape_and_leaves_the_rest_of_the_unit() {
        let mut shapes = Vec::new();
        for (seed, wanted) in (0..50).zip([6.0, 0.5, 3.0].into_iter().cycle()) {
            let (usual, bent) =
                (Unit::draw(seed, Detector::STS), Unit::draw_with_axis_error(seed, Detector::STS, wanted));
            let errors: Vec<f64> = (0..PIXELS).map(|p| bent.axis_error_cm1(p)).collect();
            let worst = errors.iter().map(|e| e.abs()).fold(0.0, f64::max);
            assert!((worst - wanted).abs() < 1e-3, "{seed}: {worst} of {wanted}");
            assert_eq!((usual.resolution_cm1, usual.hot_pixels), (bent.resolution_cm1, bent.hot_pixels));
            shapes.push((errors[0] / wanted, errors[512] / wanted, errors[1023] / wanted));
        }
        let signs = shapes.iter().map(|s| (s.0 > 0.0, s.1 > 0.0, s.2 > 0.0)).collect::<std::collections::HashSet<_>>();
        assert!(signs.len() >= 6, "{signs:?}");
    }

    #[test]
    fn dividing_by_the_reported_polynomial_makes_counts_linear_again() {
        for (seed, detector) in (0..20).flat_map(|s| [(s, Detector::STS), (s, Detector::QE_PRO)]) {
            let unit = Unit::draw(seed, detector);
            let full = f64::from(detector.max_counts) * 0.95;
            let mut largest = 0.0_f64;
            for step in 0..=100 {
                let linear = full * f64::from(step) / 100.0;
                let shown = unit.bent(linear);
                let polynomial = unit.nonlinearity.iter().rev().fold(0.0, |sum, c| sum * shown + f64::from(*c));
                assert!((shown / polynomial - linear).abs() < 1e-3 * linear.max(1.0) / 100.0, "{seed}: {linear}");
                largest = largest.max((shown - linear).abs() / full);
            }
            assert!(largest > 0.005, "{seed}: uncorrected, {largest} of the scale is wrong");
        }
    }

    #[test]
    fn masked_pixels_of_a_qe_pro_see_no_light_and_those_without_a_diode_no_dark_current_either() {
        let detector = Detector::QE_PRO;
        let unit = Unit::draw(4, detector);
        let light = unit.light(&line(), Gap::NONE, 1);
        let lit: Vec<f64> = light.steady.iter().zip(&light.glow).map(|(s, g)| s + g).collect();
        assert!((0..detector.pixels).all(|p| (lit[p] > 0.0) != detector.masked(p)));
        let counts = unit.read_out(&lit.iter().map(|e| e * 0.1).collect::<Vec<_>>(), 100.0, 1_000.0, 1, 3);
        let mean = |from: usize, to: usize| {
            counts[from..=to].iter().map(|c| f64::from(*c)).sum::<f64>() / (to - from + 1) as f64
        };
        assert!((mean(0, 3) - detector.offset_counts).abs() < 50.0, "{}", mean(0, 3));
        assert!(mean(4, 9) > detector.offset_counts + 50_000.0, "{}", mean(4, 9));
    }

    #[test]
    fn the_same_seed_gives_the_same_counts_and_another_seed_others() {
        let unit = Unit::draw(1, Detector::STS);
        let light = unit.light(&line(), Gap::MEASURED, 5).steady;
        assert_eq!(unit.read_out(&light, 1.0, 1.0, 1, 7), unit.read_out(&light, 1.0, 1.0, 1, 7));
        assert_ne!(unit.read_out(&light, 1.0, 1.0, 1, 7), unit.read_out(&light, 1.0, 1.0, 1, 8));
    }

    #[test]
    fn counts_saturate_at_fourteen_bits() {
        let unit = Unit::draw(1, Detector::STS);
        let light = vec![1e9; PIXELS];
        assert!(unit.read_out(&light, 1.0, 1.0, 1, 7).iter().all(|c| *c == MAX_COUNTS));
    }
}
