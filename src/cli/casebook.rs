//! `parcelscope casebook`.
