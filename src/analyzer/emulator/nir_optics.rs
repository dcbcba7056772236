//! The light of an emulated near-infrared scanner: lamp and detector, a white standard, samples that absorb where
//! overtones of O-H, N-H and C-H lie. All figures are assumptions; nothing here is a reference of any substance.

use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};

use crate::analyzer::nirscan::interpreted::Interpreted;

/// First and last wavelength, nm.
const RANGE_NM: (f64, f64) = (901.0, 1_699.0);
/// Points of the two scan configurations.
const POINTS: [i32; 2] = [228, 512];
/// Intensity of the white standard at its strongest.
const WHITE: f64 = 24_000.0;
/// Standard deviation of the intensity of one repeat.
const NOISE: f64 = 40.0;
/// Reflectance of a powder without absorption, relative to the white standard.
const POWDER: f64 = 0.7;
/// Where overtones and combinations lie, nm, with the strength of the strongest and the width (standard deviation) that
/// they may have: C-H second overtone and combination, O-H and N-H first overtone, C-H first overtone.
const OVERTONES: [(f64, f64, f64); 6] = [
    (1_195.0, 0.12, 12.0),
    (1_370.0, 0.15, 14.0),
    (1_450.0, 0.45, 28.0),
    (1_495.0, 0.30, 20.0),
    (1_580.0, 0.25, 25.0),
    (1_690.0, 0.35, 15.0),
];

/// What lies on the window.
#[derive(Clone, Debug, PartialEq)]
pub enum NirSample {
    /// The white standard.
    White,
    /// A powder that absorbs as its name draws it: plausible, and no reference of the substance of that name.
    Powder(String),
    /// Nothing: the lamp's light does not come back.
    Empty,
}

/// Points of a scan configuration.
pub(super) fn points(config: u8) -> i32 {
    POINTS.get(usize::from(config)).copied().unwrap_or(POINTS[0])
}

impl NirSample {
    /// `white`, `empty`, or a powder.
    pub fn from_name(name: &str) -> Self {
        match name {
            "white" => Self::White,
            "empty" => Self::Empty,
            _ => Self::Powder(name.to_owned()),
        }
    }

    /// Absorbance against the white standard at a wavelength.
    pub fn absorbance(&self, wavelength_nm: f64) -> f64 {
        let name = match self {
            Self::White => return 0.0,
            Self::Empty => return 3.0,
            Self::Powder(name) => name,
        };
        let seed =
            name.bytes().fold(0xCBF2_9CE4_8422_2325, |s: u64, b| (s ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let bands: f64 = OVERTONES
            .iter()
            .map(|(centre_nm, strength, width_nm)| {
                let centre_nm = centre_nm + uniform(&mut rng, -12.0, 12.0);
                let strength = strength * uniform(&mut rng, 0.1, 1.0);
                let width_nm = width_nm * uniform(&mut rng, 0.7, 1.5);
                strength * (-0.5 * ((wavelength_nm - centre_nm) / width_nm).powi(2)).exp()
            })
            .sum();
        bands - POWDER.log10()
    }
}

/// What the scanner that `unit` draws sees at a time.
pub(super) fn scan(sample: &NirSample, unit: u64, config: u8, repeats: u16, at: Duration, seed: u64) -> Interpreted {
    let mut unit_rng = ChaCha8Rng::seed_from_u64(unit ^ 0x5EED_0010);
    let offset_nm = uniform(&mut unit_rng, -1.0, 1.0);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0011);
    // The lamp fades a little while it warms up.
    let lamp = WHITE * (1.0 - 0.01 * (1.0 - (-at.as_secs_f64() / 120.0).exp()));
    let noise = Normal::new(0.0, NOISE / f64::from(repeats.max(1)).sqrt());
    let count = points(config);
    let (first, last) = RANGE_NM;
    let mut seen = Interpreted::default();
    for i in 0..count {
        let wavelength_nm = first + (last - first) * f64::from(i) / f64::from(count - 1);
        // Lamp, mirrors and detector together: a hump that falls off towards both ends.
        let hump = (-0.5 * ((wavelength_nm - 1_300.0) / 230.0).powi(2)).exp();
        let light = lamp * hump * 10.0_f64.powf(-sample.absorbance(wavelength_nm + offset_nm));
        let noise = noise.map_or(0.0, |n| n.sample(&mut rng));
        seen.wavelengths_nm.push(wavelength_nm);
        seen.intensities.push((light + noise).round() as i32);
    }
    seen
}

fn uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    Uniform::new(low, high).map_or(low, |d| d.sample(rng))
}
