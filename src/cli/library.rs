//! `parcelscope library`.
