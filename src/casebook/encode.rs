//! A record as the columns of its row, and back. Everything that a record is made of passes here and nowhere else.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use crate::analyzer::Acquisition;
use crate::identify::{Answer, Level};

use super::payload::{Codec, Packer};
use super::settings::{Settings, SpectrumSettings, at_end, split_exposure};
use super::{ScanKind, ScanRecord, ScanSummary};

/// Largest packed part that is read.
const PACKED_BYTES_MAX: i64 = 64 << 20;

/// The columns of `scan`: number, number of the ledger entry, what the list of records shows and searches, and the
/// digests of the parts.
pub(super) const SCAN_COLUMNS: [&str; 25] = [
    "id",
    "seq",
    "taken_at",
    "operator",
    "parcel",
    "level",
    "rule",
    "headline",
    "simulated",
    "emulated_sample",
    "spectrometer_model",
    "spectrometer_serial",
    "laser_model",
    "laser_serial",
    "program_version",
    "engine",
    "library_name",
    "library_version",
    "library_sha256",
    "settings_sha256",
    "answer_sha256",
    "dark_counts_sha256",
    "light_counts_sha256",
    "spectrum_sha256",
    "kind",
];

/// The large parts of a scan with the way in which each is packed, in the order of their numbers in `part` and of their
/// digests in `scan`.
pub(super) const PARTS: [(&str, Codec); 5] = [
    ("settings", Codec::Deflate),
    ("answer", Codec::Deflate),
    ("dark_counts", Codec::Words),
    ("light_counts", Codec::Words),
    ("spectrum", Codec::Floats),
];

/// Number of part `index` (from 0) of a scan in the table `part`.
pub(super) fn part_id(scan_id: i64, index: usize) -> i64 {
    scan_id.saturating_sub(1).saturating_mul(PARTS.len() as i64).saturating_add(1 + index as i64)
}

/// One record as it stands in its row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Encoded {
    taken_at: String,
    operator: String,
    parcel: String,
    level: String,
    rule: String,
    headline: String,
    simulated: bool,
    kind: Option<String>,
    emulated_sample: Option<String>,
    spectrometer_model: String,
    spectrometer_serial: String,
    laser_model: String,
    laser_serial: String,
    program_version: String,
    engine: String,
    library_name: String,
    library_version: String,
    library_sha256: String,
    settings: String,
    answer: String,
    dark_counts: Vec<u8>,
    light_counts: Vec<u8>,
    spectrum: Vec<u8>,
}

/// Name of a level in the column `level`.
pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::Alarm => "alarm",
        Level::Alert => "alert",
        Level::Inconclusive => "inconclusive",
        Level::NoneDetected => "none-detected",
    }
}

pub(super) fn level_from_name(name: &str) -> Result<Level, String> {
    [Level::Alarm, Level::Alert, Level::Inconclusive, Level::NoneDetected]
        .into_iter()
        .find(|level| level_name(*level) == name)
        .ok_or_else(|| format!("the level '{name}' does not exist"))
}

/// What the column `kind` holds: nothing for a sample.
fn kind_column(kind: ScanKind) -> Option<&'static str> {
    (kind != ScanKind::Sample).then(|| kind.name())
}

pub(super) fn kind_from_column(column: Option<&str>) -> Result<ScanKind, String> {
    column.map_or(Ok(ScanKind::Sample), |name| name.parse().map_err(|_| format!("the kind '{name}' does not exist")))
}

/// A column that holds 0 or 1 and nothing else.
fn flag(row: &Row<'_>, column: &str) -> rusqlite::Result<bool> {
    match row.get(column)? {
        0_i64 => Ok(false),
        1 => Ok(true),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(row.as_ref().column_index(column)?, other)),
    }
}

pub(super) fn time_from_text(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|e| format!("the time '{text}' cannot be read ({e})"))
}

fn little_endian(counts: &[u32]) -> impl Iterator<Item = u8> {
    counts.iter().flat_map(|c| c.to_le_bytes())
}

