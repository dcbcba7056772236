//! Readers that are not ours read the JCAMP-DX that this program writes: npm's jcampconverter the tables of even steps
//! in both forms, Python's jcamp the tables of pairs, which the other does not know.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use parcelscope::formats::{FileSpectrum, JcampForm, SpectrumKind, read_bytes, to_jcamp};
use serde_json::json;

use crate::foreign_client::{TALK_LIMIT, python, run};

/// The readers, pinned.
const PACKAGE: &str = "jcampconverter@12.5.3";
const PYTHON_PACKAGE: &str = "jcamp==1.3.2";

/// Compares every `.jdx` of a folder that has no pairs with the numbers beside it and prints how many points differ.
const SCRIPT: &str = r"
import { readFileSync, readdirSync } from 'fs';
import { convert } from 'jcampconverter';
const folder = process.argv[2];
const files = {};
for (const name of readdirSync(folder).filter((n) => n.endsWith('.jdx'))) {
  const text = readFileSync(`${folder}/${name}`, 'utf8');
  if (text.includes('##XYPOINTS=')) continue;
  const wanted = JSON.parse(readFileSync(`${folder}/${name.replace('.jdx', '.json')}`));
  const { x, y } = convert(text, { noContour: true }).flatten[0].spectra[0].data;
  let differ = Math.abs(x.length - wanted.x.length) + Math.abs(y.length - wanted.y.length);
  for (let i = 0; i < wanted.y.length; i++) {
    if (!(Math.abs(x[i] - wanted.x[i]) <= wanted.x_tolerance && Math.abs(y[i] - wanted.y[i]) <= wanted.y_tolerance)) differ++;
  }
  files[name] = differ;
}
console.log(JSON.stringify(files));
";

/// The same for those that have pairs.
const PYTHON_SCRIPT: &str = r"
import json, pathlib, sys, jcamp
files = {}
for path in pathlib.Path(sys.argv[1]).glob('*.jdx'):
    if '##XYPOINTS=' not in path.read_text(): continue
    wanted = json.loads(path.with_suffix('.json').read_text())
    read = jcamp.readfile(str(path))
    differ = abs(len(read['x']) - len(wanted['x'])) + abs(len(read['y']) - len(wanted['y']))
    for axis in 'xy':
        tolerance = wanted[axis + '_tolerance']
        differ += sum(not abs(a - b) <= tolerance for a, b in zip(read[axis], wanted[axis]))
    files[path.name] = int(differ)
print(json.dumps(files))
";

/// The samples of real files, a few of each format.
fn samples(data: &Path) -> Vec<FileSpectrum> {
    let files = [
        "formats/jcamp/osdb-000000047.jdx",
        "formats/jcamp/set-SPECFILE.DX",
        "formats/jcamp/set-BRUKAFFN.DX",
        "formats/spc/TOLUENE.SPC",
        "formats/spc/charisma-SILICON_x20_1%_02.spc",
        "formats/opus/ftir_ps.0",
        "formats/spa/Titanium_dioxide_powder.SPA",
        "formats/wdf/sp.wdf",
        "formats/text/R040070.rruff.785.txt",
        "raman-reference/caffeine.csv",
        "calibration/PST02_iRPlus785_Z020_100_1300ms.txt",
    ];
    let sample = |file: &&str| {
        let spectra = read_bytes(&fs::read(data.join(file)).unwrap(), file).unwrap();
        spectra.into_iter().find(|s| s.kind == SpectrumKind::Sample).unwrap()
    };
    files.iter().map(sample).collect()
}

#[test]
fn foreign_readers_read_what_is_written_in_both_forms() {
    let Some(data) = crate::measured_data::folder("written JCAMP-DX by a foreign reader") else {
        return;
    };
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign-jcamp");
    let ready = home.join("ready");
    if !ready.exists() {
        fs::create_dir_all(&home).unwrap();
        let install = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
        run(Command::new("npm").args(install).arg(&home).arg(PACKAGE), TALK_LIMIT).expect("npm installs the reader");
        fs::write(&ready, "").unwrap();
    }
    fs::write(home.join("read.mjs"), SCRIPT).unwrap();
    let folder = tempfile::tempdir_in(&home).unwrap();
    let samples = samples(Path::new(&data));
    for (i, spectrum) in samples.iter().enumerate() {
        let (x, y) = (&spectrum.x, &spectrum.y);
        let step = (x[x.len() - 1] - x[0]).abs() / (x.len() - 1) as f64;
        let highest = y.iter().fold(0.0_f64, |high, y| high.max(y.abs()));
        // Plain numbers have all their digits; the reader multiplies and adds once or twice. Packed ones have nine.
        for (form, name, digits) in [(JcampForm::Affn, "affn", 1e-12), (JcampForm::DifDup, "difdup", 3e-9)] {
            let stem = folder.path().join(format!("{i}-{name}"));
            fs::write(stem.with_extension("jdx"), to_jcamp(spectrum, form)).unwrap();
            let wanted = json!({ "x": x[..], "y": y, "x_tolerance": 3e-6 * step, "y_tolerance": digits * highest });
            fs::write(stem.with_extension("json"), wanted.to_string()).unwrap();
        }
    }
    let by_node = run(Command::new("node").arg(home.join("read.mjs")).arg(folder.path()), TALK_LIMIT).unwrap();
    let python = python("foreign-jcamp-python", &[PYTHON_PACKAGE]);
    let by_python = run(Command::new(&python).args(["-c", PYTHON_SCRIPT]).arg(folder.path()), TALK_LIMIT).unwrap();
    let files = |said: &str| serde_json::from_str::<BTreeMap<String, u64>>(said).expect("one JSON object");
    let (by_node, by_python) = (files(&by_node), files(&by_python));
    // Both forms of every sample were read, those on an uneven axis by the second reader.
    assert!(by_node.len() >= 10 && by_python.len() >= 6, "{by_node:?} {by_python:?}");
    assert_eq!(by_node.len() + by_python.len(), 2 * samples.len());
    let wrong: Vec<_> = by_node.iter().chain(&by_python).filter(|(_, differ)| **differ != 0).collect();
    assert!(wrong.is_empty(), "points that differ: {wrong:?}");
}
