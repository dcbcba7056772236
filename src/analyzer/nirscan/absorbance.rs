//! From scans of a white reference and of a sample to absorbance over wavenumber. Pure, so that stored scans give the
//! same spectrum again.

use super::NirScan;
use crate::analyzer::AnalyzerError;
use crate::spectrum::{Spectrum, Technique};

/// Share of the reference's strongest intensity under which a point carries too little light to be used.
const LIGHT_SHARE: f64 = 0.02;
/// Fewest points that must carry light.
const POINTS_MIN: usize = 32;
/// Intensity under which nothing can be said: the device counts whole numbers.
const INTENSITY_MIN: f64 = 1.0;
/// Least variance of an intensity: that of rounding to whole numbers.
const ROUNDING_VARIANCE: f64 = 1.0 / 12.0;

/// Absorbance `log10(reference / sample)` over the wavenumber `1e7 / wavelength` in cm-1, rising, with the noise of each
/// point. Several scans of either are averaged. Only the range in which the reference has light is kept; points at which
/// the sample has none are named as those at which the detector could not tell.
pub fn absorbance(reference: &[NirScan], sample: &[NirScan], port: &str) -> Result<Spectrum, AnalyzerError> {
    let refuse = |why: &str| AnalyzerError::NoReference { port: port.to_owned(), why: why.to_owned() };
    let (Some(first), Some(_)) = (reference.first(), sample.first()) else {
        return Err(refuse("none was measured"));
    };
    if reference.iter().chain(sample).any(|scan| scan.wavelengths_nm != first.wavelengths_nm) {
        return Err(refuse("it has other wavelengths than the scan of the sample"));
    }
    let white = Averaged::of(reference);
    let seen = Averaged::of(sample);
    let lit = lit_range(&white.mean);
    if lit.len() < POINTS_MIN {
        return Err(refuse("it has no light: the lamp or the window is dark"));
    }
    let points = white.mean.iter().zip(&seen.mean).zip(&first.wavelengths_nm).enumerate();
    let mut rows: Vec<Row> = points
        .filter(|(i, _)| lit.contains(i))
        .map(|(_, ((white_mean, seen_mean), wavelength_nm))| {
            let dark = *seen_mean < INTENSITY_MIN;
            let seen_mean = seen_mean.max(INTENSITY_MIN);
            // d log10(x) = dx / (x ln 10), for both intensities.
            let relative = white.variance / white_mean.powi(2) + seen.variance / seen_mean.powi(2);
            Row {
                wavenumber_cm1: 1e7 / wavelength_nm,
                absorbance: (white_mean / seen_mean).log10(),
                noise_sd: relative.sqrt() / std::f64::consts::LN_10,
                dark,
            }
        })
        .collect();
    rows.sort_by(|a, b| a.wavenumber_cm1.total_cmp(&b.wavenumber_cm1));
    let column = |value: &dyn Fn(&Row) -> f64| rows.iter().map(value).collect::<Vec<f64>>();
    let dark = rows.iter().enumerate().filter(|(_, row)| row.dark).map(|(i, _)| i).collect();
    Ok(Spectrum::new(Technique::Nir, column(&|r| r.wavenumber_cm1), column(&|r| r.absorbance))?
        .with_noise(column(&|r| r.noise_sd))?
        .with_saturated(dark))
}

struct Row {
    wavenumber_cm1: f64,
    absorbance: f64,
    noise_sd: f64,
    dark: bool,
}

/// The mean of several scans, and its variance, which is taken to be the same for all points.
struct Averaged {
    mean: Vec<f64>,
    variance: f64,
}

impl Averaged {
    fn of(scans: &[NirScan]) -> Self {
        let count = scans.len().max(1) as f64;
        let points = scans.iter().map(|scan| scan.intensities.len()).min().unwrap_or(0);
        let value = |scan: &NirScan, i: usize| scan.intensities.get(i).map_or(0.0, |v| f64::from(*v));
        let mean: Vec<f64> = (0..points).map(|i| scans.iter().map(|s| value(s, i)).sum::<f64>() / count).collect();
        let one = if scans.len() >= 2 {
            // The scatter between scans, without what is common to all points: the lamp's drift shifts them together.
            let scatter = scans.iter().map(|scan| {
                let off: Vec<f64> = mean.iter().enumerate().map(|(i, m)| value(scan, i) - m).collect();
                let common = off.iter().sum::<f64>() / points.max(1) as f64;
                off.iter().map(|d| (d - common).powi(2)).sum::<f64>()
            });
            scatter.sum::<f64>() / (points.max(1) as f64 * (count - 1.0))
        } else {
            // A second difference of neighbours has six times the variance; its median is not fooled by bands, and that
            // of squares of normal deviates is 0.455 of their mean.
            let triples = mean.iter().zip(mean.iter().skip(1)).zip(mean.iter().skip(2));
            let mut squares: Vec<f64> = triples.map(|((a, b), c)| (a - 2.0 * b + c).powi(2) / 6.0).collect();
            squares.sort_by(f64::total_cmp);
            squares.get(squares.len() / 2).copied().unwrap_or(0.0) / 0.455
        };
        Self { mean, variance: one.max(ROUNDING_VARIANCE) / count }
    }
}