impl Encoded {
    /// The columns of `record`. Fails when the columns would not give back the very same record (a number that is not
    /// finite, for example): what cannot be read back is no evidence.
    pub(super) fn new(record: &ScanRecord) -> Result<Self, String> {
        let ScanRecord {
            taken_at,
            operator,
            standing,
            parcel,
            subject,
            time_source,
            last_blank,
            emulated_sample,
            acquisition,
            answer,
            program_version,
        } = record;
        let Acquisition {
            spectrometer,
            laser,
            excitation_nm,
            wavelength_coefficients_nm,
            dark,
            light,
            spectrum,
            simulated,
            conditions,
        } = acquisition;
        let (dark_settings, dark_counts) = split_exposure(dark);
        let (light_settings, light_counts): (Vec<_>, Vec<_>) = light.iter().map(split_exposure).unzip();
        let settings = Settings {
            spectrometer: spectrometer.clone(),
            laser: laser.clone(),
            excitation_nm: *excitation_nm,
            wavelength_coefficients_nm: wavelength_coefficients_nm.clone(),
            simulated: *simulated,
            conditions: conditions.clone(),
            standing: *standing,
            subject: subject.clone(),
            time_source: *time_source,
            last_blank: last_blank.clone(),
            dark: dark_settings,
            light: light_settings,
            spectrum: SpectrumSettings {
                technique: spectrum.technique(),
                points: spectrum.axis_cm1().len(),
                has_noise: spectrum.noise_sd().is_some(),
                saturated: spectrum.saturated().to_vec(),
                resolution_cm1: spectrum.resolution_cm1(),
            },
        };
        let floats = spectrum.axis_cm1().iter().chain(spectrum.intensity()).chain(spectrum.noise_sd().unwrap_or(&[]));
        let encoded = Self {
            taken_at: format!("{taken_at:.9}"),
            operator: operator.clone(),
            parcel: parcel.clone(),
            level: level_name(answer.verdict.level()).to_owned(),
            rule: answer.verdict.rule().to_owned(),
            headline: answer.verdict.headline().to_owned(),
            simulated: *simulated,
            kind: kind_column(subject.kind).map(str::to_owned),
            emulated_sample: emulated_sample.clone(),
            spectrometer_model: spectrometer.model.clone(),
            spectrometer_serial: spectrometer.serial.clone(),
            laser_model: laser.model.clone(),
            laser_serial: laser.serial.clone(),
            program_version: program_version.clone(),
            engine: answer.engine.clone(),
            library_name: answer.library.name.clone(),
            library_version: answer.library.version.clone(),
            library_sha256: answer.library.sha256.clone(),
            settings: serde_json::to_string(&settings).map_err(|e| e.to_string())?,
            answer: serde_json::to_string(answer).map_err(|e| e.to_string())?,
            dark_counts: little_endian(dark_counts).collect(),
            light_counts: light_counts.into_iter().flat_map(little_endian).collect(),
            spectrum: floats.flat_map(|x| x.to_le_bytes()).collect(),
        };
        if encoded.decode()? == *record {
            Ok(encoded)
        } else {
            Err("it would not read back as the same record".to_owned())
        }
    }

