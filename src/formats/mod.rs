//! Spectrum files in and out.
