//! An emulated Coherent OBIS laser: SCPI with long and short keywords, each exchange closed by `OK` while handshaking is on.

use std::time::Duration;

use super::ascii_laser::{AsciiLaser, Dialect, Emission, RATED_MW, WAVELENGTH_NM};
use super::{Bench, Faults, Log};

/// An OBIS of 785 nm.
pub type Obis = AsciiLaser<ObisDialect>;

impl Obis {
    /// A laser that shines on `bench`; off at first.
    pub fn new(bench: Bench, serial_number: u64, log: Log, faults: Faults) -> Self {
        Self::with_dialect(ObisDialect::default(), bench, serial_number, log, faults)
    }
}

/// Settings of an OBIS that have nothing to do with its light.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the device, set and asked by itself")]
pub struct ObisDialect {
    handshaking: bool,
    cdrh_delay: bool,
    autostart: bool,
    temperature_probe: bool,
    mode: String,
}

impl Default for ObisDialect {
    fn default() -> Self {
        Self { handshaking: true, cdrh_delay: false, autostart: false, temperature_probe: true, mode: "CWP".to_owned() }
    }
}

// Status words of the manual's examples: emitting, standing by, interlock open.
const STATUS_EMITTING: u32 = 0xC800_1002;
const STATUS_STANDBY: u32 = 0xC800_1008;
const STATUS_INTERLOCK: u32 = 0xCC00_0008;
const STATUS_WARM_UP: u32 = 0x100;
/// Error numbers of SCPI 1999, volume 2: command error, syntax, execution, protected, parameter, out of range.
const REFUSALS: [i16; 6] = [-100, -102, -200, -203, -220, -222];
const UNKNOWN: i16 = -100;
const FORBIDDEN: i16 = -203;
const BAD_PARAMETER: i16 = -220;
const OUT_OF_RANGE: i16 = -222;
/// The laser cannot do it now.
const NOT_NOW: i16 = -200;

