//! The spectrum as lines on paper.

use super::curves::Curves;
use super::letters::Weight;
use super::sheet::{BLACK, Ink, MARGIN, MUTE, Mark, NOTE, RULE, Sheet};

/// Height of the plot with its axis, points.
const HEIGHT: f32 = 190.0;
/// Height of the axis with its labels.
const AXIS: f32 = 30.0;
/// Room above the highest and below the lowest value, in units of the highest.
const HEADROOM: f64 = 0.05;
const REFERENCE: Ink = [0x0b, 0x68, 0xb8];

/// Puts the plot on the sheet.
pub(super) fn plot(sheet: &mut Sheet<'_>, curves: &Curves, axis_name: &str) {
    sheet.keep_together(HEIGHT + 30.0);
    legend(sheet, "This scan, background removed", BLACK);
    match &curves.reference {
        Ok((name, _)) => legend(sheet, name, REFERENCE),
        Err(why) => sheet.paragraph(why, Weight::Regular, NOTE, MUTE),
    }
    let top = sheet.take(HEIGHT);
    let (left, width) = (MARGIN, sheet.width());
    let bottom = top + HEIGHT - AXIS;
    let (Some(first), Some(last)) = (curves.axis_cm1.first().copied(), curves.axis_cm1.last().copied()) else {
        return sheet.text((left, top), "This scan has no usable points.", Weight::Regular, NOTE, MUTE);
    };
    if last <= first {
        return;
    }
    let reference = curves.reference.as_ref().ok().map(|(_, y)| y.as_slice());
    let low = curves.scan.iter().chain(reference.unwrap_or_default()).fold(0.0_f64, |low, y| low.min(*y)).max(-1.0);
    let x_of = |x: f64| left + ((x - first) / (last - first)) as f32 * width;
    let y_of = |y: f64| {
        let share = (y.clamp(-1.0, 1.0) - low + HEADROOM) / (1.0 - low + 2.0 * HEADROOM);
        bottom - share as f32 * (bottom - top)
    };
    let step = tick_step(last - first);
    let mut tick = (first / step).ceil() * step;
    while tick <= last {
        let x = x_of(tick);
        sheet.put(Mark::Line { points: vec![(x, top), (x, bottom)], width: 0.35, ink: RULE });
        let label = format!("{tick:.0}");
        let half = sheet.letters.width(&label, Weight::Regular, NOTE) / 2.0;
        sheet.text((x - half, bottom + 3.0), &label, Weight::Regular, NOTE, MUTE);
        tick += step;
    }
    sheet.put(Mark::Line { points: vec![(left, bottom), (left + width, bottom)], width: 0.7, ink: MUTE });
    let half = sheet.letters.width(axis_name, Weight::Regular, NOTE) / 2.0;
    sheet.text((left + width / 2.0 - half, bottom + 15.0), axis_name, Weight::Regular, NOTE, MUTE);
    let line = |y: &[f64]| curves.axis_cm1.iter().zip(y).map(|(x, y)| (x_of(*x), y_of(*y))).collect::<Vec<_>>();
    if let Some(y) = reference {
        sheet.put(Mark::Line { points: line(y), width: 1.1, ink: REFERENCE });
    }
    sheet.put(Mark::Line { points: line(&curves.scan), width: 0.7, ink: BLACK });
}

fn legend(sheet: &mut Sheet<'_>, name: &str, ink: Ink) {
    let lines = sheet.letters.lines(name, Weight::Regular, NOTE, sheet.width() - 24.0);
    for (i, line) in lines.iter().enumerate() {
        let top = sheet.take(11.0);
        if i == 0 {
            let points = vec![(MARGIN, top + 5.0), (MARGIN + 18.0, top + 5.0)];
            sheet.put(Mark::Line { points, width: 1.6, ink });
        }
        sheet.text((MARGIN + 24.0, top), line, Weight::Regular, NOTE, BLACK);
    }
}

/// Distance of round ticks, at most a dozen of them.
fn tick_step(range: f64) -> f64 {
    let least = range / 12.0;
    let power = 10.0_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= least).unwrap_or(10.0 * power)
}
