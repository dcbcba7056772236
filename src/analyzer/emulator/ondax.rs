//! An emulated Ondax LM laser: commands and replies end with CR, sets answer `OK`. There is no question for emission;
//! only measured current and power tell, and with the fault *on but reads off* both read zero.

use std::time::Duration;

use super::ascii_laser::{AsciiLaser, Dialect, Emission};
use super::{Bench, Faults, Log};

/// An Ondax LM of 785 nm.
pub type Ondax = AsciiLaser<OndaxDialect>;

impl Ondax {
    /// A laser that shines on `bench`; off at first.
    pub fn new(bench: Bench, serial_number: u64, log: Log, faults: Faults) -> Self {
        Self::with_dialect(OndaxDialect::default(), bench, serial_number, log, faults)
    }
}

/// What a refusal looks like is not documented; anything that is not `OK` is one.
const REFUSED: &str = "ERROR";
/// Run states: normal, and the one that the emulator takes for an open interlock, a shutdown.
const RUNS: u8 = 1;
const SHUT_DOWN: u8 = 5;

/// Settings of an Ondax that have nothing to do with its light.
#[derive(Debug)]
pub struct OndaxDialect {
    current_ma: f64,
    current_max_ma: f64,
    temperature_c: f64,
    on_time_ms: f64,
    off_time_ms: f64,
}

impl Default for OndaxDialect {
    fn default() -> Self {
        Self { current_ma: 210.0, current_max_ma: 300.0, temperature_c: 25.0, on_time_ms: 10.0, off_time_ms: 10.0 }
    }
}

impl Dialect for OndaxDialect {
    const NAME: &'static str = "ondax";
    /// Not verified anywhere; the driver is told.
    const BAUD: u32 = 19_200;
    const END: &'static str = "\r";

    fn answer(&mut self, command: &str, laser: &mut Emission, now: Duration) -> Vec<String> {
        let ok = || "OK".to_owned();
        let (word, value) = command.split_once(':').unwrap_or((command, ""));
        let number = value.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        let keep = |place: &mut f64, value: f64| {
            *place = value;
            "OK".to_owned()
        };
        let reply = match (word, number) {
            ("rsv?", _) => "LM EMU 1.0".to_owned(),
            ("rsn?", _) => format!("EMU{:06}", laser.serial()),
            ("rli?" | "rlp?", _) if laser.reads_off() => "0.00".to_owned(),
            ("rli?", _) => format!("{:.2}", laser.current_ma(now)),
            ("rstli?", _) => format!("{:.2}", self.current_ma),
            ("slc", Some(current)) if current <= self.current_max_ma => keep(&mut self.current_ma, current),
            ("rlcm?", _) => format!("{:.2}", self.current_max_ma),
            ("smlc", Some(current)) => keep(&mut self.current_max_ma, current),
            ("rlp?", _) => format!("{:.2}", laser.measured_mw(now)),
            ("rslp?", _) => format!("{:.2}", laser.set_mw),
            ("slp", Some(power)) if laser.set_power_mw(power) => ok(),
            ("rlrs?", _) => if laser.interlock_open() { SHUT_DOWN } else { RUNS }.to_string(),
            ("rtt?" | "rstt?", _) => format!("{:.2}", self.temperature_c),
            ("stt", Some(temperature)) => keep(&mut self.temperature_c, temperature),
            ("rti?", _) => "120.00".to_owned(),
            ("stsont?", _) => format!("{:.1}", self.on_time_ms),
            ("stsont", Some(time)) => keep(&mut self.on_time_ms, time),
            ("stsofft?", _) => format!("{:.1}", self.off_time_ms),
            ("stsofft", Some(time)) => keep(&mut self.off_time_ms, time),
            ("lon", _) if laser.on(now) => ok(),
            ("loff", _) => {
                laser.off(now);
                ok()
            }
            ("reset", _) => {
                laser.off(now);
                self.reset();
                ok()
            }
            (
                "len" | "ldis" | "lcen" | "lcdis" | "lcon" | "lcoff" | "tecon" | "tecoff" | "ssc" | "sps" | "cps"
                | "stm" | "ctm",
                _,
            ) => ok(),
            _ => REFUSED.to_owned(),
        };
        vec![reply]
    }

    fn refusal(&self, _count: usize) -> Vec<String> {
        vec![REFUSED.to_owned()]
    }

    fn forbidden(&self) -> Vec<String> {
        vec![REFUSED.to_owned()]
    }

    fn other_answer(&self) -> Vec<String> {
        vec!["LM EMU 1.0".to_owned()]
    }

    fn changes(command: &str) -> bool {
        !command.ends_with('?') && command != "loff"
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
