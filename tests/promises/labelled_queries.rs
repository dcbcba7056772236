//! Spectra that somebody brings are called what their files or their labels call them, and never more.

use std::fmt::Write as _;
use std::path::Path;

use parcelscope::identify::Spectra;
use parcelscope::laboratory::labelled_queries;
use serde_json::Value;

use super::accounts::{program, said};
use super::laboratory_import::intensity;

fn points(first_cm1: f64) -> String {
    let axis = (0..900).map(|i| 300.0 + 2.0 * f64::from(i));
    axis.fold(String::new(), |mut text, x| {
        writeln!(text, "{x:.1},{:.2}", intensity(x, first_cm1)).unwrap();
        text
    })
}

/// Writes one file of each kind; the second says that it is simulated.
fn files(folder: &Path) {
    std::fs::write(folder.join("silent.csv"), format!("Raman shift (cm-1),Intensity (counts)\n{}", points(505.0)))
        .unwrap();
    let jcamp = format!(
        "##TITLE=b\n##JCAMP-DX=5.01\n##DATA TYPE=RAMAN SPECTRUM\n##ORIGIN=test\n##OWNER=test\n##XUNITS=1/CM\n##YUNITS=COUNTS\n\
         ##$NOTE=simulated: an emulated analyzer, no real sample\n##NPOINTS=900\n##XYPOINTS=(XY..XY)\n{}##END=\n",
        points(620.0)
    );
    std::fs::write(folder.join("emulated.jdx"), jcamp).unwrap();
}

#[test]
fn labelled_spectra_are_measured_or_simulated_where_files_or_labels_say_so_else_as_stated() {
    let folder = tempfile::tempdir().unwrap();
    let spectra_in = folder.path().join("spectra");
    std::fs::create_dir(&spectra_in).unwrap();
    files(&spectra_in);
    let labels = folder.path().join("labels.csv");
    let ask = |table: &str| {
        std::fs::write(&labels, table).unwrap();
        labelled_queries(&spectra_in, &labels, &|_, _| true).map(|found| found.spectra).map_err(|e| e.to_string())
    };
    let head = "file,substance,technique,origin\n";
    let silent = |origin: &str| format!("{head}silent.csv,novelane,raman,{origin}\n");
    assert_eq!(ask("file,substance,technique\nsilent.csv,novelane,raman\n"), Ok(Spectra::AsStated));
    assert_eq!(ask(&silent("")), Ok(Spectra::AsStated));
    assert_eq!(ask(&silent("measured")), Ok(Spectra::Measured));
    assert_eq!(ask(&silent("Simulated")), Ok(Spectra::Simulated));
    assert!(ask(&silent("real")).unwrap_err().contains("measured or simulated"));
    assert_eq!(ask(&format!("{head}emulated.jdx,novelane,,\n")), Ok(Spectra::Simulated), "the file says it");
    assert!(
        ask(&format!("{head}emulated.jdx,novelane,,measured\n")).unwrap_err().contains("says that it is simulated")
    );
    let both = format!("{}emulated.jdx,novelane,,\n", silent("measured"));
    assert_eq!(ask(&both), Ok(Spectra::Several { measured: 1, simulated: 1, as_stated: 0 }));

    // The table that a person reads says it too.
    let evaluate = |arguments: &[&str]| {
        let fixed =
            ["evaluate", "queries", "--queries", spectra_in.to_str().unwrap(), "--labels", labels.to_str().unwrap()];
        let output = program(folder.path(), &[&fixed[..], arguments].concat(), &[]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = evaluate(&[]);
    assert!(text.contains("1 measured, 1 simulated"), "{text}");
    std::fs::write(&labels, silent("")).unwrap();
    let text = evaluate(&[]);
    assert!(text.contains("as stated by the operator") && !text.contains("measured"), "{text}");
    let document: Value = serde_json::from_str(&evaluate(&["--json"])).unwrap();
    assert!(document.to_string().contains("as-stated"), "{document}");
}

#[test]
fn a_file_that_calls_itself_simulated_becomes_no_measured_reference() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let file = folder.path().join("emulated.jdx");
    let draft = folder.path().join("draft");
    let (file, draft, data) = (file.to_str().unwrap(), draft.to_str().unwrap(), folder.path().join("data"));
    let run = |arguments: &[&str], code: i32| {
        let output = program(&data, arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        said(&output)
    };
    run(&["library", "draft", draft, "--version", "2027.1"], 0);
    let import =
        ["library", "import", file, "--into", draft, "--source", "partner", "--name-by", "file", "--citation", "A"];
    let import = [&import[..], &["--licence", "by-agreement", "--group", "cutting-agent"]].concat();
    assert!(run(&import, 1).contains("says that it is simulated"));
    run(&[&import[..], &["--tier", "simulated"]].concat(), 0);
    let shown = run(&["library", "show", "emulated", "--library", draft], 0);
    assert!(shown.contains("simulated raman"), "{shown}");
}
