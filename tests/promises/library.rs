//! The bundled library is what its rules and its sources say, and nothing unsound gets in.

use std::collections::BTreeSet;
use std::path::Path;

use parcelscope::library::{KNOWN_LICENCES, Library, Tier, is_valid_cas};
use parcelscope::spectrum::Technique;

fn bundled() -> std::sync::Arc<Library> {
    Library::bundled().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_bundled_library_reads_and_keeps_its_invariants() {
    let library = bundled();
    let groups: BTreeSet<&str> = library.groups.iter().map(|g| g.key.as_str()).collect();
    let mut keys = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for substance in &library.substances {
        assert!(keys.insert(&substance.key), "{} is there twice", substance.key);
        for cas in substance.cas.iter().chain(&substance.related_cas) {
            assert!(is_valid_cas(cas), "{}: {cas}", substance.key);
            assert!(numbers.insert(cas), "{cas} is there twice");
        }
        assert!(!substance.groups.is_empty() && substance.groups.iter().all(|g| groups.contains(g.as_str())));
        let flags: Vec<_> = substance.groups.iter().filter_map(|g| library.group(g)).collect();
        assert_eq!(substance.alarms, flags.iter().any(|g| g.alarms), "{}", substance.key);
        assert_eq!(substance.listed, flags.iter().any(|g| g.listed), "{}", substance.key);
    }
    for reference in &library.references {
        let name = &library.substance_of(reference).expect("it has a substance").key;
        let source = library.source(&reference.source).expect("it has a source");
        assert!(source.ship && KNOWN_LICENCES.contains(&reference.licence.as_str()), "{name}");
        let (from, to) = reference.range_cm1;
        assert!(from < to, "{name}");
        assert!(reference.bands.windows(2).all(|p| p[0].position_cm1 <= p[1].position_cm1), "{name}");
        for band in &reference.bands {
            assert!(band.fwhm_cm1 > 0.0 && band.height > 0.0 && band.height <= 1.0, "{name} {band:?}");
            assert!((0.0..=1.0).contains(&band.lorentz_fraction), "{name} {band:?}");
            assert!(band.position_cm1 + band.fwhm_cm1 >= from && band.position_cm1 - band.fwhm_cm1 <= to, "{name}");
        }
        assert!(reference.bands.iter().any(|b| b.height == 1.0), "{name}");
        assert!(!matches!(reference.tier, Tier::MeasuredHere | Tier::Simulated), "{name}: nothing was measured here");
        if matches!(reference.tier, Tier::Computed) {
            assert!(!reference.can_support_identification(), "{name}");
            assert_eq!(reference.technique, Technique::Raman, "{name}: computed infrared was never validated");
        }
        assert_eq!(reference.tier == Tier::MeasuredElsewhere, !reference.usual_widths, "{name}");
    }
    let count = |tier| library.references.iter().filter(|r| r.tier == tier).count();
    assert_eq!(count(Tier::MeasuredElsewhere), 79);
}

#[test]
fn every_licence_text_that_must_travel_along_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spectra-library");
    let library = bundled();
    let notices: Vec<_> = library.sources.iter().filter_map(|s| s.notice.as_ref()).collect();
    assert!(!notices.is_empty());
    for notice in notices {
        let text = std::fs::read_to_string(root.join(notice)).unwrap_or_else(|e| panic!("{notice}: {e}"));
        assert!(text.contains("Copyright (c)") && text.contains("Permission is hereby granted"), "{notice}");
    }
}
