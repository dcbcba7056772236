//! Promises of the window: the real window code, driven by accessible names.
