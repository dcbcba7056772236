//! A simulated laboratory pack, kept in memory: what one emulated parent unit measured of many substances. It exists to
//! see how a laboratory's own references would do on its other units; it never identifies anything outside `evaluate`.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;

use crate::analyzer::emulator::{Bench, EXCITATION_NM, Gap, Sample, SamplePart, memory_kit};
use crate::analyzer::{Clock, Kit, ScanSettings, VirtualClock};
use crate::identify::{Engine, Truth};
use crate::laboratory::bounded;
use crate::library::pack::PackContent;
use crate::library::{Library, Reference, Source, Tier};
use crate::signal::bands_of;
use crate::spectrum::{Band, Spectrum, Technique};

/// The unit that measures the pack.
const PARENT: u64 = 9_001;
/// The units that are asked: other seeds, so other axis, resolution and response.
pub const DAUGHTERS: [u64; 3] = [9_101, 9_102, 9_103];
/// What the emulated spectrometer can see of a band list, cm-1.
const SEEN_CM1: (f64, f64) = (200.0, 2_350.0);
/// Light exposures of a reference measurement; the laboratory takes its time.
const REFERENCE_EXPOSURES: u8 = 12;

/// A substance that the emulator can put under a probe.
#[derive(Clone, Debug)]
pub struct Standard {
    /// Key in the library.
    pub key: String,
    /// What it is.
    pub truth: Truth,
    /// True when its group alarms.
    pub alarms: bool,
    /// Groups.
    pub groups: Vec<String>,
    /// True when the library's own reference may carry a name.
    pub supports: bool,
    /// Its bands, strongest in the visible range 1.
    pub bands: Vec<Band>,
    /// Index into the library's substances.
    pub substance: usize,
}

impl Standard {
    /// True for what goods are packed in.
    pub fn is_container(&self) -> bool {
        self.groups.iter().any(|g| g == "packaging")
    }

    /// This standard at `share` of the height of the strongest band.
    pub fn part(&self, share: f64) -> SamplePart {
        SamplePart { share, bands: self.bands.clone() }
    }

    /// Area of its bands, in heights times cm-1: converts shares of height to shares of area.
    pub fn area(&self) -> f64 {
        // Areas of a Gaussian and of a Lorentzian of width 1 and height 1.
        let gauss = (std::f64::consts::PI / std::f64::consts::LN_2).sqrt() / 2.0;
        let lorentz = std::f64::consts::FRAC_PI_2;
        let shape = |b: &Band| b.lorentz_fraction * lorentz + (1.0 - b.lorentz_fraction) * gauss;
        self.bands.iter().map(|b| b.height * b.fwhm_cm1 * shape(b)).sum()
    }
}

/// One emulated unit with its laser, on a virtual clock.
pub struct EmulatedUnit {
    kit: Kit,
    bench: Bench,
}

impl EmulatedUnit {
    /// The unit that `seed` draws.
    pub fn new(seed: u64, gap: Gap) -> Result<Self, anyhow::Error> {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
        let parts = memory_kit(seed, gap, Sample { name: "empty".to_owned(), parts: Vec::new() }, Arc::clone(&clock));
        let kit = Kit::connect(Box::new(parts.spectrometer), Box::new(parts.laser), EXCITATION_NM, clock)?;
        Ok(Self { kit, bench: parts.bench })
    }

    /// Measures a sample; its name decides how it differs from its references.
    pub fn scan(&mut self, sample: Sample, settings: &ScanSettings) -> Result<Spectrum, anyhow::Error> {
        self.bench.set_sample(sample);
        Ok(self.kit.acquire(settings, &|| false, &mut |_| {}, &mut |_| {})?.spectrum)
    }
}

