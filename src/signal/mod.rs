//! Conditioning of one spectrum: despike, baseline, resampling, noise, quality.
