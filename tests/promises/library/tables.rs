//! The bundled library holds what the tables it was made from say, and only what may ship of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parcelscope::library::{Formula, Tier};
use parcelscope::spectrum::Technique;

use super::{bundled, strongest};

/// The folder of the tables that the library was made from, or a visible line that says why nothing was compared.
fn tables() -> Option<PathBuf> {
    crate::measured_data::folder("the library against the tables it was made from")?.parent().map(Path::to_path_buf)
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let rows: Vec<BTreeMap<String, String>> =
        reader.deserialize().collect::<Result<_, _>>().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(!rows.is_empty(), "{} is empty", path.display());
    rows
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|e| panic!("{column} {}: {e}", row[column]))
}

#[test]
fn every_substance_of_the_fact_tables_is_there_with_the_same_numbers() {
    let Some(tables) = tables() else { return };
    let library = bundled();
    let facts = rows(&tables.join("reference/substances.csv"));
    assert_eq!(facts.len(), 205);
    for row in &facts {
        let name = &row["name"];
        let substance = if row["cas"].is_empty() {
            library.find(name.split(" (").next().expect("a name"))
        } else {
            library.substances.iter().find(|s| s.has_cas(&row["cas"]))
        };
        let substance = substance.unwrap_or_else(|| panic!("{name} is not in the library"));
        let formula = if substance.cas.as_deref() == Some(&row["cas"]) || row["cas"].is_empty() {
            substance.formula.as_deref()
        } else {
            substance.related.iter().find(|r| r.cas == row["cas"]).and_then(|r| r.formula.as_deref())
        };
        let formula = Formula::parse(formula.unwrap_or_else(|| panic!("{name} has no formula"))).expect(name);
        let stated: f64 = row["molar_mass_g_mol"].split(' ').next().and_then(|m| m.parse().ok()).expect(name);
        assert!((formula.molar_mass_g_mol() - stated).abs() < 0.05, "{name}: {}", formula.molar_mass_g_mol());
        if row["source"].contains("CAS/formula: memory") {
            assert!(substance.unverified, "{name} is from memory and must say so");
        }
    }
}

#[test]
fn the_watch_list_is_complete_and_listed() {
    let Some(tables) = tables() else { return };
    let library = bundled();
    let mut equipment = Vec::new();
    for row in rows(&tables.join("reference/watchlist.csv")) {
        if row["cas"].is_empty() {
            equipment.push(row["name"].clone());
            continue;
        }
        let substance = library.find(&row["cas"]).unwrap_or_else(|| panic!("{} is missing", row["name"]));
        assert!(substance.listed, "{} is on the watch list", row["name"]);
        assert!(library.find(&row["name"]) == Some(substance), "{} is not found by its name", row["name"]);
        if row["confidence"] == "M" {
            assert!(substance.unverified, "{} is from memory and must say so", row["name"]);
        }
    }
    assert_eq!(equipment, ["Pill press / tableting machine"], "only equipment has no CAS number");
}

#[test]
fn measured_bands_are_those_of_the_table() {
    let Some(tables) = tables() else { return };
    let library = bundled();
    let mut items: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for row in rows(&tables.join("library/bands-measured.csv")) {
        items.entry(row["substance"].clone()).or_default().push(row);
    }
    assert_eq!(items.len(), 79);
    for (item, mut rows) in items {
        rows.sort_by(|a, b| number(a, "position_cm1").total_cmp(&number(b, "position_cm1")));
        let found: Vec<_> = library.references.iter().filter(|r| r.source_item.as_deref() == Some(&item)).collect();
        let [reference] = found.as_slice() else { panic!("{item} has {} references", found.len()) };
        let substance = library.substance_of(reference).expect("it has a substance");
        let cas = &rows[0]["cas"];
        assert!(cas.is_empty() && substance.cas.is_none() || substance.has_cas(cas), "{item}");
        assert_eq!(reference.bands.len(), rows.len(), "{item}");
        let top = strongest(rows.iter().map(|r| number(r, "height")));
        for (band, row) in reference.bands.iter().zip(&rows) {
            assert!((band.position_cm1 - number(row, "position_cm1")).abs() < 0.006, "{item} {band:?}");
            assert!((band.height - number(row, "height") / top).abs() < 1e-4, "{item} {band:?}");
            assert!((band.fwhm_cm1 - number(row, "fwhm_cm1")).abs() < 0.06, "{item} {band:?}");
            assert!((band.lorentz_fraction - number(row, "lorentz_fraction")).abs() < 0.006, "{item} {band:?}");
        }
    }
}

