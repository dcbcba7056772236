//! `parcelscope ports`.
