//! The references of an index as the fast pass reads them, and the bound of each for one query.

use std::ops::Range;

use crate::signal::Prepared;

use super::index::{Head, Index, Metric, running_sums};
use super::scan::{Factors, Inside, Probe, Table};
use super::search::{Asked, LIST_ONLY, MIN_OVERLAP};

/// Calculated references that share a range are bounded together; fewer than this are compared at once.
const WORTH_A_PROBE: usize = 4;
/// Squared lengths under this share of the whole bound nothing.
const TOO_LITTLE: f32 = 1e-4;
/// Rounding of the lengths, relative.
const ROUNDING: f64 = 1e-6;

/// Bytes of all references, by metric.
#[derive(Debug, Default)]
pub(super) struct Tables {
    sharp: Rows,
    tolerant: Rows,
}

/// References of one metric in the order of their ranges: what depends on the range is worked out once for each.
#[derive(Debug, Default)]
struct Rows {
    table: Option<Table>,
    /// Entry of each row.
    entries: Vec<usize>,
    /// Rows with one range, all of which may identify or none.
    groups: Vec<Range<usize>>,
}

impl Rows {
    fn new(
        index: &Index,
        metric: Metric,
        saved: Option<&mut &[u8]>,
        row: impl Fn(&usize) -> (usize, Vec<f64>),
    ) -> Self {
        let heads = || index.heads.iter().enumerate().filter(|(_, h)| h.metric == metric);
        let kind = |h: &Head| (h.supports, h.span.start, h.span.end);
        let mut order: Vec<((bool, usize, usize), usize)> = heads().map(|(entry, h)| (kind(h), entry)).collect();
        order.sort_unstable();
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut last = None;
        for (row, (kind, _)) in order.iter().enumerate() {
            match groups.last_mut() {
                Some(group) if last == Some(kind) => group.end = row + 1,
                _ => groups.push(row..row + 1),
            }
            last = Some(kind);
        }
        let entries: Vec<usize> = order.into_iter().map(|(_, entry)| entry).collect();
        let kept = saved.and_then(|bytes| Table::take_from(bytes, index.grid.len(), entries.len()));
        let table = match kept {
            Some(mut table) => {
                // What alarms is never taken from a file that nobody signed: it cannot hide from the search there.
                for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| index.alarms(**entry)) {
                    let (start, values) = row(entry);
                    table.replace(place, start, &values);
                }
                table
            }
            None => Table::new(index.grid.len(), entries.iter().map(row)),
        };
        Self { table: Some(table), entries, groups }
    }
}

impl Tables {
    /// Synthesises the feature of every reference of the index; with the bytes that [`Self::append_to`] once gave for the
    /// same references, only of those that alarm.
    pub fn build(index: &Index, saved: Option<&[u8]>) -> Self {
        // A reference of which nothing lies on the grid is a row of zeros, and no comparison gives it a score.
        let row = |entry: &usize| index.feature(*entry).unwrap_or_default();
        let centred = |entry: &usize| {
            let (start, mut values) = row(entry);
            let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
            for v in &mut values {
                *v -= mean;
            }
            (start, values)
        };
        let mut bytes = saved.unwrap_or_default();
        let mut rows_of = |metric, row: &dyn Fn(&usize) -> (usize, Vec<f64>)| {
            Rows::new(index, metric, saved.is_some().then_some(&mut bytes), row)
        };
        Self { sharp: rows_of(Metric::Sharp, &row), tolerant: rows_of(Metric::Tolerant, &centred) }
    }

    /// Appends the tables to what is to be kept.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        for rows in [&self.sharp, &self.tolerant] {
            if let Some(table) = &rows.table {
                table.append_to(out);
            }
        }
    }

    /// For each entry an upper bound of its score; negative infinity for those that `skip` hides.
    pub fn bounds(
        &self,
        query: &Prepared,
        index: &Index,
        (sharp, tolerant): (&Asked, &Asked),
        skip: &dyn Fn(&Head) -> bool,
    ) -> Vec<f32> {
        let mut bounds = vec![f32::NEG_INFINITY; index.heads.len()];
        let mut put = |entry: usize, bound: f32| {
            let hidden = index.heads.get(entry).is_none_or(skip);
            if let (false, Some(place)) = (hidden, bounds.get_mut(entry)) {
                *place = bound.min(1.0); // no correlation is larger
            }
        };
        if let Some(table) = &self.sharp.table {
            let found = sharp_bounds(query, index, &self.sharp, table, sharp);
            self.sharp.entries.iter().zip(found).for_each(|(entry, bound)| put(*entry, bound));
        }
        if let Some(table) = &self.tolerant.table {
            for group in &self.tolerant.groups {
                let entries = self.tolerant.entries.get(group.clone()).unwrap_or_default();
                let found = tolerant_bounds(query, index, table, tolerant, group.clone(), entries);
                entries.iter().zip(found).for_each(|(entry, bound)| put(*entry, bound));
            }
        }
        bounds
    }
}

