//! From bounds to the exact order.

/// The `count` best rows with their exact scores, best first, ties in the order of the rows; fewer where fewer have a
/// score. `bounds[row]` must not be below the row's exact score (negative infinity: the row does not count), and
/// `exact(row)` gives that score, or none where the row cannot be compared. Rows whose bound lies under the score of the
/// last place are never asked for.
pub fn top(bounds: &[f32], count: usize, mut exact: impl FnMut(usize) -> Option<f64>) -> Vec<(usize, f64)> {
    if count == 0 {
        return Vec::new();
    }
    let better = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    // The rows with the highest bounds say how good the last place is at least.
    let mut found: Vec<(usize, f64)> = Vec::with_capacity(2 * count);
    let first = highest(bounds, count);
    found.extend(first.iter().filter_map(|row| Some((*row, exact(*row)?))));
    found.sort_by(better);
    let mut last = if found.len() < count { f64::NEG_INFINITY } else { found[count - 1].1 };
    let mut asked = first;
    asked.sort_unstable();
    let mut open: Vec<(usize, f32)> = bounds
        .iter()
        .enumerate()
        .filter(|(_, b)| f64::from(**b) >= last && **b > f32::NEG_INFINITY)
        .filter(|(row, _)| asked.binary_search(row).is_err())
        .map(|(row, b)| (row, *b))
        .collect();
    open.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    for (row, bound) in open {
        if f64::from(bound) < last {
            break;
        }
        let Some(score) = exact(row) else { continue };
        if found.len() >= count && score < last {
            continue;
        }
        let place = found.partition_point(|f| better(f, &(row, score)).is_lt());
        found.insert(place, (row, score));
        found.truncate(count);
        if found.len() == count {
            last = found[count - 1].1;
        }
    }
    found
}

/// The `count` rows with the highest bounds, highest first, ties in the order of the rows; negative infinity is none.
pub fn highest(bounds: &[f32], count: usize) -> Vec<usize> {
    if count == 0 {
        return Vec::new();
    }
    let mut kept: Vec<(f32, usize)> = Vec::with_capacity(4 * count);
    let mut least = f32::NEG_INFINITY;
    for (row, bound) in bounds.iter().enumerate() {
        // The first of equals stays: later rows with the lowest bound kept would only replace it.
        if *bound > least {
            kept.push((*bound, row));
            if kept.len() == 4 * count {
                kept.select_nth_unstable_by(count - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                kept.truncate(count);
                least = kept.iter().map(|k| k.0).fold(f32::INFINITY, f32::min);
            }
        }
    }
    kept.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    kept.into_iter().take(count).map(|k| k.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_comparing_everything(
            scores in prop::collection::vec((0_i8..20, 0.0_f32..0.4, prop::bool::weighted(0.9)), 0..400),
            count in 0_usize..60,
        ) {
            // Few different scores, so that ties decide.
            let exact = |row: usize| scores[row].2.then(|| f64::from(scores[row].0) / 20.0);
            let bounds: Vec<f32> = scores.iter().map(|(s, over, _)| f32::from(*s) / 20.0 + over + 1e-6).collect();
            let mut slow: Vec<(usize, f64)> =
                (0..scores.len()).filter_map(|row| Some((row, exact(row)?))).collect();
            slow.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            slow.truncate(count);
            prop_assert_eq!(top(&bounds, count, exact), slow);
        }

        #[test]
        fn the_highest_are_those_of_a_full_sort(
            bounds in prop::collection::vec(prop_oneof![Just(f32::NEG_INFINITY), (0_u8..30).prop_map(f32::from)], 0..300),
            count in 0_usize..40,
        ) {
            let mut slow: Vec<usize> = (0..bounds.len()).filter(|r| bounds[*r] > f32::NEG_INFINITY).collect();
            slow.sort_by(|a, b| bounds[*b].total_cmp(&bounds[*a]).then(a.cmp(b)));
            slow.truncate(count);
            prop_assert_eq!(highest(&bounds, count), slow);
        }
    }
}