    /// Packs the parts, which takes the longest and therefore happens before the casebook is locked.
    pub(super) fn pack(&self, packer: &mut Packer) -> rusqlite::Result<Packed<'_>> {
        let plain = self.parts();
        let mut packed: [Vec<u8>; PARTS.len()] = Default::default();
        for ((place, (_, codec)), plain) in packed.iter_mut().zip(PARTS).zip(plain) {
            *place = packer.pack(codec, plain).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        }
        Ok(Packed { encoded: self, digests: plain.map(|plain| Sha256::digest(plain).into()), parts: packed })
    }

    /// The parts in the order of [`PARTS`].
    pub(super) fn parts(&self) -> [&[u8]; PARTS.len()] {
        [self.settings.as_bytes(), self.answer.as_bytes(), &self.dark_counts, &self.light_counts, &self.spectrum]
    }

    /// Reads the row of number `id` and its parts. The outer error is SQLite's, the inner says what makes no sense.
    pub(super) fn read(connection: &Connection, id: i64) -> rusqlite::Result<Result<Self, String>> {
        let mut parts: [Vec<u8>; PARTS.len()] = Default::default();
        let mut statement =
            connection.prepare_cached("SELECT name, codec, octet_length(bytes), bytes FROM part WHERE id = ?1")?;
        for (index, (place, (name, _))) in parts.iter_mut().zip(PARTS).enumerate() {
            let found = statement.query_row([part_id(id, index)], |row| {
                if row.get::<_, i64>(2)? > PACKED_BYTES_MAX {
                    return Ok(Err("is larger than any scan".to_owned()));
                }
                let stored: String = row.get(0)?;
                let codec: String = row.get(1)?;
                Ok(match Codec::from_name(&codec) {
                    Some(codec) if stored == name => codec.unpack(row.get_ref(3)?.as_blob()?),
                    _ => Err("has another name or packing than it should".to_owned()),
                })
            });
            match found.optional()? {
                Some(Ok(plain)) => *place = plain,
                Some(Err(what)) => return Ok(Err(format!("its part {name}: {what}"))),
                None => return Ok(Err(format!("its part {name} is missing"))),
            }
        }
        let sql = format!("SELECT {} FROM scan WHERE id = ?1", SCAN_COLUMNS.join(", "));
        connection.prepare_cached(&sql)?.query_row([id], |row| Self::from_row(row, parts))
    }

    /// Builds it from a row with the columns of `scan` and the unpacked parts; the inner error is a part that is not the
    /// one whose digest the row holds.
    fn from_row(row: &Row<'_>, parts: [Vec<u8>; PARTS.len()]) -> rusqlite::Result<Result<Self, String>> {
        for (plain, (name, _)) in parts.iter().zip(PARTS) {
            let stated: [u8; 32] = row.get(format!("{name}_sha256").as_str())?;
            if stated != <[u8; 32]>::from(Sha256::digest(plain)) {
                return Ok(Err(format!(
                    "its part {name} was changed: it is not the one whose digest the record holds"
                )));
            }
        }
        let [settings, answer, dark_counts, light_counts, spectrum] = parts;
        let (Ok(settings), Ok(answer)) = (String::from_utf8(settings), String::from_utf8(answer)) else {
            return Ok(Err("its settings or its answer are not text".to_owned()));
        };
        Self::with_parts(row, row.get("kind")?, settings, answer, [dark_counts, light_counts, spectrum]).map(Ok)
    }

    /// The columns that every form of the database has, with the parts that each keeps in its own way.
    fn with_parts(
        row: &Row<'_>,
        kind: Option<String>,
        settings: String,
        answer: String,
        arrays: [Vec<u8>; 3],
    ) -> rusqlite::Result<Self> {
        let [dark_counts, light_counts, spectrum] = arrays;
        Ok(Self {
            taken_at: row.get("taken_at")?,
            operator: row.get("operator")?,
            parcel: row.get("parcel")?,
            level: row.get("level")?,
            rule: row.get("rule")?,
            headline: row.get("headline")?,
            simulated: flag(row, "simulated")?,
            kind,
            emulated_sample: row.get("emulated_sample")?,
            spectrometer_model: row.get("spectrometer_model")?,
            spectrometer_serial: row.get("spectrometer_serial")?,
            laser_model: row.get("laser_model")?,
            laser_serial: row.get("laser_serial")?,
            program_version: row.get("program_version")?,
            engine: row.get("engine")?,
            library_name: row.get("library_name")?,
            library_version: row.get("library_version")?,
            library_sha256: row.get("library_sha256")?,
            settings,
            answer,
            dark_counts,
            light_counts,
            spectrum,
        })
    }

    /// Reads a row of the first form of the database, which held the parts in its own columns.
    pub(super) fn from_row_1(row: &Row<'_>) -> rusqlite::Result<Self> {
        let arrays = [row.get("dark_counts")?, row.get("light_counts")?, row.get("spectrum")?];
        Self::with_parts(row, None, row.get("settings")?, row.get("answer")?, arrays)
    }

    /// Wall time of the scan as it stands in the row.
    pub(super) fn taken_at(&self) -> &str {
        &self.taken_at
    }

    /// The record. Fails when the row contradicts itself: a blob of another length than the settings say, or a list
    /// column that says something else than the JSON.
    pub(super) fn decode(&self) -> Result<ScanRecord, String> {
        let settings: Settings =
            serde_json::from_str(&self.settings).map_err(|e| format!("the settings cannot be read ({e})"))?;
        let answer: Answer =
            serde_json::from_str(&self.answer).map_err(|e| format!("the answer cannot be read ({e})"))?;
        let mut rest = self.dark_counts.as_slice();
        let dark = settings.dark.join(&mut rest)?;
        at_end(rest, "dark counts")?;
        let mut rest = self.light_counts.as_slice();
        let light = settings.light.into_iter().map(|s| s.join(&mut rest)).collect::<Result<Vec<_>, _>>()?;
        at_end(rest, "light counts")?;
        let record = ScanRecord {
            taken_at: time_from_text(&self.taken_at)?,
            operator: self.operator.clone(),
            standing: settings.standing,
            parcel: self.parcel.clone(),
            subject: settings.subject,
            time_source: settings.time_source,
            last_blank: settings.last_blank,
            emulated_sample: self.emulated_sample.clone(),
            acquisition: Acquisition {
                spectrometer: settings.spectrometer,
                laser: settings.laser,
                excitation_nm: settings.excitation_nm,
                wavelength_coefficients_nm: settings.wavelength_coefficients_nm,
                dark,
                light,
                spectrum: settings.spectrum.join(&self.spectrum)?,
                simulated: settings.simulated,
                conditions: settings.conditions,
            },
            answer,
            program_version: self.program_version.clone(),
        };
        self.agree(&record)?;
        Ok(record)
    }

    /// Holds the columns of the list against what they were copied from.
    fn agree(&self, record: &ScanRecord) -> Result<(), String> {
        let (answer, acquisition) = (&record.answer, &record.acquisition);
        let pairs = [
            ("level", self.level.as_str(), level_name(answer.verdict.level())),
            ("rule", &self.rule, answer.verdict.rule()),
            ("headline", &self.headline, answer.verdict.headline()),
            ("spectrometer_model", &self.spectrometer_model, &acquisition.spectrometer.model),
            ("spectrometer_serial", &self.spectrometer_serial, &acquisition.spectrometer.serial),
            ("laser_model", &self.laser_model, &acquisition.laser.model),
            ("laser_serial", &self.laser_serial, &acquisition.laser.serial),
            ("engine", &self.engine, &answer.engine),
            ("library_name", &self.library_name, &answer.library.name),
            ("library_version", &self.library_version, &answer.library.version),
            ("library_sha256", &self.library_sha256, &answer.library.sha256),
        ];
        for (column, stored, original) in pairs {
            if stored != original {
                return Err(format!("the column {column} says '{stored}', the record itself '{original}'"));
            }
        }
        if self.kind.as_deref() != kind_column(record.subject.kind) {
            return Err("the column kind contradicts the record itself".to_owned());
        }
        if self.simulated != acquisition.simulated {
            return Err("the column simulated contradicts the record itself".to_owned());
        }
        Ok(())
    }
}

