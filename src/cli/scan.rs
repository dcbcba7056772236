//! `parcelscope scan`.
