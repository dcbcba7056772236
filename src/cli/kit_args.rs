//! How a kit on serial ports is named on the command line: for a scan, and to save it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Deserialize;

use crate::analyzer::laser::{LaserKind, LaserSetup};
use crate::analyzer::wasatch::{Calibration, CalibrationSource, WasatchOptions};
use crate::analyzer::{SpectrometerSetup, UnknownSpectrometer};
use crate::session::{KitChoice, KitParts};

/// Laser wavelength of a kit on ports where nothing states it, nm.
const USUAL_EXCITATION_NM: f64 = 785.0;
/// Largest file of settings or calibrations that is read; a list of a hundred units has less.
const MAX_BYTES: u64 = 1 << 20;

/// An instrument by the name of its protocol.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Instrument {
    /// A Raman spectrometer.
    Raman(Box<SpectrometerSetup>),
    /// A near-infrared scanner.
    Nirscan,
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raman(setup) => setup.fmt(f),
            Self::Nirscan => f.write_str("nirscan"),
        }
    }
}

impl FromStr for Instrument {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "nirscan" {
            return Ok(Self::Nirscan);
        }
        name.parse().map(|setup| Self::Raman(Box::new(setup))).map_err(|UnknownSpectrometer(name)| {
            format!("there is no instrument called '{name}'; use obp, ocean-letter, wasatch or nirscan")
        })
    }
}

/// What is said of a kit on ports beside the port of its spectrometer.
#[derive(Args, Clone, Debug)]
pub(super) struct KitArgs {
    /// Protocol of the spectrometer: obp, ocean-letter, wasatch, which has its laser on the same port, or nirscan, a
    /// near-infrared scanner with its own lamp
    #[arg(long, value_name = "KIND", default_value = "obp")]
    spectrometer: Instrument,
    /// Settings of a spectrometer whose protocol leaves some open (docs/devices.md), a TOML file
    #[arg(long, value_name = "FILE")]
    spectrometer_settings: Option<PathBuf>,
    /// Port of the laser; for a Ventana, whose laser is its own, the same port again
    #[arg(long, value_name = "PORT")]
    pub(super) laser_port: Option<String>,
    /// Protocol of the laser on --laser-port: matchbox, obis, cobolt, ondax or ventana [default: matchbox, and ventana on the
    /// port of the spectrometer]
    #[arg(long, value_name = "KIND")]
    laser: Option<LaserKind>,
    /// Line speed of the laser, where it is not the usual one; Ondax lasers need it
    #[arg(long, value_name = "BAUD")]
    laser_baud: Option<u32>,
    /// Laser wavelength of a kit on ports, in nm [default: that of a module's calibration, else 785]
    #[arg(long, value_name = "NM", value_parser = excitation)]
    pub(super) excitation_nm: Option<f64>,
    /// Power that the laser is set to before each scan, in mW, and read back; refused above what the laser says that it can
    /// give [default: as the laser is set]
    #[arg(long, value_name = "MW", value_parser = laser_power)]
    pub(super) laser_power_mw: Option<f64>,
}

impl KitArgs {
    /// The kit whose spectrometer is on `port`.
    pub(super) fn choice(self, port: String) -> Result<KitChoice, anyhow::Error> {
        let Self {
            spectrometer,
            spectrometer_settings,
            laser_port,
            laser: kind,
            laser_baud,
            excitation_nm,
            laser_power_mw,
        } = self;
        let spectrometer = match spectrometer {
            Instrument::Raman(setup) => *setup,
            Instrument::Nirscan => {
                let for_a_laser =
                    laser_port.is_some() || kind.is_some() || excitation_nm.is_some() || laser_power_mw.is_some();
                if for_a_laser || spectrometer_settings.is_some() {
                    bail!("a near-infrared scanner has no laser and no settings; name its port alone");
                }
                return Ok(KitChoice::Nir { port });
            }
        };
        let mut spectrometer_setup = match spectrometer_settings {
            None => spectrometer,
            Some(path) => read_settings(&spectrometer, &path)?,
        };
        let stated_nm = excitation_nm;
        let excitation_nm = stated_nm.unwrap_or(USUAL_EXCITATION_NM);
        if let SpectrometerSetup::Wasatch(options) = &mut spectrometer_setup {
            options.excitation_nm = stated_nm.or(options.excitation_nm);
            if laser_port.is_some() || kind.is_some_and(|kind| kind != LaserKind::Wasatch) {
                bail!(
                    "--laser-port and --laser do not go with --spectrometer wasatch: the module has its laser on its own port"
                );
            }
            let (laser, laser_setup) = (port.clone(), LaserSetup::usual(LaserKind::Wasatch));
            return Ok(KitChoice::Ports {
                spectrometer: port,
                spectrometer_setup,
                laser,
                laser_setup,
                excitation_nm,
                laser_power_mw,
            });
        }
        let Some(laser) = laser_port else {
            bail!(
                "the laser's port is missing; give it with --laser-port ('parcelscope ports' lists the ports); for a Ventana, whose laser is its own, give the same port again"
            );
        };
        if laser == port && spectrometer_setup != SpectrometerSetup::Obp {
            bail!("spectrometer and laser cannot both be on {port}; name the port of each");
        }
        let own = laser == port;
        let kind = match kind {
            Some(LaserKind::Wasatch) => bail!(
                "--laser wasatch is a laser inside a module; name the module with --spectrometer wasatch and no laser"
            ),
            Some(kind) if own != (kind == LaserKind::Ventana) => bail!(
                "--laser {} does not go with --laser-port {laser}: a Ventana's laser is on the port of its spectrometer, and no other laser is",
                kind.name()
            ),
            // One port for both says that the laser is the Ventana's own; its protocol is the spectrometer's.
            _ if own => LaserKind::default(),
            kind => kind.unwrap_or_default(),
        };
        let laser_setup = LaserSetup { kind, baud: laser_baud };
        laser_setup.baud()?;
        Ok(KitChoice::Ports {
            spectrometer: port,
            spectrometer_setup,
            laser,
            laser_setup,
            excitation_nm,
            laser_power_mw,
        })
    }
}

