//! A public collection that this program was not made with: RamanBiolib (Teran et al.; ODbL), digitised spectra of
//! biomolecules from papers, 39 of them by several lasers. It is imported by the command that laboratories use, each spectrum is asked with
//! itself left out, and the answers stand beside a score that anybody can compute. The package is installed for the test alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use parcelscope::identify::{CalibrationRow, Engine, Outcome, Query, Truth, ask_without_reference};
use parcelscope::library::Library;
use parcelscope::library::pack::read_draft;

use super::foreign_client::{python, run};

/// The data only: what its code needs is left out.
const PACKAGE: [&str; 2] = ["--no-deps", "ramanbiolib==1.0.0.post5"];
const LIMIT: Duration = Duration::from_mins(2);

/// The collection as a draft.
fn draft(folder: &Path) -> PathBuf {
    let (files, draft) = (folder.join("files"), folder.join("draft"));
    std::fs::create_dir(&files).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/clients/ramanbiolib_spectra.py");
    run(Command::new(python("foreign-library", &PACKAGE)).arg(script).arg(&files), LIMIT).unwrap();
    let program = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
        run(command.arg("--data-dir").arg(folder).arg("library").args(args), LIMIT).unwrap()
    };
    let (files, draft_name) = (files.to_str().unwrap(), draft.to_str().unwrap());
    program(&["draft", draft_name, "--version", "1", "--empty"]);
    let labels = format!("{files}/labels.csv");
    let stated = ["--technique", "raman", "--x-unit", "cm-1", "--y-unit", "counts", "--resolution-cm1", "4"];
    let source = ["--source", "ramanbiolib", "--citation", "RamanBiolib 1.0.0.post5", "--licence", "by-agreement"];
    let names = ["--labels", &labels, "--group", "cutting-agent"];
    let import = [&["import", files, "--into", draft_name][..], &source, &names, &stated].concat();
    let said = program(&import);
    assert!(said.contains("202 spectra taken"), "{said}");
    draft
}

/// One spectrum that has another one of its substance.
struct Asked {
    reference: usize,
    substance: usize,
    tuning: bool,
    query: Query,
}

fn asked(library: &Library) -> Vec<Asked> {
    let mut all = Vec::new();
    for (number, reference) in library.references.iter().enumerate() {
        let name = library.substance_of(reference).unwrap().name.clone();
        if library.references_of(reference.substance).count() > 1 {
            let hashed = Truth { name: String::new(), cas: vec![name.to_lowercase()] };
            let truth = Truth { name: name.clone(), cas: Vec::new() };
            let spectrum = reference.measured.as_ref().unwrap().spectrum().clone();
            let query = Query { name, truth, beside: Vec::new(), spectrum };
            let tuning = hashed.is_for_tuning();
            all.push(Asked { reference: number, substance: reference.substance, tuning, query });
        }
    }
    all
}

/// Square root of the intensity minus its Gaussian mean of 40 cm-1 on the collection's grid of 1 cm-1.
fn rooted(values: &[f64]) -> Vec<f64> {
    let root: Vec<f64> = values.iter().map(|v| v.max(0.0).sqrt()).collect();
    let weight: Vec<f64> = (-160..=160).map(|d| (-0.5 * (f64::from(d) / 40.0).powi(2)).exp()).collect();
    let whole: f64 = weight.iter().sum();
    let n = root.len() as isize;
    // Mirrored at the ends.
    let at = |i: isize| {
        root[(if i < 0 {
            -i - 1
        } else if i >= n {
            2 * n - i - 1
        } else {
            i
        })
        .unsigned_abs()]
    };
    (0..n).map(|i| at(i) - weight.iter().zip(i - 160..).map(|(w, j)| w * at(j)).sum::<f64>() / whole).collect()
}

/// Pearson's correlation at the best of nine shifts.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let pearson = |a: &[f64], b: &[f64]| {
        let n = a.len() as f64;
        let (mut sa, mut sb, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (x, y) in a.iter().zip(b) {
            sa += x;
            sb += y;
            aa += x * x;
            bb += y * y;
            ab += x * y;
        }
        (ab - sa * sb / n) / ((aa - sa * sa / n) * (bb - sb * sb / n)).sqrt()
    };
    let middle = &a[4..a.len() - 4];
    (0..=8).map(|shift| pearson(middle, &b[shift..shift + middle.len()])).fold(-1.0, f64::max)
}