/// The longest run of points at which the reference has light.
fn lit_range(white: &[f64]) -> std::ops::Range<usize> {
    let least = LIGHT_SHARE * white.iter().copied().fold(0.0, f64::max);
    let mut best = 0..0;
    let mut start = 0;
    for (i, intensity) in white.iter().enumerate() {
        if *intensity <= least.max(INTENSITY_MIN) {
            start = i + 1;
        } else if i + 1 - start > best.len() {
            best = start..i + 1;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    use super::*;

    const POINTS: usize = 200;

    fn scan(intensity: impl Fn(f64) -> f64, sd: f64, seed: u64) -> NirScan {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let noise = Normal::new(0.0, sd).unwrap();
        let wavelengths_nm: Vec<f64> = (0..POINTS).map(|i| 900.0 + 4.0 * i as f64).collect();
        let intensities = wavelengths_nm.iter().map(|w| (intensity(*w) + noise.sample(&mut rng)).round() as i32);
        NirScan {
            intensities: intensities.collect(),
            wavelengths_nm,
            config: 0,
            repeats: 6,
            scan_time_ms: 2_000,
            temperatures_c: Vec::new(),
            started_ms: 0,
        }
    }

    fn band(wavelength_nm: f64) -> f64 {
        0.8 * (-0.5 * ((wavelength_nm - 1_450.0) / 30.0).powi(2)).exp()
    }

    #[test]
    fn absorbance_comes_back_over_rising_wavenumbers_within_its_noise() {
        for count in [1, 3] {
            let white: Vec<NirScan> = (0..count).map(|i| scan(|_| 20_000.0, 20.0, i)).collect();
            let sample: Vec<NirScan> =
                (0..count).map(|i| scan(|w| 20_000.0 * 10.0_f64.powf(-band(w)), 20.0, 50 + i)).collect();
            let spectrum = absorbance(&white, &sample, "test").unwrap();
            assert_eq!(spectrum.technique(), Technique::Nir);
            let (from, to) = spectrum.range_cm1();
            assert!((from - 1e7 / 1_696.0).abs() < 1e-9 && (to - 1e7 / 900.0).abs() < 1e-9);
            let noise = spectrum.noise_sd().unwrap();
            let pulls: Vec<f64> = (0..POINTS)
                .map(|i| (spectrum.intensity()[i] - band(1e7 / spectrum.axis_cm1()[i])) / noise[i])
                .collect();
            let mean_square = pulls.iter().map(|p| p * p).sum::<f64>() / POINTS as f64;
            assert!((0.6..1.6).contains(&mean_square), "{count} scans: {mean_square}");
        }
    }

    #[test]
    fn only_the_range_with_light_is_kept_and_a_black_sample_is_named() {
        let white = scan(|w| if w < 1_000.0 { 3.0 } else { 10_000.0 }, 0.0, 1);
        let sample = scan(|w| if w > 1_600.0 { -2.0 } else { 5_000.0 }, 0.0, 2);
        let spectrum = absorbance(&[white], &[sample], "test").unwrap();
        assert!((spectrum.range_cm1().1 - 1e7 / 1_000.0).abs() < 1e-9);
        let black = spectrum.axis_cm1().iter().filter(|x| 1e7 / **x > 1_600.0).count();
        assert_eq!(spectrum.saturated(), (0..black).collect::<Vec<_>>());
    }

    #[test]
    fn a_reference_that_is_dark_missing_or_of_other_wavelengths_is_refused() {
        let good = scan(|_| 5_000.0, 0.0, 1);
        let dark = scan(|_| 0.0, 0.0, 1);
        let mut shifted = good.clone();
        shifted.wavelengths_nm[3] += 0.1;
        let cases: [(&[NirScan], &[NirScan]); 4] = [
            (&[], std::slice::from_ref(&good)),
            (std::slice::from_ref(&good), &[]),
            (&[dark], std::slice::from_ref(&good)),
            (&[shifted], std::slice::from_ref(&good)),
        ];
        for (reference, sample) in cases {
            let end = absorbance(reference, sample, "test");
            assert!(matches!(end, Err(AnalyzerError::NoReference { .. })), "{end:?}");
        }
    }
}
