//! What this scan could have seen: a presence test of every alarming substance, its detection limit, and coverage.

use crate::library::Library;
use crate::signal::Prepared;
use crate::spectrum::Technique;

use super::answer::{Coverage, DetectionLimit};
use super::evidence::{QueryBands, weigh};
use super::index::{Head, Index, Indexed};
use super::linear::{Span, left_over, non_negative};
use super::mixture::{Mixture, OTHERS_ERROR, Scatter, Space};

/// Standard deviations that an amplitude must exceed to count as present. The nominal one-sided rate of 3e-6 leaves room
/// for the number of substances that are tested and for tails that are not normal; checked on emulated blanks.
const DECISION_SIGMAS: f64 = 4.5;
/// What 95 % power adds (Currie, Anal. Chem. 40 (1968) 586).
const POWER_SIGMAS: f64 = 1.645;
/// The sample's own bands are not those of the reference, which lowers its amplitude and scatters it: factor on the
/// limit, chosen on the tuning half of emulated mixtures so that the stated power holds (`evaluate limits`).
const FIDELITY: f64 = 1.9;
/// Shifts at which a substance is looked for beside the common one, cm-1.
const SHIFTS_CM1: [f64; 3] = [-1.5, 0.0, 1.5];
/// Most of the predicted heights that may be missing from what the others leave.
const MISSING_SHARE: f64 = 0.25;
/// Share of the clearest significance from which another listed substance is named beside it.
const RELATIVE: f64 = 0.5;
/// What the presence test found for one alarming substance.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    /// Index of the substance in the library.
    pub substance: usize,
    /// Number in [`Index::heads`] of the reference that fitted best; none where none can be searched for.
    pub entry: Option<usize>,
    /// Amplitude over its standard deviation.
    pub sigmas: f64,
    /// Smallest share that would have been found with 95 % power; none where the substance cannot be searched for.
    pub limit: Option<f64>,
    /// True when it stands out and its bands are there.
    pub present: bool,
}

/// Tests every alarming substance that has a reference of this technique against what the other components leave
/// (net analyte signal, Lorber 1986; scatter and autocorrelation of this very residual).
pub(super) fn presences(
    library: &Library,
    query: &Prepared,
    index: &Index,
    mixture: &Mixture,
    hidden: &dyn Fn(&Head) -> bool,
) -> Vec<Presence> {
    let seen = |entry: &usize| index.heads.get(*entry).is_some_and(|h| !hidden(h));
    let alarming = library.substances.iter().enumerate().filter(|(_, s)| s.alarms);
    alarming
        .filter(|(i, _)| {
            index.knows(*i) && (index.entries_of(*i).next().is_none() || index.entries_of(*i).any(|e| seen(&e)))
        })
        .map(|(substance, _)| {
            let entries =
                index.entries_of(substance).filter(seen).filter_map(|number| Some((number, index.get(number)?)));
            let searchable = entries.filter(|(_, e)| e.is_measured() && e.supports);
            searchable
                .filter_map(|(number, entry)| test(query, (number, entry), mixture))
                .max_by(|a, b| a.sigmas.total_cmp(&b.sigmas).then(b.entry.cmp(&a.entry)))
                .unwrap_or(Presence { substance, entry: None, sigmas: 0.0, limit: None, present: false })
        })
        .collect()
}