/// Every substance of the library of which a Raman spectrum is known, measured where there is one, else calculated.
pub fn standards(library: &Library) -> Vec<Standard> {
    let usable = |r: &&Reference| {
        r.technique == Technique::Raman && (r.can_support_identification() || r.tier == Tier::Computed)
    };
    library
        .substances
        .iter()
        .enumerate()
        .filter_map(|(substance, s)| {
            let reference = library.references_of(substance).filter(usable).min_by_key(|r| r.tier)?;
            let mut bands: Vec<Band> = reference
                .bands
                .iter()
                .filter(|b| (SEEN_CM1.0..=SEEN_CM1.1).contains(&b.position_cm1))
                .copied()
                .collect();
            let top = bands.iter().map(|b| b.height).fold(0.0, f64::max);
            for band in &mut bands {
                band.height /= top;
            }
            (bands.len() >= 3).then(|| Standard {
                key: s.key.clone(),
                truth: Truth { name: s.name.clone(), cas: s.cas.iter().cloned().collect() },
                alarms: s.alarms,
                groups: s.groups.clone(),
                supports: reference.can_support_identification(),
                bands,
                substance,
            })
        })
        .collect()
}

/// The library with all Raman references replaced by what the parent unit measured of the standards, tier *simulated*.
pub fn laboratory_pack(library: &Library, standards: &[Standard]) -> Result<Library, anyhow::Error> {
    let mut parent = EmulatedUnit::new(PARENT, Gap::NONE)?;
    let settings = ScanSettings { light_exposures: REFERENCE_EXPOSURES, ..ScanSettings::default() };
    let mut pack = library.clone();
    "simulated laboratory pack".clone_into(&mut pack.identity.name);
    pack.references.retain(|r| r.technique != Technique::Raman);
    for standard in standards {
        let sample = Sample { name: standard.key.clone(), parts: vec![standard.part(1.0)] };
        let model = bands_of(&parent.scan(sample, &settings)?)
            .with_context(|| format!("the emulated parent unit saw no band of {}", standard.key))?;
        pack.references.push(Reference {
            substance: standard.substance,
            form: String::new(),
            tier: Tier::Simulated,
            technique: Technique::Raman,
            laser_nm: Some(EXCITATION_NM),
            range_cm1: model.range_cm1,
            source: "simulated".to_owned(),
            bands: model.bands,
            usual_widths: false,
            usual_heights: false,
            cas: None,
            licence: "project".to_owned(),
            own_resolution_cm1: model.resolution_cm1,
            source_item: None,
            provenance: None,
            measured: None,
        });
    }
    pack.references.sort_by_key(|r| r.substance);
    Ok(pack)
}

/// The same pack as the content of a draft: named for training, one source for each resolution.
pub fn training_content(library: &Library, at: Timestamp) -> Result<PackContent, anyhow::Error> {
    let pack = laboratory_pack(library, &standards(library))?;
    let Library { identity, groups, mut sources, substances, mut references } = pack;
    let mut resolutions: Vec<f64> = Vec::new();
    for reference in references.iter_mut().filter(|r| r.tier == Tier::Simulated) {
        // A pack keeps the strongest bands of a reference; the weakest of so many are noise.
        reference.bands = bounded(std::mem::take(&mut reference.bands));
        let own = reference.own_resolution_cm1;
        let known = resolutions.iter().position(|r| r.to_bits() == own.to_bits());
        let number = known.unwrap_or_else(|| {
            resolutions.push(own);
            resolutions.len() - 1
        });
        reference.source = format!("simulated-{}", number + 1);
    }
    sources.extend(resolutions.into_iter().enumerate().map(|(i, resolution_cm1)| Source {
        key: format!("simulated-{}", i + 1),
        citation: "An emulated parent unit".to_owned(),
        url: String::new(),
        licence: "project".to_owned(),
        resolution_cm1,
        ship: true,
        notice: None,
        note: None,
    }));
    let library = Library::from_parts("", &identity.version, groups, sources, substances, references)?;
    let name = library.honest_name(&identity.name);
    let library = library.renamed(&name, &identity.version);
    Ok(PackContent::of_bundled(&library, Library::bundled_notices(), at))
}

/// The standards, and an engine on the simulated laboratory pack.
pub fn laboratory(library: &Library) -> Result<(Vec<Standard>, Engine), anyhow::Error> {
    let standards = standards(library);
    let pack = laboratory_pack(library, &standards)?;
    Ok((standards, Engine::for_simulated_pack(Arc::new(pack))))
}
