//! The Ondax LM laser: commands and replies end with CR, sets answer `OK`.
//!
//! It has no question for its emission. What it measures tells: without current through the diode and without power
//! there is no light.

use std::time::Duration;

use super::line::{Dialect, Line, Trouble};
use super::line_laser::{Named, Protocol, always, same_twice};
use super::{DARK_POWER_MAX_MW, LaserCondition, LaserPower};
use crate::analyzer::LaserState;
use crate::analyzer::spectrometer::OnWait;

/// Current through the diode below which nothing can be emitted, mA (an assumption: thresholds of such diodes are tens
/// of milliamperes).
const DARK_CURRENT_MAX_MA: f64 = 1.0;
/// How long after the command the laser may stay dark before it counts as off.
const START_MAX: Duration = Duration::from_secs(5);
/// Fewest answers of its kind that make the run state.
const RUN_STATES: std::ops::RangeInclusive<u8> = 1..=8;

pub(super) struct Ondax {
    /// Not verified anywhere: whoever knows the unit says it.
    pub baud: u32,
    /// When emission was last commanded and not yet ended.
    pub commanded_on: Option<Duration>,
}

impl Protocol for Ondax {
    const DRIVER: &'static str = concat!("ondax ", env!("CARGO_PKG_VERSION"));
    const MODEL: &'static str = "Ondax LM";
    const ON: &'static str = "lon";

    fn dialect(&self) -> Dialect {
        Dialect {
            baud: self.baud,
            end_of_command: "\r",
            end_of_reply: "\r",
            idle: Duration::ZERO,
            reply: Duration::from_millis(400),
            off: "loff",
            is_verdict: |line| line == "OK" || is_refusal(line),
            closing: None,
            step_question: Some("rsn?"),
        }
    }

    fn identify(&mut self, line: &mut Line) -> Result<Named, Trouble> {
        let is_text = |line: &str| !line.is_empty() && line != "OK" && !is_refusal(line);
        let serial = same_twice(line, "rsn?", is_text)?;
        line.step_answer = Some(serial.clone());
        let firmware = line.query("rsv?", &mut always(), is_text)?;
        Ok(Named {
            simulated: serial.contains("EMU") || firmware.contains("EMU"),
            model: "Ondax LM".to_owned(),
            serial,
            firmware: Some(firmware),
        })
    }

    fn commanded(&mut self, on: bool, now: Duration) {
        self.commanded_on = on.then_some(now);
    }

    /// Its protocol has no questions for interlock and key.
    fn condition(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserCondition, Trouble> {
        // The three answers look different, so that none passes for another.
        let run_state = |line: &str| line.parse::<u8>().ok().filter(|n| RUN_STATES.contains(n) && line.len() == 1);
        let run = line.query("rlrs?", on_wait, |line| run_state(line).is_some())?;
        let run = run_state(&run).ok_or(Trouble::Garbled)?;
        let mut measured = |question| -> Result<f64, Trouble> {
            let value = |line: &str| line.parse::<f64>().ok().filter(|v| v.is_finite() && run_state(line).is_none());
            let reply = line.query(question, on_wait, |line| value(line).is_some())?;
            value(&reply).ok_or(Trouble::Garbled)
        };
        let (current_ma, power_mw) = (measured("rli?")?, measured("rlp?")?);
        let dark = current_ma.abs() < DARK_CURRENT_MAX_MA && power_mw.abs() < DARK_POWER_MAX_MW;
        let starting = self.commanded_on.is_some_and(|since| line.now().saturating_sub(since) < START_MAX);
        let fault = match run {
            5 => Some("it shut down for its current".to_owned()),
            6 => Some("it shut down for overheating".to_owned()),
            _ => None,
        };
        let emission = match dark {
            false if matches!(run, 7 | 8) => LaserState::WarmingUp,
            false => LaserState::On,
            true if starting && fault.is_none() => LaserState::WarmingUp,
            true => LaserState::Off,
        };
        Ok(LaserCondition::combine(emission, None, None, fault))
    }

    fn refusal(reply: &str) -> Option<(u16, &'static str)> {
        (reply != "OK").then_some((0, "its answer is not OK"))
    }

    fn power(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserPower, Trouble> {
        Ok(LaserPower {
            set_mw: line.query_as("rslp?", on_wait)?,
            measured_mw: line.query_as("rlp?", on_wait)?,
            rated_mw: None,
        })
    }

    fn power_command(power_mw: f64) -> String {
        format!("slp:{power_mw:.2}")
    }
}

/// What a refusal looks like is not documented: a line that is neither `OK` nor a value.
fn is_refusal(line: &str) -> bool {
    !line.is_empty() && line != "OK" && line.bytes().all(|b| b.is_ascii_uppercase() || b == b' ')
}
