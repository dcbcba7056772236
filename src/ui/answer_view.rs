//! One stored scan as the screens show it. Built once when the answer arrives; frames only read it.

use std::sync::Arc;

use crate::casebook::{ScanRecord, Standing, StoredScan};
use crate::identify::{Answer, Identified, Level, Strength, Verdict};
use crate::library::Library;

use super::traces::traces;
use super::widgets::Traces;
use super::words;

/// Most components and candidates that a card lists; the record holds all.
const ROWS: usize = 6;

/// A row of the list of components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRow {
    /// Substance.
    pub name: String,
    /// Share of the signal in words.
    pub share: String,
    /// Where the reference came from.
    pub tier: &'static str,
}

/// A row of the list of candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateRow {
    /// Substance.
    pub name: String,
    /// Similarity, 0 to 1: no probability.
    pub similarity: String,
    /// The calibrated probability, or a dash where none was calibrated for this candidate.
    pub probability: String,
    /// Share of the query's bands that it explains.
    pub explained: String,
    /// Its bands that are missing from the scan.
    pub missing: String,
    /// Where the reference came from.
    pub tier: &'static str,
}

/// Everything the answer page shows.
#[derive(Clone, Debug)]
pub struct AnswerView {
    /// The scan.
    pub scan: Arc<StoredScan>,
    /// Level.
    pub level: Level,
    /// What the banner's title is about; may be empty.
    pub subject: String,
    /// The line below it.
    pub detail: String,
    /// What to do, one line each.
    pub steps: Vec<String>,
    /// What is wrong with the scan, one line each.
    pub problems: Vec<String>,
    /// Components.
    pub parts: Vec<PartRow>,
    /// Share that no reference explains.
    pub unexplained: String,
    /// Candidates.
    pub candidates: Vec<CandidateRow>,
    /// Label and value of every fact of the record.
    pub facts: Vec<(&'static str, String)>,
    /// The plot.
    pub traces: Traces,
    /// Whether any of the candidates shown carries a calibrated probability.
    pub calibrated: bool,
}

impl AnswerView {
    /// Builds the view of a scan.
    pub fn new(scan: Arc<StoredScan>, library: Option<&Library>) -> Self {
        let answer = &scan.record.answer;
        let level = answer.verdict.level();
        let (subject, detail) = banner_texts(answer);
        Self {
            level,
            subject,
            detail,
            steps: steps(answer),
            problems: answer.quality.problems.iter().cloned().chain(scan.record.clock_warning()).collect(),
            parts: answer
                .mixture
                .iter()
                .take(ROWS)
                .map(|c| PartRow {
                    name: c.substance.clone(),
                    share: words::share(c.spectral_share, c.share_interval),
                    tier: words::tier_words(c.reference.tier),
                })
                .collect(),
            unexplained: words::share(answer.residual.unexplained, None),
            candidates: candidates(answer),
            calibrated: answer.candidates.iter().take(ROWS).any(|c| c.probability.is_some()),
            facts: facts(&scan),
            traces: traces(&scan.record.acquisition.spectrum, answer, library),
            scan,
        }
    }

    /// Takes the same scan with its number, once it has one.
    pub fn set_scan(&mut self, scan: Arc<StoredScan>) {
        self.facts = facts(&scan);
        self.scan = scan;
    }
}

/// Subject and detail of the banner.
fn banner_texts(answer: &Answer) -> (String, String) {
    let verdict = &answer.verdict;
    let headline = verdict.headline().trim();
    let mut detail = Vec::new();
    let (subject, meant) = subject(verdict, &answer.identified);
    match verdict.level() {
        Level::Alarm | Level::Alert => detail.push("Presumptive".to_owned()),
        Level::Inconclusive | Level::NoneDetected => {}
    }
    // The title already says the level; a headline that repeats it loses the repetition.
    let rest = words::without_level(headline, verdict.level());
    let rest = without_subject(rest, &subject);
    if !rest.is_empty() {
        detail.push(rest.to_owned());
    }
    let told: Vec<&Identified> = match meant {
        Some(found) => vec![found],
        None => answer.identified.iter().collect(),
    };
    for found in told.into_iter().filter(|found| !found.alternatives.is_empty()) {
        detail.push(format!(
            "{} cannot be told apart from {}",
            found.substance,
            words::name_some(&found.alternatives, 2)
        ));
    }
    (subject, detail.join(" · "))
}

/// What an alarm or an alert is about, and where it is among the finds. A scan may also name what is harmless, like the
/// bag; the verdict's headline begins with what it stands for.
fn subject<'a>(verdict: &Verdict, identified: &'a [Identified]) -> (String, Option<&'a Identified>) {
    let headline = verdict.headline().trim();
    match verdict.level() {
        Level::Inconclusive | Level::NoneDetected => return (String::new(), None),
        Level::Alarm | Level::Alert => {}
    }
    if let Some((names, _)) = headline.split_once(": this scan cannot tell them apart") {
        return (names.to_owned(), None);
    }
    let place = |found: &&Identified| {
        headline.find(&found.substance).map_or((usize::MAX, 0), |at| (at, usize::MAX - found.substance.len()))
    };
    match identified.iter().min_by_key(place).filter(|found| headline.contains(&found.substance)) {
        None => (headline.to_owned(), None),
        Some(found) if found.strength == Strength::Identified => (found.substance.clone(), Some(found)),
        Some(found) => (format!("possible {}", found.substance), Some(found)),
    }
}