/// Whether `given` is the command `pattern`, whose capitals are the short form of each keyword.
fn is_command(pattern: &str, given: &str) -> bool {
    let (mut wanted, mut words) = (pattern.split(':'), given.trim_start_matches(':').split(':'));
    loop {
        match (wanted.next(), words.next()) {
            (None, None) => return true,
            (Some(keyword), Some(word)) => {
                let short: String = keyword.chars().filter(|c| !c.is_ascii_lowercase()).collect();
                if !word.eq_ignore_ascii_case(keyword) && !word.eq_ignore_ascii_case(&short) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

impl ObisDialect {
    fn question(&self, header: &str, laser: &Emission, now: Duration) -> Option<String> {
        let on_off = |on: bool| if on { "ON" } else { "OFF" }.to_owned();
        let status = match () {
            () if laser.interlock_open() => STATUS_INTERLOCK,
            () if !laser.says_on() => STATUS_STANDBY,
            () if laser.warming_up(now) => STATUS_EMITTING | STATUS_WARM_UP,
            () => STATUS_EMITTING,
        };
        let watts = |mw: f64| format!("{:.5}", mw / 1_000.0);
        let model = format!("OBIS {WAVELENGTH_NM:.0}nm {RATED_MW:.0}mW EMU");
        let answers: [(&str, &dyn Fn() -> String); 28] = [
            ("*IDN", &|| format!("Coherent, Inc - {model} - V1.0 - Jan 01 2026")),
            ("*TST", &|| "0".to_owned()),
            ("SYSTem:INFormation:MODel", &|| model.clone()),
            ("SYSTem:INFormation:SNUMber", &|| format!("{:06}", laser.serial())),
            ("SYSTem:INFormation:WAVelength", &|| format!("{WAVELENGTH_NM:.1}")),
            ("SYSTem:INFormation:FVERsion", &|| "V1.0".to_owned()),
            ("SYSTem:CDRH", &|| on_off(self.cdrh_delay)),
            ("SYSTem:AUTostart", &|| on_off(self.autostart)),
            ("SYSTem:STATus", &|| format!("{status:08X}")),
            ("SYSTem:FAULt", &|| "00000000".to_owned()),
            ("SYSTem:HOURs", &|| format!("{:.2}", now.as_secs_f64() / 3_600.0)),
            ("SYSTem:ERRor:COUNt", &|| "0".to_owned()),
            ("SYSTem:ERRor:NEXt", &|| "0,\"No error\"".to_owned()),
            ("SYSTem:COMMunicate:HANDshaking", &|| on_off(self.handshaking)),
            ("SOURce:AM:STATe", &|| on_off(laser.says_on())),
            ("SOURce:AM:SOURce", &|| self.mode.clone()),
            ("SOURce:POWer:LEVel:IMMediate:AMPLitude", &|| watts(laser.set_mw)),
            ("SOURce:POWer:LEVel", &|| watts(laser.measured_mw(now))),
            ("SOURce:POWer:CURRent", &|| format!("{:.4}", laser.current_ma(now) / 1_000.0)),
            ("SOURce:POWer:LIMit:LOW", &|| watts(0.0)),
            ("SOURce:POWer:LIMit:HIGH", &|| watts(RATED_MW)),
            ("SOURce:POWer:NOMinal", &|| watts(RATED_MW)),
            ("SOURce:TEMPerature:BASeplate", &|| "28.5C".to_owned()),
            ("SOURce:TEMPerature:DIODe", &|| "25.0C".to_owned()),
            ("SOURce:TEMPerature:INTernal", &|| "30.1C".to_owned()),
            ("SOURce:TEMPerature:APRobe", &|| on_off(self.temperature_probe)),
            ("SYSTem:INFormation:PNUMber", &|| "EMU".to_owned()),
            ("SYSTem:INFormation:TYPe", &|| "DDL".to_owned()),
        ];
        answers.iter().find(|(pattern, _)| is_command(pattern, header)).map(|(_, answer)| answer())
    }

    fn set(&mut self, header: &str, value: &str, laser: &mut Emission, now: Duration) -> Result<(), i16> {
        let on_off = || match value.to_ascii_uppercase().as_str() {
            "ON" => Ok(true),
            "OFF" => Ok(false),
            _ => Err(BAD_PARAMETER),
        };
        let is = |pattern| is_command(pattern, header);
        if is("SOURce:AM:STATe") {
            match on_off()? {
                true if !laser.on(now) => return Err(NOT_NOW),
                true => {}
                false => laser.off(now),
            }
        } else if is("SOURce:POWer:LEVel:IMMediate:AMPLitude") {
            let watts: f64 = value.parse().map_err(|_| BAD_PARAMETER)?;
            if !laser.set_power_mw(watts * 1_000.0) {
                return Err(OUT_OF_RANGE);
            }
        } else if is("SOURce:AM:INTernal") || is("SOURce:AM:EXTernal") {
            self.mode = value.to_ascii_uppercase();
        } else if is("SYSTem:CDRH") {
            self.cdrh_delay = on_off()?;
        } else if is("SYSTem:AUTostart") {
            self.autostart = on_off()?;
        } else if is("SYSTem:COMMunicate:HANDshaking") {
            self.handshaking = on_off()?;
        } else if is("SOURce:TEMPerature:APRobe") {
            self.temperature_probe = on_off()?;
        } else if !is("SYSTem:ERRor:CLEar") {
            return Err(UNKNOWN);
        }
        Ok(())
    }

    fn error(number: i16) -> Vec<String> {
        vec![format!("ERR{number}")]
    }
}

impl Dialect for ObisDialect {
    const NAME: &'static str = "obis";
    const BAUD: u32 = 115_200;
    const END: &'static str = "\r\n";

    fn answer(&mut self, command: &str, laser: &mut Emission, now: Duration) -> Vec<String> {
        let done = || if self.handshaking { vec!["OK".to_owned()] } else { Vec::new() };
        if let Some(header) = command.strip_suffix('?') {
            return match self.question(header, laser, now) {
                Some(value) => [vec![value], done()].concat(),
                None => Self::error(UNKNOWN),
            };
        }
        let (header, value) = command.split_once(' ').unwrap_or((command, ""));
        match self.set(header, value.trim(), laser, now) {
            Ok(()) if self.handshaking => vec!["OK".to_owned()],
            Ok(()) => Vec::new(),
            Err(number) => Self::error(number),
        }
    }

    fn refusal(&self, count: usize) -> Vec<String> {
        Self::error(REFUSALS.get(count % REFUSALS.len()).copied().unwrap_or(UNKNOWN))
    }

    fn forbidden(&self) -> Vec<String> {
        Self::error(FORBIDDEN)
    }

    fn other_answer(&self) -> Vec<String> {
        vec!["V1.0".to_owned(), "OK".to_owned()]
    }

    fn changes(command: &str) -> bool {
        !command.ends_with('?') && !command.to_ascii_uppercase().ends_with("OFF")
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
