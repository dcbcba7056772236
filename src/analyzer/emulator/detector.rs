//! Detectors of emulated instruments. Figures without a source are assumptions, marked (a).

/// What is the same in all units of a model. Ranges are first and last pixel, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    /// Pixels of one readout.
    pub pixels: usize,
    /// Largest count of the converter.
    pub max_counts: u32,
    /// Wavelength polynomial that every unit reports, nm over the 0-based pixel, constant term first (a).
    pub reported_coefficients_nm: [f64; 4],
    /// Electrons per count (a).
    pub electrons_per_count: f64,
    /// Read noise, electrons (a).
    pub read_noise_e: f64,
    /// Dark current at the working temperature, electrons per second and pixel (a).
    pub dark_e_per_s: f64,
    /// Counts with no light and no time (a).
    pub offset_counts: f64,
    /// Standard deviation of the offset from readout to readout, the same for all pixels of one readout, counts (a).
    pub offset_wander_counts: f64,
    /// Share by which the counts lie below the light at the top of the scale, on average over the units (a).
    pub nonlinearity: f64,
    /// Pixels without a photodiode: neither light nor dark current.
    pub electric_dark: &'static [(usize, usize)],
    /// Pixels behind a mask: dark current, no light.
    pub optical_dark: &'static [(usize, usize)],
}

impl Detector {
    /// STS: 1,024 pixels, 14 bits; 190 to 2,300 cm-1 at 785 nm.
    pub const STS: Self = Self {
        pixels: 1_024,
        max_counts: 16_383,
        reported_coefficients_nm: [797.0, 0.1592, -2.0e-6, 0.0],
        electrons_per_count: 6.0,
        read_noise_e: 12.0,
        dark_e_per_s: 60.0,
        offset_counts: 150.0,
        offset_wander_counts: 0.0,
        nonlinearity: 0.03,
        electric_dark: &[],
        optical_dark: &[],
    };

    /// QE Pro: 1,044 pixels of which 1,024 see light, 18 bits, cooled. The converter stops at 262,143; the device itself
    /// says that it is saturated at 200,000.
    pub const QE_PRO: Self = Self {
        pixels: 1_044,
        max_counts: 262_143,
        reported_coefficients_nm: [795.408, 0.1592, -2.0e-6, 0.0],
        electrons_per_count: 0.5,
        read_noise_e: 4.0,
        dark_e_per_s: 0.4,
        offset_counts: 2_400.0,
        offset_wander_counts: 12.0,
        nonlinearity: 0.02,
        electric_dark: &[(0, 3), (1_040, 1_043)],
        optical_dark: &[(4, 9), (1_034, 1_039)],
    };

    /// Ventana 785: 1,024 pixels, 16 bits.
    pub const VENTANA: Self =
        Self { max_counts: 65_535, electrons_per_count: 1.5, dark_e_per_s: 30.0, offset_counts: 900.0, ..Self::STS };

    /// Wasatch OEM module: 2,048 pixels, 16 bits, cooled; 200 to 2,400 cm-1 at 785 nm.
    pub const WASATCH: Self = Self {
        pixels: 2_048,
        max_counts: 65_535,
        reported_coefficients_nm: [797.6, 0.0865, -1.6e-6, 0.0],
        electrons_per_count: 1.2,
        read_noise_e: 6.0,
        dark_e_per_s: 2.0,
        offset_counts: 800.0,
        nonlinearity: 0.01,
        ..Self::STS
    };

    /// Whether a pixel never sees light.
    pub fn masked(&self, pixel: usize) -> bool {
        within(self.electric_dark, pixel) || within(self.optical_dark, pixel)
    }

    /// Whether a pixel has no photodiode.
    pub fn without_diode(&self, pixel: usize) -> bool {
        within(self.electric_dark, pixel)
    }

    /// Wavelength that the device reports for a pixel, nm.
    pub fn reported_wavelength_nm(&self, pixel: usize) -> f64 {
        self.reported_coefficients_nm.iter().rev().fold(0.0, |sum, c| sum * pixel as f64 + c)
    }
}

fn within(ranges: &[(usize, usize)], pixel: usize) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&pixel))
}
