//! What must hold for any bytes that are opened as a spectrum file: an error, or spectra that keep their invariants, take
//! little memory and read back as they were written. The fuzzer looks for bytes that break it (`fuzz/targets`, one for each
//! format); the promises replay and damage the corpus through it (`tests/promises/formats_hostile.rs`).

use std::collections::HashMap;

use parcelscope::formats::{JcampForm, read_bytes, to_csv, to_jcamp};

/// Bytes that a spectrum takes beside its numbers, generously.
const SPECTRUM_BYTES: usize = 600;
/// Bytes that any file may take.
const ALWAYS_BYTES: usize = 2 << 20;
/// Points up to which a spectrum is also written and read again.
const WRITTEN_POINTS: usize = 2_000;

/// Reads, and where that works checks what every caller relies on.
pub fn read_and_check(bytes: &[u8]) {
    let spectra = match read_bytes(bytes, "folder/name.txt") {
        Ok(spectra) => spectra,
        Err(error) => {
            assert!(error.to_string().len() > 20, "no sentence: {error}");
            return;
        }
    };
    assert!(!spectra.is_empty());
    let mut axes = HashMap::new();
    let mut taken = 0;
    for spectrum in &spectra {
        assert_eq!(spectrum.x.len(), spectrum.y.len());
        assert!(spectrum.x.iter().chain(&spectrum.y).all(|v| v.is_finite()));
        assert!(spectrum.saturated.iter().all(|i| *i < spectrum.x.len()));
        if let Err(error) = spectrum.to_spectrum() {
            assert!(error.to_string().len() > 20, "no sentence: {error}");
        }
        taken += SPECTRUM_BYTES + 8 * spectrum.y.len();
        axes.insert(spectrum.x.as_ptr(), 8 * spectrum.x.len());
    }
    taken += axes.values().sum::<usize>();
    assert!(taken < 20 * bytes.len() + ALWAYS_BYTES, "{} bytes became {taken}", bytes.len());
    if let Some(spectrum) = spectra.first().filter(|s| !s.y.is_empty() && s.x.len() < WRITTEN_POINTS) {
        let read = |form| read_bytes(to_jcamp(spectrum, form).as_bytes(), "x");
        let again = read(JcampForm::Affn).unwrap_or_else(|error| panic!("not read again: {error}"));
        assert_eq!(again.first().map(|s| &s.y), Some(&spectrum.y));
        let packed = read(JcampForm::DifDup).unwrap_or_else(|error| panic!("not read again packed: {error}"));
        assert_eq!(packed.first().map(|s| s.y.len()), Some(spectrum.y.len()));
        to_csv(spectrum);
    }
}
