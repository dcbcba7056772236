//! Finds without persons: what helps to recognise the same source elsewhere, and which finds are alike.
//!
//! Nothing that a person typed gets in: substances are those of the library, everything about the parcel is a fixed word
//! or a code ([`Shipment`]), the time is a week and the weight a range.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::casebook::{ScanRecord, Shipment, Statement, StoredEvent, StoredScan};
use crate::library::Library;
use crate::signal::prepare;

use super::ReportError;
use super::laboratory::{LaboratoryOutcome, LaboratoryResult};
use super::outcome::{kind_of, standing_result};

/// Least likeness of composition and of spectrum for two finds to be suggested as related. Chosen so that a few per cent of
/// share do not part two scans of one powder; not tested on seizures of known source.
const COMPOSITION_MIN: f64 = 0.9;
/// See [`COMPOSITION_MIN`].
const SPECTRUM_MIN: f64 = 0.9;
/// Steps of the exported signal in its highest value.
const SIGNAL_STEPS: f64 = 1e4;
/// Upper ends of the ranges of weight, grams: an exact one could lead to a parcel.
const WEIGHTS_G: [u32; 7] = [50, 100, 500, 1_000, 2_000, 5_000, 20_000];

/// A substance that was named, without where and by whom.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundSubstance {
    /// Name in the library.
    pub substance: String,
    /// CAS number.
    pub cas: Option<String>,
    /// Groups; empty for one that only the laboratory named.
    pub groups: Vec<String>,
    /// Form; empty where it was not determined.
    pub form: String,
    /// Share of the weight that the laboratory measured, per cent.
    pub weight_percent: Option<f64>,
}

/// A find: no operator, parcel, device, record number, place or exact time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Find {
    /// ISO week, as `2026-W48`.
    pub week: String,
    /// What the scan named.
    pub named: Vec<FoundSubstance>,
    /// Share of the signal by substance, from the fit of the scan.
    pub composition: BTreeMap<String, f64>,
    /// What the laboratory found, as far as the library knows it.
    pub laboratory: Vec<FoundSubstance>,
    /// Further substances of the laboratory, which the library does not know; their names are not shared.
    pub laboratory_others: usize,
    /// How it was hidden.
    pub concealment: Option<&'static str>,
    /// What was declared.
    pub declared: Option<&'static str>,
    /// Code of the Harmonized System.
    pub hs_code: Option<String>,
    /// Countries from the sender to the addressee.
    pub route: Vec<String>,
    /// Range of the gross weight, grams.
    pub weight_g: Option<String>,
    /// First point of the signal, cm-1.
    pub first_cm1: f64,
    /// Step of the signal, cm-1.
    pub step_cm1: f64,
    /// The scan without its background, highest value 1, four decimals.
    pub signal: Vec<f64>,
    /// Place of the first point on the search's grid, to lay two signals over each other.
    #[serde(skip)]
    first: usize,
}

impl Find {
    /// What may be told of a record and of what was said about it.
    pub fn new(record: &ScanRecord, history: &[StoredEvent], library: &Library) -> Self {
        let date = record.taken_at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date().iso_week_date();
        let prepared = prepare(&record.acquisition.spectrum);
        let high = prepared.signal().iter().copied().fold(0.0, f64::max);
        let scale = if high > 0.0 { 1.0 / high } else { 0.0 };
        let signal = prepared.signal().iter().map(|y| (y * scale * SIGNAL_STEPS).round() / SIGNAL_STEPS).collect();
        let mut composition = BTreeMap::new();
        for component in &record.answer.mixture {
            *composition.entry(component.substance.clone()).or_insert(0.0) += component.spectral_share;
        }
        let named = record.answer.identified.iter().map(|i| FoundSubstance {
            substance: i.substance.clone(),
            cas: i.cas.clone(),
            groups: i.groups.clone(),
            form: i.form.clone(),
            weight_percent: None,
        });
        let told = laboratory_substances(history);
        let laboratory: Vec<_> = told.iter().filter_map(|(what, share)| known(what, *share, library)).collect();
        let shipment = shipment(history).unwrap_or_default();
        let first = prepared.first();
        Self {
            week: format!("{}-W{:02}", date.year(), date.week()),
            named: named.collect(),
            composition,
            laboratory_others: told.len() - laboratory.len(),
            laboratory,
            concealment: shipment.concealment.map(crate::casebook::Concealment::name),
            declared: shipment.declared.map(crate::casebook::DeclaredGoods::name),
            hs_code: shipment.hs_code.as_ref().map(ToString::to_string),
            route: shipment.route.iter().map(ToString::to_string).collect(),
            weight_g: shipment.weight_g.map(weight_range),
            first_cm1: prepared.grid().at(first),
            step_cm1: prepared.grid().at(first + 1) - prepared.grid().at(first),
            signal,
            first,
        }
    }

    /// The find of a record whose last laboratory result confirms a listed substance; none for anything else, and none
    /// for a simulated scan, a blank or a control.
    pub fn confirmed(scan: &StoredScan, history: &[StoredEvent], library: &Library) -> Option<Self> {
        let (_, outcome) = standing_result(history)?;
        let record = &scan.record;
        let counts = outcome == LaboratoryOutcome::Confirmed
            && !record.acquisition.simulated
            && kind_of(history, scan.id, record.subject.kind).counts();
        counts.then(|| Self::new(record, history, library))
    }

