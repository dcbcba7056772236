//! Emulated devices. They speak the same bytes as the real ones and are reached only through them: in memory
//! ([`MemoryLink`]) or on a pseudo-terminal.

mod ascii_laser;
mod bench;
mod cobolt;
mod detector;
mod faults;
mod faulty_wire;
mod gps;
mod line;
mod log;
mod matchbox;
mod measured_sample;
mod memory_link;
mod nir_optics;
mod nirscan;
mod obis;
mod obp_device;
mod obp_messages;
mod obp_model;
mod ocean_letter;
mod ondax;
mod optics;
#[cfg(unix)]
mod pty;
mod wasatch;
mod wasatch_eeprom;

use std::sync::Arc;
use std::time::Duration;

use crate::spectrum::Band;

pub use bench::{Bench, Readout};
pub use cobolt::Cobolt;
pub use detector::Detector;
pub use faults::{Fault, Faults, UnknownFault};
pub use faulty_wire::{FaultyWire, Traffic};
pub use gps::{Gps, Position};
pub use log::Log;
pub use matchbox::MatchBox;
pub use memory_link::MemoryLink;
pub use nir_optics::NirSample;
pub use nirscan::{NirReadout, NirScan, NirWindow};
pub use obis::Obis;
pub use obp_device::{MANUFACTURER, ObpDevice, ObpUnit};
pub use obp_model::ObpModel;
pub use ocean_letter::OceanLetter;
pub use ondax::Ondax;
pub use optics::{EXCITATION_NM, Gap, Light, MAX_COUNTS, PIXELS, Unit};
#[cfg(unix)]
pub use pty::PtyHost;
pub use wasatch::{Wasatch, WasatchForm};

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
    /// Hears at which speed the host's end of the line runs, bits per second. A wire in good order does not mind.
    fn host_speed(&mut self, _baud: u32) {}
    /// The speed of the device's own end, bits per second; `None` for what has none, a wire with nothing behind it.
    fn line_speed(&self) -> Option<u32> {
        None
    }
    /// False while the cable is out: the host's port is then gone.
    fn plugged(&self) -> bool {
        true
    }

    /// Hands over all bytes that are due at time `now`.
    fn transmit(&mut self, now: Duration) -> Vec<u8> {
        self.transmit_at_most(now, usize::MAX)
    }
}

impl<D: Device + ?Sized> Device for Box<D> {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        (**self).receive(bytes, now);
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        (**self).transmit_at_most(now, most)
    }

    fn next_due(&self) -> Option<Duration> {
        (**self).next_due()
    }

    fn host_speed(&mut self, baud: u32) {
        (**self).host_speed(baud);
    }

    fn line_speed(&self) -> Option<u32> {
        (**self).line_speed()
    }

    fn plugged(&self) -> bool {
        (**self).plugged()
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
    /// Misbehaviour of the spectrometer and its wire.
    pub spectrometer_faults: Faults,
    /// Misbehaviour of the laser and its wire.
    pub laser_faults: Faults,
}

/// Builds the emulated kit that `seed` draws, with `sample` under its probe: an STS and a MatchBox.
pub fn memory_kit(seed: u64, gap: Gap, sample: Sample, clock: Arc<dyn Clock>) -> MemoryKit {
    memory_kit_of(ObpModel::Sts, seed, gap, sample, clock)
}

/// The same with another model of spectrometer. A Ventana has a laser of its own; the MatchBox is then left alone.
pub fn memory_kit_of(model: ObpModel, seed: u64, gap: Gap, sample: Sample, clock: Arc<dyn Clock>) -> MemoryKit {
    let (bench, log) = (Bench::with_detector(seed, gap, sample, model.detector()), Log::default());
    let (spectrometer_faults, laser_faults) = (Faults::none(), Faults::none());
    let unit = ObpUnit { model, serial_number: seed, checksum: Checksum::None, baud: 115_200 };
    let spectrometer = ObpDevice::new(unit, bench.clone(), log.clone(), spectrometer_faults.clone());
    let laser = MatchBox::new(bench.clone(), seed, log.clone(), laser_faults.clone());
    let spectrometer = FaultyWire::new(spectrometer, Traffic::Spectra, spectrometer_faults.clone(), seed);
    let laser = FaultyWire::new(laser, Traffic::ShortReplies, laser_faults.clone(), seed);
    MemoryKit {
        spectrometer: MemoryLink::new("emulator", spectrometer, Arc::clone(&clock)),
        laser: MemoryLink::new("emulated laser", laser, clock),
        bench,
        log,
        spectrometer_faults,
        laser_faults,
    }
}
