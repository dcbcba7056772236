//! Measuring standards on the kit's thread: a check is kept at once, a calibration when the user wants it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::analyzer::ScanSettings;
use crate::casebook::Act;
use crate::signal::calibration::Standards;
use crate::spectrum::Spectrum;

use super::kit_link::{Ended, words};
use super::kit_worker::KitWorker;
use super::{
    Event, KitFinding, KitId, KitMeasured, KitMeasurement, KitRecord, MeasuredStandard, StandardPurpose,
    append_kit_record, find_in_standards, standard_sample,
};

impl KitWorker {
    pub(super) fn measure(&mut self, measurement: &KitMeasurement) -> Result<(), Ended> {
        let standards = Standards::bundled().map_err(|e| Ended::Failed(words(&e)))?;
        let (name, with_earlier) = match measurement {
            KitMeasurement::White => return self.measure_white(),
            KitMeasurement::Calibrate { standard, with_earlier } => (standard.clone(), *with_earlier),
            KitMeasurement::Check { standard, .. } => (standard.clone(), false),
        };
        self.pending = None;
        if !with_earlier {
            self.measured.clear();
        }
        let operator = self.shared.operators.current();
        let (shared, sample, policy) = (Arc::clone(&self.shared), self.sample.clone(), self.policy);
        let kit = self.usable(operator.as_ref(), Act::Calibrate)?;
        if kit.is_near_infrared() {
            return Err(Ended::Failed(
                "A near-infrared scanner has no Raman axis that a standard could check: its wavelengths are those of its maker. Measure a white reference instead (Device, White reference; 'parcelscope calibrate --standard white').".to_owned(),
            ));
        }
        // Under an emulated probe it lies at once.
        kit.show_standard(|library| standard_sample(library, &standards, &name).map_err(|e| words(&e)))
            .map_err(Ended::Failed)?;
        let acquired = kit.acquire(&ScanSettings::automatic(), &shared);
        let back = kit.set_sample(&sample);
        let acquisition = acquired?;
        back.map_err(Ended::Failed)?;
        let measured = MeasuredStandard::of_scan(&name, &acquisition).map_err(|e| Ended::Failed(words(&e)))?;
        let spectrum: Spectrum = acquisition.spectrum;
        let history = kit.history.clone();
        let purpose = match measurement {
            KitMeasurement::Check { stricter_cm1, .. } => StandardPurpose::Check(policy.limits(*stricter_cm1)),
            KitMeasurement::Calibrate { .. } | KitMeasurement::White => StandardPurpose::Calibration,
        };
        // One that cannot be used must not spoil those that are measured after it.
        let all: Vec<MeasuredStandard> = self.measured.iter().cloned().chain([measured]).collect();
        let finding = find_in_standards(purpose, &standards, &all, &history);
        let finding = finding.map_err(|e| Ended::Failed(words(&e)))?;
        let samples = all.iter().map(|m| m.standard.clone()).collect();
        self.measured = all;
        let record = KitRecord {
            taken_at: Timestamp::now(),
            samples,
            laser: Some(acquisition.laser.serial),
            simulated: acquisition.simulated,
            from_file: false,
            finding,
        };
        match measurement {
            KitMeasurement::Calibrate { .. } => self.show_measured(record, spectrum),
            KitMeasurement::Check { .. } | KitMeasurement::White => {
                let measured = self.keep_measured(record, spectrum)?;
                self.shared.end_scan(Event::Measured(Box::new(measured)));
                self.refresh();
                Ok(())
            }
        }
    }

    fn measure_white(&mut self) -> Result<(), Ended> {
        let (shared, operator) = (Arc::clone(&self.shared), self.shared.operators.current());
        let kit = self.usable(operator.as_ref(), Act::Calibrate)?;
        let (scans, spectrum) = kit.white(&shared)?;
        let record = KitRecord {
            taken_at: Timestamp::now(),
            samples: vec!["white".to_owned()],
            laser: None,
            simulated: kit.simulated(),
            from_file: false,
            finding: KitFinding::White { scans },
        };
        let measured = self.keep_measured(record, spectrum)?;
        self.shared.end_scan(Event::Measured(Box::new(measured)));
        self.refresh();
        Ok(())
    }

    /// Shows a calibration, which is kept or discarded later.
    fn show_measured(&mut self, record: KitRecord, spectrum: Spectrum) -> Result<(), Ended> {
        let operator = self.shared.operators.current();
        let kit = self.usable(operator.as_ref(), Act::Calibrate)?;
        let (serial, check) = (kit.spectrometer().serial.clone(), kit.check.clone());
        let measured = KitMeasured { kit: KitId(serial), record, spectrum, check, kept: false };
        self.pending = Some(measured.clone());
        self.shared.end_scan(Event::Measured(Box::new(measured)));
        Ok(())
    }

    /// Keeps the calibration that was shown last and uses it from now on, or notes that it was not kept.
    pub(super) fn conclude_calibration(&mut self, wanted: bool) -> Result<(), String> {
        let nothing = "No calibration waits to be kept; measure a standard first.";
        let pending = self.pending.clone().ok_or(nothing)?;
        let operator = self.shared.operators.current();
        let kit = self.usable(operator.as_ref(), Act::Calibrate).map_err(why)?;
        if kit.spectrometer().serial != pending.kit.0 {
            self.pending = None;
            return Err(
                "Another kit is connected than the one that was measured; measure the standard again.".to_owned()
            );
        }
        let KitMeasured { mut record, spectrum, .. } = pending;
        if !wanted {
            record.finding = KitFinding::Discarded { found: Box::new(record.finding) };
            self.measured.clear();
        }
        let measured = self.keep_measured(record, spectrum).map_err(why)?;
        self.pending = None;
        self.shared.events.push(Event::Measured(Box::new(measured)));
        self.refresh();
        Ok(())
    }

    /// Keeps what was found with the kit and uses it from now on.
    fn keep_measured(&mut self, record: KitRecord, spectrum: Spectrum) -> Result<KitMeasured, Ended> {
        let (data_dir, policy) = (self.keeping.data_dir.clone(), self.policy);
        let operator = self.shared.operators.current();
        let kit = self.usable(operator.as_ref(), Act::Calibrate)?;
        let serial = kit.spectrometer().serial.clone();
        append_kit_record(&data_dir, &serial, &record).map_err(|e| Ended::Failed(words(&e)))?;
        kit.read_records(&data_dir, &policy).map_err(Ended::Failed)?;
        let check = kit.check.clone();
        Ok(KitMeasured { kit: KitId(serial), record, spectrum, check, kept: true })
    }
}

/// Why something did not end well, where nobody waits for a scan.
fn why(ended: Ended) -> String {
    match ended {
        Ended::Failed(why) | Ended::Lost(why) => why,
        Ended::Cancelled => "It was cancelled.".to_owned(),
    }
}
