//! Where a reference that somebody brought in came from, in words.

use crate::library::Provenance;

/// One line for each thing that is known.
pub(super) fn lines(p: &Provenance) -> Vec<String> {
    let mut lines = vec![format!("brought in by {} at {}", p.author, p.added_at)];
    let mut line = |what: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            lines.push(format!("{what} {value}"));
        }
    };
    line("instrument", p.instrument.clone());
    line("lot", p.lot.clone());
    line("certificate", p.certificate.clone());
    line("purity", p.purity_percent.map(|v| format!("{v} % by mass")));
    for (what, list) in [("stated by operator:", &p.stated), ("", &p.converted), ("ASSUMED", &p.assumed)] {
        for words in list {
            line(what, Some(words.clone()));
        }
    }
    for file in &p.files {
        line("from", Some(format!("{}, SHA-256 {}", file.name, file.sha256)));
    }
    for r in &p.replicates {
        let out = if r.outlier { ", stood out and was left out" } else { "" };
        line("replicate", Some(format!("{}: correlation {:.4}{out}", r.name, r.correlation)));
    }
    let near: Vec<String> = p.nearest.iter().map(|(name, score)| format!("{name} {score:.2}")).collect();
    line("nearest when it was added:", Some(near.join(", ")));
    lines.into_iter().map(|l| l.trim_start().to_owned()).collect()
}