/// The settings in a file for the protocol that was named.
fn read_settings(named: &SpectrometerSetup, path: &Path) -> Result<SpectrometerSetup, anyhow::Error> {
    let file = path.display();
    let bytes = read_bounded(path).with_context(|| format!("the settings {file} cannot be read"))?;
    let text = String::from_utf8(bytes).ok().with_context(|| format!("{file} is no text; see docs/devices.md"))?;
    match named {
        SpectrometerSetup::Obp => {
            bail!("--spectrometer-settings does not go with obp: the device is asked for everything")
        }
        SpectrometerSetup::OceanLetter(_) => Ok(SpectrometerSetup::OceanLetter(
            toml::from_str(&text).with_context(|| format!("{file} is no file of settings; see docs/devices.md"))?,
        )),
        SpectrometerSetup::Wasatch(_) => Ok(SpectrometerSetup::Wasatch(read_wasatch(&text, path)?)),
    }
}

/// A file of a size that settings can have: neither a disk nor a pipe without end fills the memory.
fn read_bounded(path: &Path) -> Result<Vec<u8>, anyhow::Error> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("it has more than {} KiB, which no file of settings has", MAX_BYTES >> 10);
    }
    Ok(bytes)
}

/// A laser wavelength that a Raman kit can have.
fn excitation(text: &str) -> Result<f64, String> {
    let range = KitParts::EXCITATION_NM;
    let (shortest, longest) = (range.start(), range.end());
    text.parse().ok().filter(|nm| range.contains(nm)).ok_or_else(|| {
        format!(
            "'{text}' is no laser wavelength of a Raman kit; give nanometres between {shortest:.0} and {longest:.0}"
        )
    })
}

/// A laser power that a handheld kit can have.
fn laser_power(text: &str) -> Result<f64, String> {
    let range = KitParts::LASER_POWER_MW;
    let (least, most) = (range.start(), range.end());
    text.parse().ok().filter(|mw| range.contains(mw)).ok_or_else(|| {
        format!("'{text}' is no laser power of a Raman kit; give milliwatts between {least:.0} and {most:.0}")
    })
}

/// The settings of a Wasatch module. `[calibration_file]` with `path` and `serial` takes the calibration of a unit from a
/// JSON file beside the settings.
fn read_wasatch(text: &str, path: &Path) -> Result<WasatchOptions, anyhow::Error> {
    let file = path.display();
    let wrong = || format!("{file} is no file of settings; see docs/devices.md");
    let mut table: toml::Table = text.parse().with_context(wrong)?;
    let place = table.remove("calibration_file").map(toml::Value::try_into::<CalibrationPlace>).transpose();
    let place = place.with_context(wrong)?;
    let mut options: WasatchOptions = table.try_into().with_context(wrong)?;
    if let Some(CalibrationPlace { path: name, serial }) = place {
        let name = path.parent().unwrap_or(Path::new("")).join(name);
        let bytes =
            read_bounded(&name).with_context(|| format!("the calibration file {} cannot be read", name.display()))?;
        options.calibration = CalibrationSource::Given(Box::new(Calibration::from_json(&bytes, &serial)?));
    }
    if let CalibrationSource::Given(calibration) = options.calibration {
        options.calibration = CalibrationSource::Given(Box::new(calibration.checked()?));
    }
    Ok(options)
}

/// Where the calibration of a unit stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalibrationPlace {
    path: PathBuf,
    serial: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_end_are_refused_and_do_not_fill_the_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.toml");
        std::fs::write(&path, vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
        let letter = "ocean-letter".parse().unwrap();
        let refused = format!("{:#}", read_settings(&letter, &path).unwrap_err());
        assert!(refused.contains("1024 KiB") && refused.contains("settings.toml"), "{refused}");
        std::fs::write(&path, vec![b'#'; MAX_BYTES as usize]).unwrap();
        assert!(read_settings(&letter, &path).is_ok());
        #[cfg(unix)]
        assert!(read_settings(&letter, Path::new("/dev/zero")).is_err());
    }

    #[test]
    fn instruments_are_named_as_the_help_says() {
        for name in ["obp", "ocean-letter", "wasatch", "nirscan"] {
            assert_eq!(name.parse::<Instrument>().unwrap().to_string(), name);
        }
        assert!("nothing".parse::<Instrument>().unwrap_err().contains("nirscan"));
    }
}