/// A record that is ready to be written.
pub(super) struct Packed<'a> {
    encoded: &'a Encoded,
    digests: [[u8; 32]; PARTS.len()],
    parts: [Vec<u8>; PARTS.len()],
}

impl Packed<'_> {
    /// Number of the record that is this one already: the same time, operator, parcel and parts.
    pub(super) fn find(&self, connection: &Connection) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT id FROM scan WHERE taken_at = ?1 AND operator = ?2 AND parcel = ?3 AND settings_sha256 = ?4 \
                   AND answer_sha256 = ?5 AND dark_counts_sha256 = ?6 AND light_counts_sha256 = ?7 AND spectrum_sha256 = ?8";
        let Self { encoded, digests, .. } = self;
        let Encoded { taken_at, operator, parcel, .. } = encoded;
        let [settings, answer, dark, light, spectrum] = digests;
        let values = params![taken_at, operator, parcel, settings, answer, dark, light, spectrum];
        connection.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()
    }

    /// Writes the row and its parts.
    pub(super) fn insert(&self, connection: &Connection, id: i64, seq: i64) -> rusqlite::Result<()> {
        let Self { encoded, digests, parts } = self;
        let marks = vec!["?"; SCAN_COLUMNS.len()].join(", ");
        let sql = format!("INSERT INTO scan ({}) VALUES ({marks})", SCAN_COLUMNS.join(", "));
        connection.prepare_cached(&sql)?.execute(params![
            id,
            seq,
            encoded.taken_at,
            encoded.operator,
            encoded.parcel,
            encoded.level,
            encoded.rule,
            encoded.headline,
            encoded.simulated,
            encoded.emulated_sample,
            encoded.spectrometer_model,
            encoded.spectrometer_serial,
            encoded.laser_model,
            encoded.laser_serial,
            encoded.program_version,
            encoded.engine,
            encoded.library_name,
            encoded.library_version,
            encoded.library_sha256,
            digests[0],
            digests[1],
            digests[2],
            digests[3],
            digests[4],
            encoded.kind,
        ])?;
        let mut statement = connection
            .prepare_cached("INSERT INTO part (id, scan_id, name, codec, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for (index, ((name, codec), packed)) in PARTS.into_iter().zip(parts).enumerate() {
            statement.execute(params![part_id(id, index), id, name, codec.name(), packed])?;
        }
        Ok(())
    }
}

