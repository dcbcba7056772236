//! The note in the data folder that a laser may be on: written before emission, removed when *off* was confirmed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::analyzer::laser::LaserSetup;
use crate::analyzer::{AnalyzerError, Clock, SerialLink, TransportError, UsbDevice, list_ports};

/// How the names of markers begin and end.
const PREFIX: &str = "laser-armed-";
const SUFFIX: &str = ".json";
/// Longest marker that is read.
const LENGTH_MAX: u64 = 4_096;

/// A laser that may be on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Port of the laser.
    pub port: String,
    /// How to talk to it.
    pub setup: LaserSetup,
    /// Serial number of the laser.
    pub serial: String,
    /// The USB adapter at that port, where the system knows it: names of ports are given to other devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usb: Option<MarkedAdapter>,
}

/// The identity of a USB adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedAdapter {
    /// Vendor number.
    pub vendor: u16,
    /// Product number.
    pub product: u16,
    /// Serial number of the adapter.
    pub serial: Option<String>,
}

impl From<&UsbDevice> for MarkedAdapter {
    fn from(usb: &UsbDevice) -> Self {
        Self { vendor: usb.vendor, product: usb.product, serial: usb.serial.clone() }
    }
}

/// What became of a laser that was marked.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOn {
    /// Its marker.
    pub marker: Marker,
    /// Why it could not be commanded off, or nothing when *off* is confirmed and the marker is gone.
    pub trouble: Option<AnalyzerError>,
}

impl Marker {
    /// The marker of the laser on `port`.
    pub fn new(port: &str, setup: LaserSetup, serial: &str) -> Self {
        let usb = adapter_at(port);
        Self { port: port.to_owned(), setup, serial: serial.to_owned(), usb }
    }

    /// Place of the marker of a port.
    pub fn path(data_dir: &Path, port: &str) -> PathBuf {
        let hash = Sha256::digest(port.as_bytes());
        // The first eight bytes tell the ports of one machine apart.
        let hash = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        data_dir.join(format!("{PREFIX}{hash:016x}{SUFFIX}"))
    }

    /// Writes it; returns when it is on the disk.
    pub fn write(&self, data_dir: &Path) -> io::Result<()> {
        let mut file = File::create(Self::path(data_dir, &self.port))?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        file.sync_all()
    }

    /// Removes the marker of a port, where there is one.
    pub fn remove(data_dir: &Path, port: &str) -> io::Result<()> {
        match fs::remove_file(Self::path(data_dir, port)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All markers of a folder. A file that cannot be read as one is left where it is.
    pub fn list(data_dir: &Path) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(data_dir) else { return Vec::new() };
        let named = entries.filter_map(Result::ok).filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(PREFIX) && name.ends_with(SUFFIX)
        });
        let mut found: Vec<Self> = named
            .filter(|entry| entry.metadata().is_ok_and(|data| data.is_file() && data.len() <= LENGTH_MAX))
            .filter_map(|entry| {
                let text = fs::read_to_string(entry.path()).ok()?;
                serde_json::from_str(&text)
                    .inspect_err(|error| tracing::warn!(file = %entry.path().display(), %error, "not a laser's marker"))
                    .ok()
            })
            .collect();
        found.sort_by(|a, b| a.port.cmp(&b.port));
        found
    }

    /// Where the marked laser is now: the port whose adapter is the marked one, or the marked port where none was known.
    fn present_port(&self) -> Result<String, TransportError> {
        let Some(usb) = &self.usb else { return Ok(self.port.clone()) };
        let here = |port: &String| adapter_at(port).as_ref() == Some(usb);
        if here(&self.port) {
            return Ok(self.port.clone());
        }
        let ports = list_ports().unwrap_or_default();
        let found = ports.into_iter().find(|port| port.usb.as_ref().map(MarkedAdapter::from).as_ref() == Some(usb));
        found.map(|port| port.name).ok_or_else(|| TransportError::NotFound { port: self.port.clone() })
    }
}

/// The USB adapter behind a port, where the system knows one.
fn adapter_at(port: &str) -> Option<MarkedAdapter> {
    let ports = list_ports().ok()?;
    ports.iter().find(|listed| listed.name == port)?.usb.as_ref().map(MarkedAdapter::from)
}

/// Commands *off* on every port that a marker of the folder names: what a start does before anything else. A laser that
/// another running program holds is left to it.
pub fn extinguish_left_on(data_dir: &Path, clock: &Arc<dyn Clock>) -> Vec<LeftOn> {
    extinguish_marked(data_dir, clock, |_| true)
}

/// The same for one port only: what the program does when the guardian of that port has ended.
pub(super) fn extinguish_port(port: &str, data_dir: &Path, clock: &Arc<dyn Clock>) -> Vec<LeftOn> {
    extinguish_marked(data_dir, clock, |marker| marker.port == port)
}

fn extinguish_marked(data_dir: &Path, clock: &Arc<dyn Clock>, which: impl Fn(&Marker) -> bool) -> Vec<LeftOn> {
    let extinguish = |marker: &Marker| -> Result<(), AnalyzerError> {
        let port = marker.present_port()?;
        let link = SerialLink::open(&port, marker.setup.baud()?, Arc::clone(clock))?;
        // Opening commands off and succeeds only when it was read back.
        drop(marker.setup.open(Box::new(link), Arc::clone(clock))?);
        if let Err(error) = Marker::remove(data_dir, &marker.port) {
            tracing::warn!(%error, port = marker.port, "the marker of a laser that is off cannot be removed");
        }
        Ok(())
    };
    let markers = Marker::list(data_dir).into_iter().filter(which);
    markers.map(|marker| LeftOn { trouble: extinguish(&marker).err(), marker }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::SystemClock;
    use crate::analyzer::laser::LaserKind;

    #[test]
    fn a_marker_is_found_again_and_removed_once() {
        let dir = tempfile::tempdir().unwrap();
        let marker = Marker::new("/dev/nothing", LaserSetup::usual(LaserKind::Obis), "123");
        marker.write(dir.path()).unwrap();
        fs::write(dir.path().join("laser-armed-broken.json"), "{").unwrap();
        fs::write(dir.path().join("other.json"), "{}").unwrap();
        assert_eq!(Marker::list(dir.path()), std::slice::from_ref(&marker));
        assert_ne!(Marker::path(dir.path(), "/dev/a"), Marker::path(dir.path(), "/dev/b"));
        Marker::remove(dir.path(), &marker.port).unwrap();
        Marker::remove(dir.path(), &marker.port).unwrap();
        assert!(Marker::list(dir.path()).is_empty());
    }

    #[test]
    fn a_laser_that_is_not_there_keeps_its_marker_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        Marker::new("/dev/nothing", LaserSetup::usual(LaserKind::Obis), "123").write(dir.path()).unwrap();
        let left = extinguish_left_on(dir.path(), &clock);
        assert!(left.iter().all(|left| left.trouble.is_some()) && left.len() == 1, "{left:?}");
        assert_eq!(Marker::list(dir.path()).len(), 1);
    }
}
