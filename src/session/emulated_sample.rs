//! From the name of a substance or mixture of the library to what lies under the emulated probe.