fn sharp_bounds(query: &Prepared, index: &Index, rows: &Rows, table: &Table, asked: &Asked) -> Vec<f32> {
    let reach = asked.reach(index.grid.step_cm1());
    let length = asked.length();
    let unit: Vec<f32> = asked.feature.iter().map(|v| (v / length.max(1e-300)) as f32).collect();
    let first = query.first() as isize;
    let curves: Vec<(isize, Vec<f32>)> = (-reach..=reach).map(|k| (first - k, unit.clone())).collect();
    let probe = Probe::new(table, &curves);
    let reach = reach.unsigned_abs();
    let inside = Inside::new(asked.usable_runs().into_iter().map(|run| {
        let (from, to) = (query.first() + run.start + reach, query.first() + run.end);
        from..to.saturating_sub(reach).max(from)
    }));
    // The query's squared length over the cells that meet a range at every shift, and at any shift.
    let squares = running_sums(&asked.feature);
    let whole = (length * length).max(1e-300);
    let share = |from: usize, to: usize| {
        let at = |cell: usize| {
            let place = cell.saturating_sub(query.first()).min(asked.feature.len());
            squares.get(place).map_or(0.0, |s| s.1)
        };
        ((at(to) - at(from)) / whole).max(0.0)
    };
    let mut bounds = Vec::with_capacity(table.len());
    for group in &rows.groups {
        let Some(head) = rows.entries.get(group.start).and_then(|e| index.heads.get(*e)) else { continue };
        let weight = if head.supports { 1.0 } else { LIST_ONLY as f32 };
        let (start, end) = (head.span.start, head.span.end);
        let shortest = share(start + reach, end.saturating_sub(reach).max(start + reach)) * (1.0 - ROUNDING);
        let longest = share(start.saturating_sub(reach), end + reach) * (1.0 + ROUNDING);
        let (shortest, least) = (shortest as f32, if longest > 0.0 { 1.0 / longest.sqrt() as f32 } else { 0.0 });
        bounds.extend(table.bounds(group.clone(), &probe, |row| {
            let product = shortest * table.inside(row, &inside).0;
            let most = if product < TOO_LITTLE { f32::MAX } else { 1.0 / product.sqrt() };
            Factors { most: most * weight, least: least.min(most) * weight }
        }));
    }
    bounds
}

/// Bounds of calculated references with one range. Their score is a correlation about the means over the common points;
/// those of the query are the same for all of them, so that it is centred once for each shift.
fn tolerant_bounds(
    query: &Prepared,
    index: &Index,
    table: &Table,
    asked: &Asked,
    rows: Range<usize>,
    entries: &[usize],
) -> Vec<f32> {
    let Some(span) = entries.first().and_then(|e| index.heads.get(*e)).map(|h| h.span.clone()) else {
        return Vec::new();
    };
    if rows.len() < WORTH_A_PROBE {
        return vec![1.0; rows.len()];
    }
    let reach = asked.reach(index.grid.step_cm1());
    let curves: Option<Vec<(isize, Vec<f32>)>> = (-reach..=reach)
        .map(|shift| {
            let common = asked.common(query.first(), &span, shift);
            let (n, mean) = asked.points_and_mean(&common.query);
            if common.query.len() < MIN_OVERLAP || n < MIN_OVERLAP as f64 {
                return None;
            }
            let values = asked.feature.get(common.query.clone())?.iter();
            let usable = query.usable().get(common.query.clone())?;
            let centred: Vec<f64> = values.zip(usable).map(|(v, ok)| if *ok { v - mean } else { 0.0 }).collect();
            let length = centred.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-300);
            let start = (span.start + common.reference) as isize;
            Some((start, centred.iter().map(|v| (v / length) as f32).collect()))
        })
        .collect();
    // Where one shift leaves too little there is no score at all.
    let Some(curves) = curves else { return vec![f32::NEG_INFINITY; rows.len()] };
    let probe = Probe::new(table, &curves);
    let reach = reach.unsigned_abs();
    let inside = Inside::new(asked.usable_runs().into_iter().map(|run| {
        let from = (query.first() + run.start + reach).max(span.start);
        let to = (query.first() + run.end).saturating_sub(reach).min(span.end);
        from..to.max(from)
    }));
    let cells = inside.cells().max(1) as f32;
    table.bounds(rows, &probe, |row| {
        let (square, sum) = table.inside(row, &inside);
        // About its own mean a part is no longer than the whole about the whole's mean.
        let length = square - sum * sum / cells - TOO_LITTLE * 0.1;
        let most = if length < TOO_LITTLE { f32::MAX } else { 1.0 / length.sqrt() };
        Factors { most, least: 1.0 }
    })
}
