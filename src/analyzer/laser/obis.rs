//! The Coherent OBIS laser: SCPI over a serial line, each exchange closed by a line `OK` while handshaking is on.

use std::time::Duration;

use super::line::{Dialect, Line, Trouble};
use super::line_laser::{Named, Protocol, always, same_twice};
use super::{LaserCondition, LaserPower, believed_dark};
use crate::analyzer::spectrometer::OnWait;
use crate::analyzer::{LaserState, TransportError};

// Bits of `SYST:STAT?`.
const FAULT: u32 = 0x1;
const EMISSION: u32 = 0x2;
const CDRH_DELAY: u32 = 0x10;
const HARDWARE_FAULT: u32 = 0x20;
const WARM_UP: u32 = 0x100;
/// Not in the list of bits; it is what tells the manual's example of an open interlock, CC000008, from that of an
/// emitting laser, C8001002, beside the bits that are listed.
const INTERLOCK_OPEN: u32 = 0x0400_0000;
/// Meanings of the bits of `SYST:FAUL?`.
const FAULTS: [(u32, &str); 19] = [
    (0x1, "temperature of the base plate"),
    (0x2, "temperature of the diode"),
    (0x4, "internal temperature"),
    (0x8, "supply"),
    (0x10, "I2C bus"),
    (0x20, "over-current"),
    (0x40, "checksum"),
    (0x80, "recovery"),
    (0x100, "overflow"),
    (0x200, "warm-up limit"),
    (0x400, "cooler"),
    (0x800, "bus"),
    (0x1000, "limit of the diode's temperature"),
    (0x2000, "ready"),
    (0x4000, "photodiode"),
    (0x8000, "fatal"),
    (0x1_0000, "start-up"),
    (0x2_0000, "watchdog"),
    (0x4_0000, "field calibration"),
];
const OVER_POWER: u32 = 0x10_0000;

pub(super) struct Obis {
    /// 115200, or 9600 on some RS-232 remotes.
    pub baud: u32,
}

impl Protocol for Obis {
    const DRIVER: &'static str = concat!("obis ", env!("CARGO_PKG_VERSION"));
    const MODEL: &'static str = "Coherent OBIS";
    const ON: &'static str = "SOUR:AM:STAT ON";

    fn dialect(&self) -> Dialect {
        Dialect {
            baud: self.baud,
            end_of_command: "\r\n",
            end_of_reply: "\r\n",
            idle: Duration::ZERO,
            reply: Duration::from_millis(400),
            off: "SOUR:AM:STAT OFF",
            is_verdict,
            closing: Some("OK"),
            step_question: Some("SYST:INF:SNUM?"),
        }
    }

    fn begin(&mut self, line: &mut Line) -> Result<(), Trouble> {
        // Without handshaking a set is answered by nothing at all. What it says of this one does not matter: questions
        // follow whose answers need the closing line.
        match line.command("SYST:COMM:HAND ON", &mut always()) {
            Err(Trouble::Link(error)) if !matches!(error, TransportError::Timeout { .. }) => Err(Trouble::Link(error)),
            _ => Ok(()),
        }
    }

    fn identify(&mut self, line: &mut Line) -> Result<Named, Trouble> {
        let is_text = |line: &str| !line.is_empty() && !is_verdict(line);
        let serial = same_twice(line, "SYST:INF:SNUM?", is_text)?;
        line.step_answer = Some(serial.clone());
        let model = line.query("SYST:INF:MOD?", &mut always(), is_text)?;
        let firmware = line.query("SYST:INF:FVER?", &mut always(), |_| true)?;
        Ok(Named {
            simulated: model.contains("EMU"),
            model: format!("Coherent {model}"),
            serial,
            firmware: Some(firmware).filter(|text| is_text(text)),
        })
    }

    fn condition(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserCondition, Trouble> {
        let word = |line: &str| u32::from_str_radix(line, 16).ok().filter(|_| line.len() == 8);
        let reply = line.query("SYST:STAT?", on_wait, |line| word(line).is_some())?;
        let status = word(&reply).ok_or(Trouble::Garbled)?;
        let commanded = line.query("SOUR:AM:STAT?", on_wait, |line| matches!(line, "ON" | "OFF"))? == "ON";
        let faulty = status & (FAULT | HARDWARE_FAULT) != 0;
        let fault = if faulty {
            let reply = line.query("SYST:FAUL?", on_wait, |line| word(line).is_some() || is_verdict(line))?;
            Some(fault_words(word(&reply)))
        } else {
            None
        };
        let interlock_open = status & INTERLOCK_OPEN != 0;
        let emission = if status & EMISSION != 0 {
            if status & WARM_UP == 0 { LaserState::On } else { LaserState::WarmingUp }
        } else if status & CDRH_DELAY != 0 || (commanded && !interlock_open && !faulty) {
            // It was told to emit and has not begun.
            LaserState::WarmingUp
        } else {
            let measured = line.query_as::<f64>("SOUR:POW:LEV?", on_wait)?;
            believed_dark(measured.map(|watts| watts * 1_000.0))
        };
        Ok(LaserCondition::combine(emission, Some(interlock_open), None, fault))
    }

    fn refusal(reply: &str) -> Option<(u16, &'static str)> {
        let number = match reply.strip_prefix("ERR") {
            None => return None,
            Some(number) => number.trim_start_matches(['-', ' ']).parse().unwrap_or(0),
        };
        // The numbers are those of SCPI 1999, volume 2, section 21.8.
        let why = match number {
            100..=199 => "it does not understand the command",
            200 => "it cannot do that now",
            203 => "the command is protected by a higher access level",
            220..=229 => "the value is out of range or of the wrong kind",
            _ => "it gives an error number of its own",
        };
        Some((number, why))
    }

    fn power(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserPower, Trouble> {
        let mut milliwatts = |question| -> Result<Option<f64>, Trouble> {
            let watts = line.query_as::<f64>(question, on_wait)?;
            Ok(watts.filter(|watts| watts.is_finite()).map(|watts| watts * 1_000.0))
        };
        Ok(LaserPower {
            set_mw: milliwatts("SOUR:POW:LEV:IMM:AMPL?")?,
            measured_mw: milliwatts("SOUR:POW:LEV?")?,
            rated_mw: milliwatts("SOUR:POW:LIM:HIGH?")?,
        })
    }

    fn power_command(power_mw: f64) -> String {
        format!("SOUR:POW:LEV:IMM:AMPL {:.5}", power_mw / 1_000.0)
    }
}

fn is_verdict(line: &str) -> bool {
    line == "OK" || line.starts_with("ERR")
}

/// What the fault word says.
fn fault_words(word: Option<u32>) -> String {
    let Some(word) = word else { return "it does not say which".to_owned() };
    let named = FAULTS.iter().chain([&(OVER_POWER, "over-power")]);
    let words: Vec<&str> = named.filter(|(bit, _)| word & bit != 0).map(|(_, what)| *what).collect();
    if words.is_empty() { format!("fault word {word:08X}") } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_and_unknown_ones_are_quoted() {
        assert_eq!(fault_words(Some(0x21)), "temperature of the base plate, over-current");
        assert_eq!(fault_words(Some(0x10_0000)), "over-power");
        assert_eq!(fault_words(Some(0x8000_0000)), "fault word 80000000");
        assert_eq!(fault_words(None), "it does not say which");
    }
}
