//! The Integrated Optics MatchBox laser: ASCII commands without a terminator, which the device ends by silence on the
//! line; replies end with CR LF and say by their form what they answer.

use std::time::Duration;

use super::line::{Dialect, Line, Trouble};
use super::line_laser::{Named, Protocol, always};
use super::{LaserCondition, LaserPower};
use crate::analyzer::LaserState;
use crate::analyzer::spectrometer::OnWait;

/// Lines of the answer to `r i`: firmware, serial number, model, operating time, switch-on count.
const INFO_LINES: usize = 5;
/// Words of the answer to `r r`, its heading included, and the place of the state among them.
const READINGS_WORDS: usize = 10;
const STATE_WORD: usize = 7;
/// Words of the answer to `r s`, its heading included, and the place of the optical power in mW among them.
const SETTINGS_WORDS: usize = 10;
const POWER_WORD: usize = 5;
/// Refusal for want of a higher access level.
const FORBIDDEN: u16 = 1;

pub(super) struct MatchBox;

impl Protocol for MatchBox {
    const DRIVER: &'static str = concat!("matchbox ", env!("CARGO_PKG_VERSION"));
    const MODEL: &'static str = "MatchBox";
    const ON: &'static str = "e 1";

    fn dialect(&self) -> Dialect {
        Dialect {
            baud: 115_200,
            end_of_command: "",
            end_of_reply: "\r\n",
            // The device needs about 30 ms to see the end of a command.
            idle: Duration::from_millis(40),
            reply: Duration::from_millis(250),
            off: "e 0",
            is_verdict,
            closing: None,
            step_question: None,
        }
    }

    fn identify(&mut self, line: &mut Line) -> Result<Named, Trouble> {
        let mut named = |question| match line.query(question, &mut always(), is_bracketed) {
            Ok(reply) if is_verdict(&reply) => Err(Trouble::Garbled),
            Ok(reply) => Ok(reply.trim_matches(['<', '>']).trim().to_owned()),
            Err(trouble) => Err(trouble),
        };
        let (name, serial) = (named("NM?")?, named("ID?")?);
        let info = read_info(line).unwrap_or_default();
        let firmware = info.first().filter(|line| !line.is_empty()).cloned();
        let simulated = name.contains("EMU") || info.get(2).is_some_and(|model| model.contains("EMU"));
        Ok(Named { model: format!("MatchBox {name}"), serial, firmware, simulated })
    }

    /// Its protocol has no questions for interlock and key.
    fn condition(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserCondition, Trouble> {
        let readings = line.query("r r", on_wait, |line| line.starts_with("#Readings"))?;
        Ok(LaserCondition::of(state_of(&readings)))
    }

    fn refusal(reply: &str) -> Option<(u16, &'static str)> {
        if reply == "<ACK>" {
            return None;
        }
        let number = reply.trim_start_matches("<ERR").trim_end_matches('>').trim().parse().unwrap_or(0);
        let why = match number {
            FORBIDDEN => "its access level forbids it",
            2 => "it says that it was on already",
            3 => "it is busy",
            4 => "the value is out of range",
            5 => "it does not know the command",
            6 => "it must be enabled first",
            _ => "it gives no reason",
        };
        Some((number, why))
    }

    /// It states the power that it is set to and measures none.
    fn power(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserPower, Trouble> {
        let settings = line.query("r s", on_wait, |line| power_of(line).is_some())?;
        Ok(LaserPower { set_mw: power_of(&settings), ..LaserPower::default() })
    }

    fn power_command(power_mw: f64) -> String {
        format!("c 4 {power_mw:.0}")
    }

    fn unlock(refusal: u16) -> Option<&'static str> {
        // The password of level 1 is printed in the vendor's manual.
        (refusal == FORBIDDEN).then_some("c u 1 1234")
    }
}

/// The five lines of `r i`, where the laser gives them.
fn read_info(line: &mut Line) -> Option<Vec<String>> {
    let mut info = vec![line.ask("r i", &mut always(), |_| true).ok()?];
    while info.len() < INFO_LINES {
        info.push(line.next_line(&mut always()).ok()?);
    }
    Some(info)
}

fn is_bracketed(line: &str) -> bool {
    line.starts_with('<') && line.ends_with('>')
}

/// Whether a line says that a command was carried out or refused.
fn is_verdict(line: &str) -> bool {
    line == "<ACK>" || (line.starts_with("<ERR") && line.ends_with('>'))
}

/// The state in a complete line of readings; anything that is not exactly of its form is unknown.
fn state_of(line: &str) -> LaserState {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let whole = words.len() == READINGS_WORDS && words.last().is_some_and(|word| word.ends_with('V'));
    match words.get(STATE_WORD) {
        Some(&"OFF") if whole => LaserState::Off,
        Some(&"WRM") if whole => LaserState::WarmingUp,
        Some(&("APC" | "ACC")) if whole => LaserState::On,
        _ => LaserState::Unknown,
    }
}

/// The optical power in a complete line of settings, mW.
fn power_of(line: &str) -> Option<f64> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let whole = words.len() == SETTINGS_WORDS && words.first() == Some(&"#Settings:");
    words.get(POWER_WORD).filter(|_| whole)?.parse().ok().filter(|mw: &f64| mw.is_finite() && *mw >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_line_of_readings_is_believed() {
        let line = |state: &str| format!("#Readings: 25.02 25.01 27.30 150mA 0% 20% {state} 20% 5.01V");
        let cases = [
            (line("OFF"), LaserState::Off),
            (line("WRM"), LaserState::WarmingUp),
            (line("APC"), LaserState::On),
            (line("ACC"), LaserState::On),
            (line("ofF"), LaserState::Unknown),
            (line("XYZ"), LaserState::Unknown),
            // One reading was lost on the wire and another word took the place of the state.
            ("#Readings: 25.02 27.30 150mA 0% 20% APC OFF 5.01V".to_owned(), LaserState::Unknown),
            ("#Readings: 25.02 25.01 27.30 150mA 0% 20% OFF 20%".to_owned(), LaserState::Unknown),
            ("#Readings:".to_owned(), LaserState::Unknown),
            (String::new(), LaserState::Unknown),
        ];
        for (line, state) in cases {
            assert_eq!(state_of(&line), state, "{line}");
        }
    }

    #[test]
    fn only_a_whole_line_of_settings_has_a_power() {
        assert_eq!(power_of("#Settings: 25.0 25.0 800 4000 300 900 0 0 40.0"), Some(300.0));
        assert_eq!(power_of("#Settings: 25.0 25.0 800 4000 300 900 0 0"), None);
        assert_eq!(power_of("#Settings: 25.0 25.0 800 4000 -3 900 0 0 40.0"), None);
        assert_eq!(power_of("#Readings: 25.0 25.0 800 4000 300 900 0 0 40.0"), None);
    }
}
