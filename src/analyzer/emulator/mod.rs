//! Emulated devices. They speak the same bytes as the real ones and are reached only through them: in memory
//! ([`MemoryLink`]) or on a pseudo-terminal.

mod bench;
mod line;
mod log;
mod matchbox;
mod memory_link;
mod obp_sts;
mod optics;
#[cfg(unix)]
mod pty;

use std::sync::Arc;
use std::time::Duration;

use crate::spectrum::Band;

pub use bench::Bench;
pub use log::Log;
pub use matchbox::MatchBox;
pub use memory_link::MemoryLink;
pub use obp_sts::{MANUFACTURER, ObpSts};
pub use optics::{EXCITATION_NM, Gap, MAX_COUNTS, PIXELS, Unit};
#[cfg(unix)]
pub use pty::PtyHost;

use super::Clock;
use super::obp::codec::Checksum;

/// A device at the far end of a wire, driven by whoever owns its link: bytes in, bytes out, on a given time.
pub trait Device: Send {
    /// Takes bytes that the host sent, at time `now`.
    fn receive(&mut self, bytes: &[u8], now: Duration);
    /// Hands over at most `most` of the bytes that are due at time `now`; empty when there are none.
    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8>;
    /// When the next bytes may become due, if any work is under way.
    fn next_due(&self) -> Option<Duration>;

    /// Hands over all bytes that are due at time `now`.
    fn transmit(&mut self, now: Duration) -> Vec<u8> {
        self.transmit_at_most(now, usize::MAX)
    }
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

/// An emulated spectrometer and laser on wires in memory.
#[derive(Clone)]
pub struct MemoryKit {
    /// Wire to the spectrometer.
    pub spectrometer: MemoryLink,
    /// Wire to the laser.
    pub laser: MemoryLink,
    /// The optics that both share.
    pub bench: Bench,
    /// What both were told.
    pub log: Log,
}

/// Builds the emulated kit that `seed` draws, with `sample` under its probe.
pub fn memory_kit(seed: u64, gap: Gap, sample: Sample, clock: Arc<dyn Clock>) -> MemoryKit {
    let (bench, log) = (Bench::new(seed, gap, sample), Log::default());
    let spectrometer = ObpSts::new(bench.clone(), seed, Checksum::None, 115_200, log.clone());
    let laser = MatchBox::new(bench.clone(), seed, log.clone());
    MemoryKit {
        spectrometer: MemoryLink::new("emulator", spectrometer, Arc::clone(&clock)),
        laser: MemoryLink::new("emulated laser", laser, clock),
        bench,
        log,
    }
}