/// A line of the list from a row with the columns of [`ScanSummary`]; the inner error is a value that makes no sense.
pub(super) fn summary_from_row(row: &Row<'_>) -> rusqlite::Result<Result<ScanSummary, String>> {
    let id: i64 = row.get("id")?;
    let taken_at: String = row.get("taken_at")?;
    let level: String = row.get("level")?;
    let (operator, parcel) = (row.get("operator")?, row.get("parcel")?);
    let (headline, simulated) = (row.get("headline")?, flag(row, "simulated")?);
    let kind: Option<String> = row.get("kind")?;
    let summary = || {
        let taken_at = time_from_text(&taken_at)?;
        let level = level_from_name(&level)?;
        let kind = kind_from_column(kind.as_deref())?;
        Ok(ScanSummary { id, taken_at, operator, parcel, level, headline, simulated, kind })
    };
    Ok(summary().map_err(|what: String| format!("record {id}: {what}")))
}

#[cfg(test)]
impl Encoded {
    /// A row that the table accepts, with `bytes` of dark counts that no codec makes smaller.
    pub(super) fn example(bytes: usize) -> Self {
        let text = || "x".to_owned();
        Self {
            taken_at: text(),
            operator: text(),
            parcel: text(),
            level: "alarm".to_owned(),
            rule: text(),
            headline: text(),
            simulated: true,
            kind: None,
            emulated_sample: None,
            spectrometer_model: text(),
            spectrometer_serial: text(),
            laser_model: text(),
            laser_serial: text(),
            program_version: text(),
            engine: text(),
            library_name: text(),
            library_version: text(),
            library_sha256: text(),
            settings: text(),
            answer: text(),
            dark_counts: std::iter::successors(Some(1_u32), |x| {
                Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
            })
            .map(|x| (x >> 24) as u8)
            .take(bytes)
            .collect(),
            light_counts: Vec::new(),
            spectrum: Vec::new(),
        }
    }
}
