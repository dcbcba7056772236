//! Spectrum files from disk, and the way in which commands go through several of them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::formats::{self, Choices, FileSpectrum, FormatError, MAX_FILE_BYTES, ReflectanceAs, XUnit, YUnit};
use crate::spectrum::Technique;

use super::{BAD_INPUT, Context, output};

/// What the operator states where a file is silent. What a file says is never overruled.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What the file does not say")]
pub(super) struct ChoiceArgs {
    /// The technique
    #[arg(long, value_name = "TECHNIQUE")]
    technique: Option<TechniqueChoice>,
    /// The unit of the axis
    #[arg(long, value_name = "UNIT")]
    x_unit: Option<XUnitChoice>,
    /// The unit of the ordinate
    #[arg(long, value_name = "UNIT")]
    y_unit: Option<YUnitChoice>,
    /// The laser's wavelength, nm
    #[arg(long, value_name = "NM")]
    laser_nm: Option<f64>,
    /// How reflectance is converted: absorbance for a thin layer on a mirror, kubelka-munk for a thick powder
    #[arg(long, value_name = "CONVERSION")]
    reflectance_as: Option<ReflectanceChoice>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TechniqueChoice {
    Raman,
    Sers,
    AtrFtir,
    IrTransmission,
    Nir,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum XUnitChoice {
    #[value(name = "cm-1")]
    Cm1,
    Nm,
    Um,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum YUnitChoice {
    Counts,
    Absorbance,
    Transmittance,
    PercentTransmittance,
    Reflectance,
    PercentReflectance,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReflectanceChoice {
    Absorbance,
    KubelkaMunk,
}

impl ChoiceArgs {
    /// The statements for the reader; refuses a laser that no spectrometer has.
    pub(super) fn choices(&self) -> Result<Choices, anyhow::Error> {
        if let Some(nm) = self.laser_nm.filter(|nm| !(200.0..=2_000.0).contains(nm)) {
            bail!("no spectrometer has a laser of {nm} nm; give its wavelength in nm, for example --laser-nm 785");
        }
        Ok(Choices {
            technique: self.technique.map(|technique| match technique {
                TechniqueChoice::Raman => Technique::Raman,
                TechniqueChoice::Sers => Technique::Sers,
                TechniqueChoice::AtrFtir => Technique::AtrFtir,
                TechniqueChoice::IrTransmission => Technique::IrTransmission,
                TechniqueChoice::Nir => Technique::Nir,
            }),
            x_unit: self.x_unit.map(|unit| match unit {
                XUnitChoice::Cm1 => XUnit::Cm1,
                XUnitChoice::Nm => XUnit::Nm,
                XUnitChoice::Um => XUnit::Micrometre,
            }),
            y_unit: self.y_unit.map(|unit| match unit {
                YUnitChoice::Counts => YUnit::Counts,
                YUnitChoice::Absorbance => YUnit::Absorbance,
                YUnitChoice::Transmittance => YUnit::Transmittance,
                YUnitChoice::PercentTransmittance => YUnit::TransmittancePercent,
                YUnitChoice::Reflectance => YUnit::Reflectance,
                YUnitChoice::PercentReflectance => YUnit::ReflectancePercent,
            }),
            laser_nm: self.laser_nm,
            reflectance: self.reflectance_as.map(|conversion| match conversion {
                ReflectanceChoice::Absorbance => ReflectanceAs::Absorbance,
                ReflectanceChoice::KubelkaMunk => ReflectanceAs::KubelkaMunk,
            }),
        })
    }
}

/// What a command has to say about one file.
pub(super) struct FileResult<T> {
    /// For `--json`; becomes an object.
    pub document: T,
    /// For people; ends with a line end.
    pub text: String,
}

/// One entry of the JSON document.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<T> {
    Done(T),
    Failed { file: String, error: String },
}

/// Reads every spectrum of a file. Directories, devices and files of absurd size are refused before they are read.
pub(super) fn read_spectra(path: &Path) -> Result<Vec<FileSpectrum>, anyhow::Error> {
    Ok(read_with_digest(path)?.0)
}

/// The same with the SHA-256 of the bytes that were read, lower-case hex.
pub(super) fn read_with_digest(path: &Path) -> Result<(Vec<FileSpectrum>, String), anyhow::Error> {
    let bytes = read_bytes(path)?;
    let file_name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let spectra = formats::read_bytes(&bytes, &file_name).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((spectra, formats::sha256_hex(&bytes)))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, anyhow::Error> {
    let name = path.display();
    let about = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => anyhow!("there is no file {name}; check the path"),
        ErrorKind::PermissionDenied => anyhow!("no permission to read {name}; ask its owner for access"),
        _ => anyhow::Error::from(error).context(format!("cannot read {name}")),
    };
    let metadata = fs::metadata(path).map_err(about)?;
    if metadata.is_dir() {
        bail!("{name} is a folder; name the spectrum files in it");
    }
    // A pipe or a device may never end, and opening one may wait for ever.
    if !metadata.is_file() {
        bail!("{name} is not a regular file; copy the spectrum to one");
    }
    let too_large = |bytes| anyhow::Error::from(FormatError::too_large(bytes)).context(format!("cannot read {name}"));
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(about)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Goes through files in the order given. A file that fails gets its sentence on stderr, and with `--json` an object
/// with `file` and `error`; the others are still worked on, and the exit code is then 2.
///
/// With `--json` one file gives one object and several give a list.
pub(super) fn for_each_file<T: Serialize>(
    files: &[PathBuf],
    context: &Context,
    mut work: impl FnMut(&Path) -> Result<FileResult<T>, anyhow::Error>,
) -> Result<ExitCode, anyhow::Error> {
    let mut documents = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for (i, path) in files.iter().enumerate() {
        let document = match work(path) {
            Ok(result) => {
                if !context.json {
                    let gap = if i == 0 { "" } else { "\n" };
                    output::print_text(&format!("{gap}{}", output::printable(&result.text)))?;
                }
                Entry::Done(result.document)
            }
            Err(error) if output::is_broken_pipe(&error) => return Err(error),
            Err(error) => {
                let sentence = output::sentence(&error);
                output::complain(&sentence);
                code = ExitCode::from(BAD_INPUT);
                Entry::Failed { file: path.to_string_lossy().into_owned(), error: sentence }
            }
        };
        if context.json {
            documents.push(document);
        }
    }
    if context.json {
        match documents.as_slice() {
            [only] => output::print_json(only)?,
            several => output::print_json(&several)?,
        }
    }
    Ok(code)
}
