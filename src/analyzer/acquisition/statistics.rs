//! Mean and median.

/// Mean; 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Middle value, or the mean of the two middle ones; 0 of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(upper), 0) => {
            f64::midpoint(*upper, middle.checked_sub(1).and_then(|i| values.get(i)).copied().unwrap_or(*upper))
        }
        (Some(value), _) => *value,
        (None, _) => 0.0,
    }
}