    /// How alike two finds are, where that is enough to suggest one source. Two finds without a common substance are not.
    pub fn likeness(&self, other: &Self) -> Option<Likeness> {
        let common: Vec<CommonSubstance> = self
            .composition
            .iter()
            .filter_map(|(substance, share)| {
                let other = *other.composition.get(substance)?;
                Some(CommonSubstance { substance: substance.clone(), shares: [*share, other] })
            })
            .collect();
        let length = |shares: &BTreeMap<String, f64>| shares.values().map(|s| s * s).sum::<f64>().sqrt();
        let product: f64 = common.iter().map(|c| c.shares.iter().product::<f64>()).sum();
        let composition = product / (length(&self.composition) * length(&other.composition));
        if composition.is_nan() || composition < COMPOSITION_MIN {
            return None;
        }
        let spectrum = self.correlation(other).filter(|r| *r >= SPECTRUM_MIN)?;
        Some(Likeness { composition, spectrum, common })
    }

    /// Correlation of the signals where both were measured; none where that is less than half of the shorter one.
    fn correlation(&self, other: &Self) -> Option<f64> {
        let start = self.first.max(other.first);
        let end = (self.first + self.signal.len()).min(other.first + other.signal.len());
        let of = |find: &Self| -> Option<Vec<f64>> {
            Some(find.signal.get(start.checked_sub(find.first)?..end.checked_sub(find.first)?)?.to_vec())
        };
        let same_grid = self.step_cm1.to_bits() == other.step_cm1.to_bits();
        let (a, b) = (of(self)?, of(other)?);
        if !same_grid || a.len() < 2 || 2 * a.len() < self.signal.len().min(other.signal.len()) {
            return None;
        }
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let (mean_a, mean_b) = (mean(&a), mean(&b));
        let (mut both, mut own, mut others) = (0.0, 0.0, 0.0);
        for (x, y) in a.iter().zip(&b) {
            both += (x - mean_a) * (y - mean_b);
            own += (x - mean_a).powi(2);
            others += (y - mean_b).powi(2);
        }
        Some(both / (own * others).sqrt()).filter(|r| r.is_finite())
    }
}

/// A substance in two finds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommonSubstance {
    /// Name in the library.
    pub substance: String,
    /// Its share of the signal in the one and in the other.
    pub shares: [f64; 2],
}

/// Why two finds are suggested as related: evidence to look at, not a proof of one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Likeness {
    /// Cosine of the two compositions, 0..=1.
    pub composition: f64,
    /// Correlation of the two spectra.
    pub spectrum: f64,
    /// Substances in both.
    pub common: Vec<CommonSubstance>,
}

/// What was last said about the shipment.
fn shipment(history: &[StoredEvent]) -> Option<Shipment> {
    history.iter().rev().find_map(|event| match Statement::deserialize(&event.body).ok()? {
        Statement::Shipment(shipment) => Some(shipment),
        _ => None,
    })
}

/// What the standing result names, by CAS number where there is one, with its share of the weight.
fn laboratory_substances(history: &[StoredEvent]) -> Vec<(Vec<String>, Option<f64>)> {
    let Some((event, _)) = standing_result(history) else { return Vec::new() };
    if let Ok(result) = LaboratoryResult::deserialize(&event.body) {
        let names = |s: super::LaboratorySubstance| (s.cas.into_iter().chain([s.name]).collect(), s.weight_percent);
        return result.substances.into_iter().map(names).collect();
    }
    match Statement::deserialize(&event.body) {
        Ok(Statement::Confirmation { substance, .. }) if !substance.trim().is_empty() => vec![(vec![substance], None)],
        _ => Vec::new(),
    }
}

/// The library's own words for a substance that somebody typed.
fn known(what: &[String], weight_percent: Option<f64>, library: &Library) -> Option<FoundSubstance> {
    let substance = what.iter().find_map(|name| library.find(name))?;
    Some(FoundSubstance {
        substance: substance.name.clone(),
        cas: substance.cas.clone(),
        groups: Vec::new(),
        form: String::new(),
        weight_percent,
    })
}

fn weight_range(grams: u32) -> String {
    let mut from = 0;
    for to in WEIGHTS_G {
        if grams <= to {
            return format!("{from} to {to}");
        }
        from = to;
    }
    format!("above {from}")
}

/// Two finds of an export that are alike, by their places in its list.
#[derive(Serialize)]
struct Link {
    finds: [usize; 2],
    evidence: Likeness,
}

/// The export of finds as JSON, with every pair that is alike and why (`docs/schema/intelligence.schema.json`). `complete`
/// is false where there are more finds than these.
pub fn intelligence_json(finds: &[Find], complete: bool) -> Result<Vec<u8>, ReportError> {
    let mut links = Vec::new();
    for (i, one) in finds.iter().enumerate() {
        for (j, other) in finds.iter().enumerate().skip(i + 1) {
            links.extend(one.likeness(other).map(|evidence| Link { finds: [i, j], evidence }));
        }
    }
    let document = serde_json::json!({
        "format": "parcelscope-intelligence/1", "complete": complete, "finds": finds, "links": links,
    });
    let mut text = serde_json::to_string_pretty(&document).map_err(|e| ReportError::Package(e.to_string()))?;
    text.push('\n');
    Ok(text.into_bytes())
}
