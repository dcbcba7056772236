//! The faults of `emulate --fault`: which device, which fault, how often.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};

use crate::analyzer::emulator::{Fault, Faults};

/// What stands in the place of a fault when the names are asked for.
pub(super) const LIST: &str = "list";
/// What precedes a fault of the laser of a kit.
const LASER: &str = "laser/";

/// The switches of the devices of one command.
#[derive(Default)]
pub(super) struct DeviceFaults {
    /// Of the spectrometer, or of the only device.
    pub device: Faults,
    /// Of the laser of a kit.
    pub laser: Faults,
}

impl DeviceFaults {
    /// Switches on what the words say: `NAME`, `NAME:TIMES`, and `laser/` before either for the laser of a kit.
    pub(super) fn from_words(words: &[String], is_kit: bool) -> Result<Self, anyhow::Error> {
        let faults = Self::default();
        for word in words {
            let (target, rest) = match word.strip_prefix(LASER) {
                Some(_) if !is_kit => bail!("'{LASER}' goes with kit only; the other devices are alone, leave it out"),
                Some(rest) => (&faults.laser, rest),
                None => (&faults.device, word.as_str()),
            };
            match rest.split_once(':') {
                None => target.switch_on(rest.parse()?),
                Some((name, times)) => {
                    let times: u32 = times.parse().ok().filter(|n| *n > 0).with_context(|| {
                        format!("'{word}' is no fault; how often it happens is a whole number like {name}:3")
                    })?;
                    target.switch_on_times(name.parse()?, times);
                }
            }
        }
        Ok(faults)
    }

    /// Plugs in whatever cable is out.
    pub(super) fn plug_in(&self) {
        self.device.plug_in();
        self.laser.plug_in();
    }

    /// Whether a cable is out.
    pub(super) fn unplugged(&self) -> bool {
        self.device.unplugged() || self.laser.unplugged()
    }
}

/// Every fault with what it does, a line each.
pub(super) fn list() -> String {
    Fault::ALL.iter().fold(String::new(), |mut text, (_, name, what)| {
        let _ = writeln!(text, "{name:<18}{what}"); // writing to a string cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str], is_kit: bool) -> Result<DeviceFaults, anyhow::Error> {
        DeviceFaults::from_words(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), is_kit)
    }

    #[test]
    fn faults_are_switched_on_by_name_and_number_on_the_device_that_is_meant() {
        let faults = parse(&["nack", "late-reply:2", "laser/interlock-open"], true).unwrap();
        assert!((0..9).all(|_| faults.device.strikes(Fault::Nack)));
        let late = (0..5).filter(|_| faults.device.strikes(Fault::LateReply)).count();
        assert_eq!(late, 2);
        assert!(faults.laser.is_on(Fault::InterlockOpen) && !faults.device.is_on(Fault::InterlockOpen));
        assert!(!faults.laser.is_on(Fault::Nack));
    }

    #[test]
    fn what_is_no_fault_is_refused_with_a_sentence_that_names_the_way_out() {
        for (words, kit, part) in [
            (&["nonsense"][..], false, "--fault list"),
            (&["nack:x"], false, "nack:3"),
            (&["nack:0"], false, "nack:3"),
            (&["laser/nack"], false, "goes with kit only"),
            (&["laser/nonsense"], true, "--fault list"),
        ] {
            let said = parse(words, kit).err().map(|e| format!("{e:#}")).unwrap_or_default();
            assert!(said.contains(part), "{words:?}: {said}");
        }
        assert_eq!(list().lines().count(), Fault::ALL.len());
    }
}