/// Two-sided probability of so uneven a split of `won + lost` fair coins (McNemar's exact test).
fn mcnemar(won: usize, lost: usize) -> f64 {
    let n = won + lost;
    let choose = |k: usize| (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
    let tail: f64 = (0..=won.min(lost)).map(choose).sum::<f64>() / 2_f64.powi(n as i32);
    (2.0 * tail).min(1.0)
}

#[test]
fn spectra_of_other_lasers_and_papers_are_found_as_often_as_by_the_best_plain_score() {
    let folder = tempfile::tempdir().unwrap();
    let draft = draft(folder.path());
    let library = Arc::new(read_draft(&draft).unwrap().library);
    let engine = Engine::new(Arc::clone(&library));
    let asked = asked(&library);
    assert_eq!(asked.len(), 100);
    let own: Vec<Outcome> = asked.iter().map(|a| ask_without_reference(&engine, &a.query, a.reference)).collect();
    let curves: Vec<Vec<f64>> =
        library.references.iter().map(|r| rooted(r.measured.as_ref().unwrap().spectrum().intensity())).collect();
    let plain: Vec<bool> = asked
        .iter()
        .map(|a| {
            let others = (0..curves.len()).filter(|other| *other != a.reference);
            let scored = others.map(|other| (correlation(&curves[a.reference], &curves[other]), other));
            let best = scored.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            library.references[best.1].substance == a.substance
        })
        .collect();
    let count = |part: &dyn Fn(&Asked) -> bool| {
        let of = |right: &dyn Fn(usize) -> bool| (0..asked.len()).filter(|i| part(&asked[*i]) && right(*i)).count();
        (of(&|i| own[i].first_right), of(&|i| plain[i]), of(&|_| true))
    };
    let (all, tuning, reporting) = (count(&|_| true), count(&|a| a.tuning), count(&|a| !a.tuning));
    let won = (0..100).filter(|i| own[*i].first_right && !plain[*i]).count();
    let lost = (0..100).filter(|i| !own[*i].first_right && plain[*i]).count();
    println!(
        "measured, RamanBiolib, first candidate right, engine and square root with high-pass and shift: all {all:?}, tuning half \
         {tuning:?}, reporting half {reporting:?}; won {won}, lost {lost}, McNemar's exact p {:.3}",
        mcnemar(won, lost)
    );
    assert!((mcnemar(19, 2) - 0.000_22).abs() < 0.000_01);
    // The other program's figures for the plain score are 71 of 100; ours must be the same score.
    assert!((68..=73).contains(&all.1), "{all:?}");
    assert!(all.0 >= all.1, "{all:?}");
    // The command that a laboratory runs says the same.
    let mut command = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    command.arg("--data-dir").arg(folder.path()).args(["evaluate", "leave-one-out", "--json", "--library"]).arg(&draft);
    let tables: serde_json::Value = serde_json::from_str(&run(&mut command, LIMIT).unwrap()).unwrap();
    let first = &tables[0]["lines"][0]["first"];
    assert_eq!((first["k"].as_u64(), first["n"].as_u64()), (Some(all.0 as u64), Some(100)), "{}", tables[0]["notes"]);
    assert_eq!(tables[0]["spectra"], "measured");
    // How sure the engine is of its best candidate, with the spectrum left out and with the whole substance left out.
    let sure = |row: Option<CalibrationRow>| row.map_or(0.0, |r| r.odds());
    let known: Vec<f64> = asked
        .iter()
        .map(|a| sure(engine.evidence_without_reference(&a.query.spectrum, a.reference, &|s| a.query.truth.is(s))))
        .collect();
    let mut unknown: Vec<f64> = asked
        .iter()
        .map(|a| sure(engine.evidence(&a.query.spectrum, &|s| a.query.truth.is(s), &|s| a.query.truth.is(s))))
        .collect();
    unknown.sort_by(|a, b| b.total_cmp(a));
    let threshold = unknown[5];
    let named = (0..100).filter(|i| own[*i].first_right && known[*i] > threshold).count();
    println!(
        "measured, RamanBiolib, right and surer than all but 5 of 100 whose substance is left out: {named} of 100"
    );
    // The best that is known of a plain score is 19, which is not reached; docs/identification.md says so.
    assert!(named >= 15, "{named}");
    assert!(own.iter().all(|o| !o.is_warning()), "biomolecules alarm");
}