/// What a headline says beyond the subject that it starts with.
fn without_subject<'a>(headline: &'a str, subject: &str) -> &'a str {
    match headline.get(..subject.len()) {
        Some(start) if !subject.is_empty() && start.eq_ignore_ascii_case(subject) => {
            let rest = headline.get(subject.len()..).unwrap_or_default().trim_start_matches([' ', ',', ':']);
            // A remark in brackets needs none where it stands alone.
            rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')).filter(|r| !r.contains('(')).unwrap_or(rest)
        }
        _ => headline,
    }
}

/// What to do, one line each; for *nothing listed detected* with what could have been missed.
fn steps(answer: &Answer) -> Vec<String> {
    let mut steps = words::sentences(answer.verdict.next_step());
    // The banner says it.
    steps.retain(|s| s != "Presumptive.");
    if answer.verdict.level() == Level::NoneDetected {
        // The card's title says it.
        steps.retain(|s| s != "This does not mean safe.");
        if !answer.coverage.not_searchable.is_empty() {
            steps.push(format!(
                "Not searchable with this library: {}.",
                words::name_some(&answer.coverage.not_searchable, 2)
            ));
        }
    }
    steps
}

fn candidates(answer: &Answer) -> Vec<CandidateRow> {
    answer
        .candidates
        .iter()
        .take(ROWS)
        .map(|c| CandidateRow {
            name: c.substance.clone(),
            similarity: format!("{:.2}", c.score),
            probability: c.probability.map_or_else(|| "–".to_owned(), |p| format!("{p:.2}")),
            explained: words::share(c.explained, None),
            missing: if c.missing_bands.is_empty() {
                "none".to_owned()
            } else {
                let bands: Vec<String> = c.missing_bands.iter().map(|b| format!("{b:.0}")).collect();
                words::name_some(&bands, 3)
            },
            tier: words::tier_words(c.reference.tier),
        })
        .collect()
}

/// Who scanned, and what that person was at the time.
fn operator(record: &ScanRecord) -> String {
    let Some(Standing { role, training_expires }) = record.standing else { return record.operator.clone() };
    let training = training_expires.map_or("no training date".to_owned(), |day| format!("trained until {day}"));
    format!("{}, {}, {training}", record.operator, role.name())
}

