//! Misbehaviour that can be switched on in an emulated device while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

/// One way in which a device or its wire fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Every read hands over a single byte.
    OneByteReads,
    /// Bytes that belong to no message precede the next reply.
    LeadingNoise,
    /// One byte is lost on the wire, mostly of a reply.
    DroppedByte,
    /// One byte of a reply is changed on the wire.
    ChangedByte,
    /// The checksum of a reply does not fit.
    WrongChecksum,
    /// The last bytes of a reply are not the protocol's footer or terminator.
    WrongFooter,
    /// The device refuses a request.
    Nack,
    /// A reply comes after the deadline of its request.
    LateReply,
    /// A reply never comes.
    MissingReply,
    /// A reply announces more data than the protocol allows.
    OversizedLength,
    /// A reply answers another request than the one that was sent.
    WrongType,
    /// The device talks at another line speed than the port is set to.
    BaudMismatch,
    /// The cable is pulled while a spectrum is on its way.
    UnplugMidSpectrum,
    /// The device restarts between two commands and forgets its settings.
    ResetBetweenCommands,
    /// Another unit answers after a reconnection.
    OtherSerial,
    /// The laser emits, but reads back as off.
    OnButReadsOff,
    /// The interlock is open.
    InterlockOpen,
    /// The device wants a higher access level for the command.
    AccessLevel,
    /// The detector saturates.
    Saturation,
    /// The cooler does not reach its temperature.
    TecUnstable,
}

impl Fault {
    /// Every fault with the name that the command line knows and what it does.
    pub const ALL: [(Self, &'static str, &'static str); 20] = [
        (Self::OneByteReads, "one-byte-reads", "every read hands over a single byte"),
        (Self::LeadingNoise, "leading-noise", "stray bytes precede a reply"),
        (Self::DroppedByte, "dropped-byte", "one byte is lost on the wire"),
        (Self::ChangedByte, "changed-byte", "one byte of a reply is changed on the wire"),
        (Self::WrongChecksum, "wrong-checksum", "the checksum of a reply does not fit"),
        (Self::WrongFooter, "wrong-footer", "the end of a reply is not the protocol's"),
        (Self::Nack, "nack", "the device refuses requests"),
        (Self::LateReply, "late-reply", "a reply comes after its deadline"),
        (Self::MissingReply, "missing-reply", "a reply never comes"),
        (Self::OversizedLength, "oversized-length", "a reply announces more data than allowed"),
        (Self::WrongType, "wrong-type", "a reply answers another request"),
        (Self::BaudMismatch, "baud-mismatch", "the device talks at another line speed"),
        (Self::UnplugMidSpectrum, "unplug", "the cable is pulled while a spectrum is on its way"),
        (Self::ResetBetweenCommands, "reset", "the device restarts between two commands"),
        (Self::OtherSerial, "other-serial", "another unit answers after a reconnection"),
        (Self::OnButReadsOff, "on-but-reads-off", "the laser emits but reads back as off"),
        (Self::InterlockOpen, "interlock-open", "the laser's interlock is open"),
        (Self::AccessLevel, "access-level", "the device wants a higher access level"),
        (Self::Saturation, "saturation", "the detector saturates"),
        (Self::TecUnstable, "tec-unstable", "the cooler does not reach its temperature"),
    ];

    /// Whether the wire does it, whatever the device; the others are done by the devices to which they apply.
    pub const fn is_of_the_wire(self) -> bool {
        matches!(
            self,
            Self::OneByteReads
                | Self::LeadingNoise
                | Self::DroppedByte
                | Self::ChangedByte
                | Self::LateReply
                | Self::MissingReply
                | Self::BaudMismatch
                | Self::UnplugMidSpectrum
        )
    }

    /// The name that the command line knows.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(fault, ..)| *fault == self).map_or("unknown", |(_, name, _)| name)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no fault called '{0}'; '--fault list' names them")]
pub struct UnknownFault(pub String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.iter().find(|(_, known, _)| *known == name);
        found.map(|(fault, ..)| *fault).ok_or_else(|| UnknownFault(name.to_owned()))
    }
}

/// The switches of one device. Clones are the same switches, so that a test or a command can turn them while it runs.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// How often each fault still happens; `None` is for ever.
    switched_on: Arc<Mutex<BTreeMap<Fault, Option<u32>>>>,
    /// How often each fault has happened.
    struck: Arc<Mutex<BTreeMap<Fault, u32>>>,
    /// The cable is out.
    unplugged: Arc<AtomicBool>,
}

impl Faults {
    /// No fault.
    pub fn none() -> Self {
        Self::default()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<Fault, Option<u32>>> {
        // A map of numbers cannot be left half changed by a panic elsewhere.
        self.switched_on.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches a fault on until it is cleared.
    pub fn switch_on(&self, fault: Fault) {
        self.map().insert(fault, None);
    }

    /// Lets a fault happen `times` times.
    pub fn switch_on_times(&self, fault: Fault, times: u32) {
        self.map().insert(fault, Some(times));
    }

    /// Switches everything off and plugs the cable in.
    pub fn clear(&self) {
        self.map().clear();
        self.plug_in();
    }

    /// Pulls the cable.
    pub fn unplug(&self) {
        self.unplugged.store(true, Ordering::SeqCst);
    }

    /// Plugs the cable in again.
    pub fn plug_in(&self) {
        self.unplugged.store(false, Ordering::SeqCst);
    }

    /// Whether the cable is out.
    pub fn unplugged(&self) -> bool {
        self.unplugged.load(Ordering::SeqCst)
    }

    /// Whether a fault is on, without using up an occurrence.
    pub fn is_on(&self, fault: Fault) -> bool {
        self.map().get(&fault).is_some_and(|left| *left != Some(0))
    }

    /// Whether a fault that is a state holds now, where the device shows it: counted as one occurrence, none used up.
    pub fn shows(&self, fault: Fault) -> bool {
        let shown = self.is_on(fault);
        if shown {
            self.count(fault);
        }
        shown
    }

    fn count(&self, fault: Fault) {
        *self.struck.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
    }

    /// Whether a fault happens now; uses up one occurrence.
    pub fn strikes(&self, fault: Fault) -> bool {
        match self.map().get_mut(&fault) {
            None | Some(Some(0)) => return false,
            Some(None) => {}
            Some(Some(left)) => *left -= 1,
        }
        self.count(fault);
        true
    }

    /// How often a fault has happened ([`Self::strikes`]) or was shown ([`Self::shows`]).
    pub fn times_struck(&self, fault: Fault) -> u32 {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).get(&fault).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name() {
        for (fault, name, _) in Fault::ALL {
            assert_eq!(name.parse(), Ok(fault));
            assert_eq!(fault.name(), name);
        }
        assert!("nonsense".parse::<Fault>().is_err());
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_was_told() {
        let faults = Faults::none();
        assert!(!faults.strikes(Fault::Nack));
        faults.switch_on_times(Fault::Nack, 2);
        let other = faults.clone();
        assert!(other.strikes(Fault::Nack) && other.strikes(Fault::Nack) && !faults.strikes(Fault::Nack));
        faults.switch_on(Fault::Nack);
        assert!((0..10).all(|_| faults.strikes(Fault::Nack)));
        assert_eq!((other.times_struck(Fault::Nack), other.times_struck(Fault::LateReply)), (12, 0));
        other.clear();
        assert!(!faults.is_on(Fault::Nack));
    }
}
