//! `parcelscope emulate`.
