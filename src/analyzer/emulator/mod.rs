//! Emulated devices. They speak the same bytes as the real ones and are reached only through them: in memory
//! (`MemoryLink`) or on a pseudo-terminal.

use std::time::Duration;

use crate::spectrum::Band;

/// A device at the far end of a wire, driven by whoever owns its link: bytes in, bytes out, on a given time.
pub trait Device: Send {
    /// Takes bytes that the host sent, at time `now`.
    fn receive(&mut self, bytes: &[u8], now: Duration);
    /// Hands over the bytes that are due at time `now`; empty when there are none.
    fn transmit(&mut self, now: Duration) -> Vec<u8>;
    /// When the next bytes may become due, if any work is under way.
    fn next_due(&self) -> Option<Duration>;
}

/// What lies under the emulated probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name for messages and records.
    pub name: String,
    /// Parts of the sample; none means an empty probe.
    pub parts: Vec<SamplePart>,
}

/// One substance of an emulated sample.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplePart {
    /// Share of the signal, 0..=1.
    pub share: f64,
    /// Raman bands of the substance.
    pub bands: Vec<Band>,
}