fn test(query: &Prepared, (number, entry): (usize, &Indexed), mixture: &Mixture) -> Option<Presence> {
    let space = mixture.space.as_ref()?;
    let step = query.grid().step_cm1();
    let others: Vec<&super::mixture::Part> = mixture.parts.iter().filter(|p| p.substance != entry.substance).collect();
    let columns: Vec<&[f64]> = others.iter().map(|p| p.column.as_slice()).collect();
    let span = Span::of(&columns);
    let own_shift = mixture.parts.iter().find(|p| p.entry == number).map(|p| p.shift_cm1);
    let shifts = SHIFTS_CM1.map(|s| own_shift.unwrap_or(mixture.shift_cm1) + s);
    let best = shifts
        .iter()
        .filter_map(|shift| amplitude_at(entry, *shift, step, mixture, space, &columns, &span))
        .max_by(|a, b| a.sigmas().total_cmp(&b.sigmas()).then(b.shift_cm1.total_cmp(&a.shift_cm1)))?;
    let rest_area: f64 = best.others.iter().zip(&others).map(|(a, p)| a * p.curve.iter().sum::<f64>()).sum::<f64>()
        + mixture.surplus.iter().sum::<f64>();
    let share_of = |amplitude: f64| {
        let area = amplitude * best.curve_area;
        if area > 0.0 { (area / (area + rest_area.max(0.0))).clamp(0.0, 1.0) } else { 0.0 }
    };
    let limit = share_of(FIDELITY * (DECISION_SIGMAS + POWER_SIGMAS) * best.sd);
    let stands_out = best.sigmas() > DECISION_SIGMAS;
    let present = stands_out && {
        let mut fitted = vec![0.0; mixture.window.len()];
        for (part, a) in others.iter().zip(&best.others) {
            fitted.iter_mut().zip(&part.curve).for_each(|(f, c)| *f += a * c);
        }
        let error: Vec<f64> = fitted.iter().map(|f| OTHERS_ERROR * f).collect();
        let rest = query.less(mixture.window.start, &fitted, &error, best.value);
        let evidence = weigh(&rest, &QueryBands::of(&rest), entry, best.shift_cm1);
        evidence.missing_share <= MISSING_SHARE
    };
    Some(Presence {
        substance: entry.substance,
        entry: Some(number),
        sigmas: best.sigmas(),
        limit: Some(limit),
        present,
    })
}

/// Those that stand out, clearest first. Relatives of what is there stand out too: whatever reaches half of the clearest
/// one's significance is listed, because this test cannot tell them apart.
pub(super) fn standing_out(presences: &[Presence]) -> impl Iterator<Item = &Presence> {
    let mut found: Vec<&Presence> = presences.iter().filter(|p| p.present).collect();
    found.sort_by(|a, b| b.sigmas.total_cmp(&a.sigmas).then(a.substance.cmp(&b.substance)));
    let clearest = found.first().map_or(0.0, |p| p.sigmas);
    found.into_iter().filter(move |p| p.sigmas >= RELATIVE * clearest)
}

struct Amplitude {
    shift_cm1: f64,
    value: f64,
    sd: f64,
    others: Vec<f64>,
    curve_area: f64,
}

impl Amplitude {
    fn sigmas(&self) -> f64 {
        self.value / self.sd
    }
}

fn amplitude_at(
    entry: &Indexed,
    shift_cm1: f64,
    step_cm1: f64,
    mixture: &Mixture,
    space: &Space,
    columns: &[&[f64]],
    span: &Span,
) -> Option<Amplitude> {
    let shape = entry.over(mixture.window.clone(), shift_cm1, step_cm1);
    let column = space.whitening.whiten(&shape);
    let net = span.net_square(&column);
    if net <= 1e-9 {
        return None;
    }
    let set: Vec<&[f64]> = columns.iter().copied().chain([column.as_slice()]).collect();
    let mut amplitudes = non_negative(&space.target, &set);
    let rest = left_over(&space.target, &set, &amplitudes);
    let value = amplitudes.pop()?;
    let sd = Scatter::of(&rest, space.whitening.free()).amplitude_sd(net);
    Some(Amplitude { shift_cm1, value, sd, others: amplitudes, curve_area: shape.iter().sum() })
}

/// The limits in the words of the answer.
pub(super) fn detection_limits(library: &Library, presences: &[Presence]) -> Vec<DetectionLimit> {
    presences
        .iter()
        .filter_map(|p| {
            let substance = library.substances.get(p.substance)?;
            Some(DetectionLimit { substance: substance.name.clone(), spectral_share: p.limit })
        })
        .collect()
}

/// Which listed substances the library can search for with `technique`.
pub(super) fn coverage(library: &Library, technique: Technique) -> Coverage {
    let found = library.coverage(technique);
    let name = |index: &usize| library.substances.get(*index).map(|s| s.name.clone());
    Coverage {
        listed_measured: found.measured.len() + found.literature.len(),
        listed_computed_only: found.computed_only.len(),
        not_searchable: found.not_searchable.iter().filter_map(name).collect(),
    }
}
