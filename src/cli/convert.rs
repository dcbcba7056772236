//! `parcelscope convert`.
