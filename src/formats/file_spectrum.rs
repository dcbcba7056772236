//! One spectrum as a file holds it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::spectrum::Technique;

use super::{XUnit, YUnit};

/// What a spectrum of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpectrumKind {
    /// The sample.
    Sample,
    /// The background or lamp that the sample was measured against.
    Reference,
    /// Detector signal over the path difference, before the Fourier transform.
    Interferogram,
    /// Anything else: dark, raw counts beside corrected ones ...
    Other,
}

impl SpectrumKind {
    /// The name that JSON uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Reference => "reference",
            Self::Interferogram => "interferogram",
            Self::Other => "other",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sample, Self::Reference, Self::Interferogram, Self::Other].into_iter().find(|kind| kind.name() == name)
    }
}

/// What a file says about how it was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileTechnique {
    /// A technique that this program compares.
    Known(Technique),
    /// Infrared, without a word on how the light met the sample: through it or by total reflection.
    Infrared,
    /// Anything else, in the file's words: NMR, mass, ultraviolet ...
    Other(String),
}

impl FileTechnique {
    /// Raman, the technique of most files that this program is given.
    pub const RAMAN: Self = Self::Known(Technique::Raman);
}

impl From<Technique> for FileTechnique {
    fn from(technique: Technique) -> Self {
        Self::Known(technique)
    }
}

impl fmt::Display for FileTechnique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(technique) => technique.fmt(f),
            Self::Infrared => f.write_str("infrared"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// One spectrum as stored: in file order and in the file's own units. Both arrays have the same length and hold finite
/// numbers only.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSpectrum {
    /// Title that the file states, else the file's name without ending.
    pub title: String,
    /// What it is.
    pub kind: SpectrumKind,
    /// True for a list of single peaks, which has no value between them.
    pub is_peak_table: bool,
    /// Technique, where the file states it or its dialect belongs to one.
    pub technique: Option<FileTechnique>,
    /// Unit of the axis, where stated.
    pub x_unit: Option<XUnit>,
    /// Unit of the ordinate, where stated.
    pub y_unit: Option<YUnit>,
    /// The axis. Spectra of a map share one.
    pub x: Arc<[f64]>,
    /// The ordinate.
    pub y: Vec<f64>,
    /// Indices of the points at which the detector was saturated, where the file tells.
    pub saturated: Vec<usize>,
    /// Laser wavelength, nm, where stated.
    pub laser_nm: Option<f64>,
    /// Resolution (full width at half maximum), cm-1, where stated.
    pub resolution_cm1: Option<f64>,
    /// What a reader should know, as sentences: points left out, missing corrections.
    pub notes: Vec<String>,
    /// Checks that the file carries and that failed, as sentences. Such numbers are listed but never compared.
    pub defects: Vec<String>,
}

impl FileSpectrum {
    /// True where the file says that no real sample gave it, as our own exports of emulated scans do.
    pub fn says_simulated(&self) -> bool {
        self.notes.iter().any(|note| note.trim_start().to_lowercase().starts_with("simulated"))
    }

    /// A sample without any statement about itself; readers add what the file says.
    pub(super) fn sample(title: String, x: impl Into<Arc<[f64]>>, y: Vec<f64>) -> Self {
        Self {
            title,
            kind: SpectrumKind::Sample,
            is_peak_table: false,
            technique: None,
            x_unit: None,
            y_unit: None,
            x: x.into(),
            y,
            saturated: Vec::new(),
            laser_nm: None,
            resolution_cm1: None,
            notes: Vec::new(),
            defects: Vec::new(),
        }
    }

    /// As [`FileSpectrum::sample`], for arrays whose numbers nobody has checked: points with a value that is no number
    /// are left out and counted in a note.
    pub(super) fn stored(title: String, x: &Arc<[f64]>, y: Vec<f64>) -> Self {
        let total = x.len().max(y.len());
        if x.len() == y.len() && x.iter().chain(&y).all(|v| v.is_finite()) {
            return Self::sample(title, Arc::clone(x), y);
        }
        let is_point = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        let (x, y): (Vec<f64>, Vec<f64>) = x.iter().copied().zip(y).filter(is_point).unzip();
        let mut spectrum = Self::sample(title, x, y);
        spectrum.notes.push(format!("points without a value, left out: {}", total - spectrum.y.len()));
        spectrum
    }
}
