//! From the numbers of a table to the points of a spectrum, with the checks that the file carries.

use super::ordinates::{LineStart, Ordinates};

/// Share of the ordinate's range by which stated and read extremes may differ: writers round them.
const EXTREME_TOLERANCE: f64 = 0.01;

/// What a block says about its table.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    /// First abscissa.
    pub first_x: Option<f64>,
    /// Last abscissa.
    pub last_x: Option<f64>,
    /// Step of the abscissa.
    pub delta_x: Option<f64>,
    /// Number of points.
    pub points: Option<usize>,
    /// Factor of the abscissas in the lines.
    pub x_factor: f64,
    /// Factor of the ordinates.
    pub y_factor: f64,
    /// First ordinate.
    pub first_y: Option<f64>,
    /// Lowest ordinate.
    pub min_y: Option<f64>,
    /// Highest ordinate.
    pub max_y: Option<f64>,
}

impl Default for Scale {
    /// Nothing stated: factors of one.
    fn default() -> Self {
        Self {
            first_x: None,
            last_x: None,
            delta_x: None,
            points: None,
            x_factor: 1.0,
            y_factor: 1.0,
            first_y: None,
            min_y: None,
            max_y: None,
        }
    }
}

/// Points, and what the checks say about them.
#[derive(Debug, Default)]
pub(super) struct Points {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// Checks that failed.
    pub defects: Vec<String>,
}

impl Points {
    /// Points of a table of even steps.
    pub fn even(table: Ordinates, scale: &Scale) -> Self {
        let mut points = Self::default();
        let count = table.y.len();
        let last_line = table.starts.last().map(|start| start.line);
        match table.failed_checks.as_slice() {
            [] => {}
            // Some programs close a table with a line that holds an abscissa and a zero.
            [(line, 0.0)] if Some(*line) == last_line && table.starts.last().is_some_and(|s| s.index + 1 == count) => {
                points.notes.push("its last line holds zero instead of the last value".to_owned());
            }
            [(line, _), ..] => points.defects.push(format!(
                "line {line} does not begin with the last value of the line before (lines that fail so: {})",
                table.failed_checks.len()
            )),
        }
        points.check_count(count, scale);
        let (first, step) = points.place(&table.starts, count, scale);
        points.x = (0..count).map(|i| step.mul_add(i as f64, first)).collect();
        // The stated end is exact, the sum of steps is not.
        if let (Some(last), Some(stated)) = (points.x.last_mut(), scale.last_x)
            && (*last - stated).abs() < 1e-6 * step.abs()
        {
            *last = stated;
        }
        points.y = table.y;
        points.finish(scale);
        points
    }

    /// Points of a table of pairs.
    pub fn pairs(x: Vec<f64>, y: Vec<f64>, scale: &Scale) -> Self {
        let mut points = Self { x, y, ..Self::default() };
        points.check_count(points.y.len(), scale);
        if scale.x_factor != 1.0 {
            for x in &mut points.x {
                *x *= scale.x_factor;
            }
        }
        points.finish(scale);
        points
    }

    fn check_count(&mut self, count: usize, scale: &Scale) {
        if let Some(stated) = scale.points
            && stated != count
        {
            self.defects.push(format!("{stated} points are stated and {count} are there"));
        }
    }

    /// First abscissa and step: the first of the ways in which the header gives them that agrees with the abscissas in
    /// the lines.
    fn place(&mut self, starts: &[LineStart], count: usize, scale: &Scale) -> (f64, f64) {
        let stated_first = scale.first_x;
        let first = stated_first.or_else(|| starts.first().map(|s| s.x * scale.x_factor)).unwrap_or(0.0);
        let over = |points: usize| {
            let last = scale.last_x.filter(|_| points > 1)?;
            Some((last - first) / (points as f64 - 1.0))
        };
        let by_lines = || {
            let (a, b) = (starts.first()?, starts.last()?);
            (b.index > a.index).then(|| (b.x - a.x) * scale.x_factor / (b.index - a.index) as f64)
        };
        let candidates = [scale.points.and_then(over), scale.delta_x, over(count)];
        let mut candidates: Vec<f64> = candidates.into_iter().flatten().filter(|step| step.is_finite()).collect();
        if candidates.is_empty() {
            // The lines cannot check a step that comes from themselves, but they can still be unevenly apart.
            candidates.push(by_lines().unwrap_or(0.0));
        }
        let wrong = |step: f64, factor: f64, is_ahead: bool| {
            starts.iter().find(|start| {
                let fits = |index: usize| agrees(start, step.mul_add(index as f64, first), step, factor);
                !(fits(start.index) || is_ahead && start.is_check && fits(start.index + 1))
            })
        };
        let step = candidates.first().copied().unwrap_or(0.0);
        // Against the standard, some programs leave the abscissas unscaled, and some give beside a check value the
        // abscissa of the point behind it.
        for (factor, is_ahead, note) in [
            (scale.x_factor, false, ""),
            (1.0, false, "the abscissas of its lines are not scaled by the stated XFACTOR"),
            (scale.x_factor, true, "the abscissas of its lines are those of the point behind the check value"),
        ] {
            if let Some(step) = candidates.iter().find(|step| wrong(**step, factor, is_ahead).is_none()) {
                self.notes.extend((!note.is_empty()).then(|| note.to_owned()));
                return (first, *step);
            }
        }
        if let Some(start) = wrong(step, scale.x_factor, false) {
            let due = step.mul_add(start.index as f64, first);
            self.defects.push(format!(
                "line {} says that its abscissa is {}, and {due} is due: points are missing or double",
                start.line,
                start.x * scale.x_factor
            ));
        }
        (first, step)
    }

    /// Applies the factor, leaves out points without value, compares with the stated extremes.
    fn finish(&mut self, scale: &Scale) {
        if scale.y_factor != 1.0 {
            for y in &mut self.y {
                *y *= scale.y_factor;
            }
        }
        let total = self.y.len();
        if self.x.iter().chain(&self.y).any(|v| !v.is_finite()) {
            (self.x, self.y) = self
                .x
                .iter()
                .zip(&self.y)
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .map(|(x, y)| (*x, *y))
                .unzip();
            self.notes.push(format!("points without a value, left out: {}", total - self.y.len()));
        }
        let low = self.y.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = (high - low).max(high.abs()).max(low.abs());
        let read = [
            (scale.first_y, self.y.first().copied(), "first"),
            (scale.min_y, Some(low), "lowest"),
            (scale.max_y, Some(high), "highest"),
        ];
        for (stated, read, which) in read {
            if let (Some(stated), Some(read)) = (stated, read)
                && (stated - read).abs() > EXTREME_TOLERANCE * range
            {
                self.notes.push(format!("its {which} ordinate is stated as {stated} and is {read}"));
            }
        }
    }
}

/// True where the abscissa of a line is the one that is due, but for the digits that it does not have.
fn agrees(start: &LineStart, due: f64, step: f64, factor: f64) -> bool {
    // Writers round or cut off the last digit; half a step away is another point.
    let digit = 0.99 * 2.0 * start.rounding * factor.abs();
    let tolerance = digit.max(0.5 * step.abs()) + 1e-7 * due.abs();
    (start.x * factor - due).abs() <= tolerance
}
