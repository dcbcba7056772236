//! `parcelscope evaluate`.
