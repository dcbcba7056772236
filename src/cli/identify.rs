//! `parcelscope identify`.
