//! An emulated Cobolt (Hübner) 06-series laser: short commands that end with CR LF, a value or `OK` in return.

use std::time::Duration;

use super::ascii_laser::{AsciiLaser, Dialect, Emission, RATED_MW, WAVELENGTH_NM};
use super::{Bench, Faults, Log};

/// A Cobolt 08-NLD of 785 nm.
pub type Cobolt = AsciiLaser<CoboltDialect>;

impl Cobolt {
    /// A laser that shines on `bench`; off at first.
    pub fn new(bench: Bench, serial_number: u64, log: Log, faults: Faults) -> Self {
        Self::with_dialect(CoboltDialect::default(), bench, serial_number, log, faults)
    }
}

/// The only refusal that is documented.
const ILLEGAL: &str = "Syntax error: illegal command";
/// Number of the interlock in the answer to `f?`.
const FAULT_INTERLOCK: &str = "3";

/// Settings of a Cobolt that have nothing to do with its light.
#[derive(Debug)]
pub struct CoboltDialect {
    autostart: bool,
    current_ma: f64,
    /// Whether an open interlock was seen since the fault was last cleared.
    fault: bool,
    /// `cp`, `ci` or `em`: constant power, constant current, modulation.
    mode: &'static str,
}

impl Default for CoboltDialect {
    fn default() -> Self {
        Self { autostart: false, current_ma: 200.0, fault: false, mode: "cp" }
    }
}

impl CoboltDialect {
    fn on(&self, laser: &mut Emission, now: Duration) -> String {
        // What a laser with a fault answers is not documented: it accepts, stays dark, and `ilk?` and `f?` tell.
        if !self.fault {
            laser.on(now);
        }
        "OK".to_owned()
    }
}

impl Dialect for CoboltDialect {
    const NAME: &'static str = "cobolt";
    const BAUD: u32 = 115_200;
    const END: &'static str = "\r\n";

    fn answer(&mut self, command: &str, laser: &mut Emission, now: Duration) -> Vec<String> {
        self.fault |= laser.interlock_open();
        let ok = || "OK".to_owned();
        let flag = |on: bool| u8::from(on).to_string();
        let (word, value) = command.split_once(' ').unwrap_or((command, ""));
        let number = value.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        let watts = |mw: f64| format!("{:.4}", mw / 1_000.0);
        let reply = match (word, number) {
            ("sn?" | "gsn?", _) => format!("{:06}", laser.serial()),
            ("glm?", _) => format!("0{WAVELENGTH_NM:.0}-08-01-{RATED_MW:04.0}-EMU"),
            ("gcn?", _) => "Cobolt 08-NLD EMU".to_owned(),
            ("gfv?", _) => "1.0.0".to_owned(),
            ("gfd?" | "gfbd?", _) => "2026-01-01".to_owned(),
            ("l1" | "@cob1" | "restart", _) => self.on(laser, now),
            ("l0" | "@cob0" | "abort", _) => {
                laser.off(now);
                ok()
            }
            ("l?", _) => flag(laser.says_on()),
            ("@cobas", Some(on)) => {
                self.autostart = on != 0.0;
                ok()
            }
            ("@cobas?", _) => flag(self.autostart),
            ("@cobasdr", Some(_)) => ok(),
            ("@cobasks?", _) => flag(true),
            ("p" | "@cobasp", Some(power)) if laser.set_power_mw(power * 1_000.0) => ok(),
            ("p?", _) => watts(laser.set_mw),
            ("pa?", _) => watts(laser.measured_mw(now)),
            ("i?" | "rlc?", _) => format!("{:.1}", laser.current_ma(now)),
            ("glc?", _) => format!("{:.1}", self.current_ma),
            ("slc", Some(current)) => {
                self.current_ma = current;
                ok()
            }
            ("gmlp?", _) => format!("{RATED_MW:.1}"),
            ("gmlc?", _) => "300.0".to_owned(),
            ("glmp?", _) => format!("{:.4}", laser.set_mw),
            ("cp", _) => {
                self.mode = "cp";
                ok()
            }
            ("ci", _) => {
                self.mode = "ci";
                ok()
            }
            ("em", _) => {
                self.mode = "em";
                ok()
            }
            ("f?", _) => if self.fault { FAULT_INTERLOCK } else { "0" }.to_owned(),
            ("cf", _) => {
                self.fault = laser.interlock_open();
                ok()
            }
            ("ilk?", _) => flag(laser.interlock_open()),
            ("gom?", _) if self.fault => "5".to_owned(),
            ("gom?", _) if laser.says_on() => if self.mode == "em" { "4" } else { "2" }.to_owned(),
            // Nine values, of which one client reads the eighth: 0 constant current, 1 constant power, 2 modulation. The
            // meaning of the others is not public.
            ("ra?", _) => {
                let mode = match self.mode {
                    "ci" => 0,
                    "cp" => 1,
                    _ => 2,
                };
                format!("0 0 0 0 0 0 0 {mode} 0")
            }
            ("hrs?", _) => format!("{:.2}", now.as_secs_f64() / 3_600.0),
            ("rbpt?" | "rtect?", _) => "25.0".to_owned(),
            ("gom?" | "games?" | "gdmes?" | "galis?", _) => "0".to_owned(),
            _ => ILLEGAL.to_owned(),
        };
        vec![reply]
    }

    fn refusal(&self, _count: usize) -> Vec<String> {
        vec![ILLEGAL.to_owned()]
    }

    fn forbidden(&self) -> Vec<String> {
        vec![ILLEGAL.to_owned()]
    }

    fn other_answer(&self) -> Vec<String> {
        vec!["25.0".to_owned()]
    }

    fn changes(command: &str) -> bool {
        !command.ends_with('?') && !matches!(command, "l0" | "@cob0" | "abort")
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
