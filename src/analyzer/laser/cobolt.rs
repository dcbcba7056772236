//! The Cobolt (Hübner) 06-, 08-NLD lasers: short commands that end with CR LF, answered by a value or `OK`.
//!
//! Almost every answer is a bare number, so that a late one could pass for another: after a lost reply the serial number
//! is asked for first.

use std::time::Duration;

use super::line::{Dialect, Line, Trouble};
use super::line_laser::{Named, Protocol, always, same_twice};
use super::{LaserCondition, LaserPower, believed_dark};
use crate::analyzer::LaserState;
use crate::analyzer::spectrometer::OnWait;

/// What `f?` says of an interlock that is, or was, open.
const FAULT_INTERLOCK: u8 = 3;

pub(super) struct Cobolt;

impl Protocol for Cobolt {
    const DRIVER: &'static str = concat!("cobolt ", env!("CARGO_PKG_VERSION"));
    const MODEL: &'static str = "Cobolt";
    /// Not `@cob1`, which runs the start-up with its autostart logic.
    const ON: &'static str = "l1";

    fn dialect(&self) -> Dialect {
        Dialect {
            baud: 115_200,
            end_of_command: "\r\n",
            end_of_reply: "\r\n",
            idle: Duration::ZERO,
            reply: Duration::from_millis(250),
            off: "l0",
            is_verdict,
            closing: None,
            step_question: Some("gsn?"),
        }
    }

    fn identify(&mut self, line: &mut Line) -> Result<Named, Trouble> {
        let is_text = |line: &str| !line.is_empty() && !is_verdict(line);
        let serial = same_twice(line, "gsn?", is_text)?;
        line.step_answer = Some(serial.clone());
        let mut optional = |question| -> Result<Option<String>, Trouble> {
            Ok(Some(line.query(question, &mut always(), |line| !line.is_empty())?).filter(|text| is_text(text)))
        };
        let model = optional("glm?")?.unwrap_or_default();
        let firmware = optional("gfv?")?;
        Ok(Named { simulated: model.contains("EMU"), model: format!("Cobolt {model}"), serial, firmware })
    }

    fn condition(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserCondition, Trouble> {
        let mut small = |question, most| small_number(line, question, most, on_wait);
        let emits = small("l?", 1)?.ok_or(Trouble::Garbled)? == 1;
        let fault = small("f?", 9)?.unwrap_or(0);
        let interlock_open = small("ilk?", 1)?.map(|n| n == 1);
        let key_off = small("@cobasks?", 1)?.map(|n| n == 0);
        let mode = small("gom?", 6)?;
        let emission = match (emits, mode) {
            // On, and not yet through its start-up.
            (true, Some(0 | 1)) => LaserState::WarmingUp,
            (true, _) => LaserState::On,
            // Two answers that exclude each other: nobody knows.
            (false, Some(2..=4)) => LaserState::Unknown,
            (false, _) => believed_dark(line.query_as::<f64>("pa?", on_wait)?.map(|watts| watts * 1_000.0)),
        };
        let (interlock_open, fault) = match fault {
            0 => (interlock_open, None),
            // The fault of an interlock that was closed again is only remembered.
            FAULT_INTERLOCK => (interlock_open.or(Some(true)), None),
            1 => (interlock_open, Some("temperature".to_owned())),
            4 => (interlock_open, Some("the constant power was not reached in time".to_owned())),
            other => (interlock_open, Some(format!("fault number {other}"))),
        };
        Ok(LaserCondition::combine(emission, interlock_open, key_off, fault))
    }

    /// Clears the fault of an interlock that was open and is closed again: it would keep the laser dark.
    fn make_ready(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<(), Trouble> {
        let remembered = small_number(line, "f?", 9, on_wait)? == Some(FAULT_INTERLOCK);
        if remembered && small_number(line, "ilk?", 1, on_wait)? == Some(0) {
            line.command("cf", on_wait)?;
        }
        Ok(())
    }

    fn refusal(reply: &str) -> Option<(u16, &'static str)> {
        is_refusal(reply).then_some((0, "it says that the command is not allowed"))
    }

    fn power(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserPower, Trouble> {
        let mut number = |question, factor: f64| -> Result<Option<f64>, Trouble> {
            let value = line.query_as::<f64>(question, on_wait)?;
            Ok(value.filter(|value| value.is_finite()).map(|value| value * factor))
        };
        Ok(LaserPower {
            set_mw: number("p?", 1_000.0)?,
            measured_mw: number("pa?", 1_000.0)?,
            rated_mw: number("gmlp?", 1.0)?,
        })
    }

    fn power_command(power_mw: f64) -> String {
        format!("p {:.5}", power_mw / 1_000.0)
    }
}

/// Asks for a number of one digit; `None` where the model answers the question by a syntax error.
fn small_number(line: &mut Line, question: &str, most: u8, on_wait: &mut OnWait<'_>) -> Result<Option<u8>, Trouble> {
    let number = |line: &str| line.parse::<u8>().ok().filter(|n| *n <= most && line.len() == 1);
    Ok(number(&line.query(question, on_wait, |line| number(line).is_some() || is_refusal(line))?))
}

fn is_refusal(line: &str) -> bool {
    line.to_ascii_lowercase().starts_with("syntax error")
}

fn is_verdict(line: &str) -> bool {
    line == "OK" || is_refusal(line)
}