#[test]
fn literature_bands_are_those_of_the_table_and_nothing_else_shipped() {
    let Some(tables) = tables() else { return };
    let library = bundled();
    let rows = rows(&tables.join("library/bands-literature.csv"));
    let mut seen = 0;
    for reference in library.references.iter().filter(|r| r.tier == Tier::Literature) {
        let substance = library.substance_of(reference).expect("it has a substance");
        for band in &reference.bands {
            let same = rows.iter().any(|r| {
                r["source_id"] == reference.source
                    && (r["cas"].is_empty() && substance.cas.is_none() || substance.has_cas(&r["cas"]))
                    && (number(r, "position_cm1") - band.position_cm1).abs() < 0.006
                    && !r["technique"].contains("SERS/normal")
                    && !r["technique"].contains("normal/SERS")
                    && r["technique"].starts_with("SERS") == (reference.technique == Technique::Sers)
                    && r["technique"].starts_with("IR")
                        == !matches!(reference.technique, Technique::Raman | Technique::Sers)
            });
            assert!(same, "{}: no row for {band:?}", substance.key);
        }
        seen += reference.bands.len();
    }
    let kept_out = |r: &BTreeMap<String, String>| {
        r["technique"].contains("SERS/normal")
            || r["technique"].contains("normal/SERS")
            || r["technique"].contains("band minimum")
    };
    let shipped =
        rows.iter().filter(|r| library.source(&r["source_id"]).is_some_and(|s| s.ship) && !kept_out(r)).count();
    assert_eq!(seen, shipped, "every row that may ship did, and no other");
    for row in rows_of_terms(&tables) {
        let allowed = !row["ship"].starts_with("no") && row["source_id"] != "MEM";
        assert!(allowed || library.source(&row["source_id"]).is_none(), "{} must not ship", row["source_id"]);
    }
}

fn rows_of_terms(tables: &Path) -> Vec<BTreeMap<String, String>> {
    rows(&tables.join("library/sources.csv"))
}

#[test]
fn computed_bands_are_those_of_the_table_without_the_negligible_ones() {
    let Some(tables) = tables() else { return };
    let library = bundled();
    let rows = rows(&tables.join("library/bands-computed.csv"));
    for reference in library.references.iter().filter(|r| r.tier == Tier::Computed) {
        let substance = library.substance_of(reference).expect("it has a substance");
        let imino = reference.form.starts_with("imino");
        let cation = reference.form.starts_with("cation");
        let own: Vec<_> = rows
            .iter()
            .filter(|r| {
                substance.has_cas(&r["cas"])
                    && r["name"].contains("imino") == imino
                    && r["form"].starts_with("cation") == cation
            })
            .filter(|r| (150.0..=3500.0).contains(&number(r, "position_cm1")))
            .collect();
        let measured = library.references_of(reference.substance).any(|r| r.tier == Tier::MeasuredElsewhere);
        assert!(!measured, "{}: the measured reference is the one to use", substance.key);
        for band in &reference.bands {
            assert!(
                own.iter().any(|r| (number(r, "position_cm1") - band.position_cm1).abs() < 0.006),
                "{} {band:?}",
                substance.key
            );
        }
        let fingerprint =
            strongest(own.iter().filter(|r| number(r, "position_cm1") < 2000.0).map(|r| number(r, "raman_rel")));
        for row in
            own.iter().filter(|r| number(r, "raman_rel") >= 0.01 * fingerprint && number(r, "position_cm1") < 2000.0)
        {
            let at = number(row, "position_cm1");
            assert!(
                reference.bands.iter().any(|b| (b.position_cm1 - at).abs() < 0.006),
                "{}: {at} is lost",
                substance.key
            );
        }
    }
}