/// Every fact that a second person needs to judge the scan.
fn facts(scan: &StoredScan) -> Vec<(&'static str, String)> {
    let r = &scan.record;
    let a = &r.acquisition;
    let q = &r.answer.quality;
    let device = |d: &crate::analyzer::DeviceIdentity| {
        let firmware = d.firmware.as_ref().map_or(String::new(), |f| format!(", firmware {f}"));
        format!("{}, serial {}{firmware}, {} on {}", d.model, d.serial, d.driver, d.port)
    };
    let mut out = Vec::new();
    if scan.id > 0 {
        out.push(("Record", scan.id.to_string()));
    }
    out.push(("Time", words::local_time(r.taken_at)));
    if let Some(source) = r.time_source {
        out.push(("Clock", source.words()));
    }
    out.push(("Operator", operator(r)));
    out.push(("Parcel", if r.parcel.is_empty() { "not stated".to_owned() } else { r.parcel.clone() }));
    out.push(("Scanned", r.subject.words()));
    out.push(("Last blank", r.last_blank_words()));
    out.push(("Origin", if a.simulated { "simulated (emulated analyzer)" } else { "measured" }.to_owned()));
    if let Some(sample) = &r.emulated_sample {
        out.push(("Emulated sample", sample.clone()));
    }
    out.push(("Spectrometer", device(&a.spectrometer)));
    if let Some(place) = &a.conditions.place {
        out.push(("Place", place.words()));
    }
    let raman = a.conditions.nir.is_none();
    if raman {
        out.push(("Laser", format!("{} at {} nm", device(&a.laser), a.excitation_nm)));
    }
    if let Some(light) = a.light.first().filter(|_| raman) {
        out.push((
            "Exposure",
            format!(
                "{} × {} ms, {} averaged, saturation at {} counts",
                a.light.len(),
                f64::from(light.integration_us) / 1000.0,
                light.scans_averaged,
                light.saturation_counts
            ),
        ));
        if !light.temperatures_c.is_empty() {
            let all: Vec<String> = light.temperatures_c.iter().map(|t| format!("{t:.1} °C")).collect();
            out.push(("Temperatures", all.join(", ")));
        }
    }
    out.push(("Quality", format!("signal to noise {:.0}, background {:.1} times the bands", q.snr, q.fluorescence)));
    out.push(("Range compared", format!("{:.0} to {:.0} cm⁻¹", q.range_cm1.0, q.range_cm1.1)));
    out.push(("Rule", r.answer.verdict.rule().to_owned()));
    for found in &r.answer.identified {
        let cas = found.cas.as_ref().map_or(String::new(), |c| format!(", CAS {c}"));
        let others = if found.alternatives.is_empty() {
            String::new()
        } else {
            format!("; cannot be told apart from {}", found.alternatives.join(", "))
        };
        out.push((
            "Named",
            format!("{}{cas}, {}, {}{others}", found.substance, found.form, words::strength_words(found.strength)),
        ));
    }
    let sha: String = r.answer.library.sha256.chars().take(16).collect();
    out.push(("Library", format!("{} {}, SHA-256 {sha}…", r.answer.library.name, r.answer.library.version)));
    out.push(("Engine", r.answer.engine.clone()));
    out.push(("Program", r.program_version.clone()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_is_about_what_alarms_and_not_about_its_company() {
        let find = |name: &str, strength| Identified {
            substance: name.to_owned(),
            cas: None,
            form: String::new(),
            strength,
            groups: Vec::new(),
            alternatives: Vec::new(),
        };
        let (sure, maybe) = (Strength::Identified, Strength::Possible);
        let cases = [
            ("fentanyl identified", vec![("fentanyl", sure)], "fentanyl"),
            ("fentanyl identified beside lactose", vec![("lactose", sure), ("fentanyl", sure)], "fentanyl"),
            ("Possible 4-AP (calculated reference)", vec![("n-heptane", sure), ("4-AP", maybe)], "possible 4-AP"),
            (
                "Possible acetylfentanyl",
                vec![("fentanyl", maybe), ("acetylfentanyl", maybe)],
                "possible acetylfentanyl",
            ),
            ("Possible 4-APX", vec![("4-AP", maybe), ("4-APX", maybe)], "possible 4-APX"),
            ("sucrose or X: this scan cannot tell them apart", vec![("sucrose", sure)], "sucrose or X"),
            ("Possible X in a mixture", vec![("lactose", sure)], "Possible X in a mixture"),
            ("Something", vec![], "Something"),
        ];
        for (headline, finds, expected) in cases {
            let verdict = Verdict::alert("r", headline.to_owned(), String::new());
            let finds: Vec<Identified> = finds.into_iter().map(|(name, strength)| find(name, strength)).collect();
            assert_eq!(subject(&verdict, &finds).0, expected, "{headline}");
        }
    }

    #[test]
    fn what_a_headline_adds_keeps_its_brackets_in_pairs() {
        let subject = "possible fentanyl";
        let rest = |headline| without_subject(headline, subject);
        assert_eq!(
            rest("Possible fentanyl or a relative (calculated reference)"),
            "or a relative (calculated reference)"
        );
        assert_eq!(rest("Possible fentanyl (calculated reference)"), "calculated reference");
        assert_eq!(rest("Possible fentanyl"), "");
        assert_eq!(rest("Something else"), "Something else");
    }
}
