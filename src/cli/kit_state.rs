//! What `kit status` says of a connected kit.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::analyzer::laser::{LaserCondition, LaserPower};
use crate::analyzer::{DeviceIdentity, LaserState};
use crate::session::KitStatus;

use super::{Context, output};

/// What `--json` says.
#[derive(Serialize)]
struct Document<'a> {
    spectrometer: &'a DeviceIdentity,
    laser: Option<&'a DeviceIdentity>,
    laser_state: LaserState,
    /// Interlock, key and fault; null where there is no laser, and each null where its protocol has no question for it.
    laser_condition: Option<&'a LaserCondition>,
    /// Why the laser cannot emit.
    laser_obstacle: Option<String>,
    laser_power: Option<&'a LaserPower>,
    temperatures_c: &'a [f32],
    check: String,
    verified: bool,
    scan_ms: u64,
}

/// Prints it; a laser that cannot emit is also said on stderr.
pub(super) fn print(status: &KitStatus, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let obstacle = status.laser_obstacle();
    if context.json {
        output::print_json(&Document {
            spectrometer: &status.spectrometer,
            laser: status.laser.as_ref(),
            laser_state: status.laser_state,
            laser_condition: status.laser_condition.as_ref(),
            laser_obstacle: obstacle.clone(),
            laser_power: status.laser_power.as_ref(),
            temperatures_c: &status.temperatures_c,
            check: status.check.words(),
            verified: status.check.is_verified(),
            scan_ms: status.scan_ms,
        })?;
    } else {
        output::print_text(&output::printable(&in_words(status)?))?;
    }
    if let Some(why) = obstacle {
        let remedy = status.laser_remedy().unwrap_or("put that right before a scan");
        output::complain(&format!("the laser cannot emit: {why}. {remedy}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(status: &KitStatus) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let device = |device: &DeviceIdentity| format!("{} {} on {}", device.model, device.serial, device.port);
    writeln!(text, "spectrometer  {}", device(&status.spectrometer))?;
    if let Some(laser) = &status.laser {
        writeln!(text, "laser         {}: {}", device(laser), status.laser_state.words())?;
    }
    if let Some(condition) = &status.laser_condition {
        let told =
            |answer: Option<bool>, yes, no| answer.map_or("its protocol does not tell", |a| if a { yes } else { no });
        writeln!(text, "interlock     {}", told(condition.interlock_open, "open", "closed"))?;
        writeln!(text, "key           {}", told(condition.key_off, "turned off", "turned on"))?;
        writeln!(text, "fault         {}", condition.fault.as_deref().unwrap_or("none told"))?;
    }
    if let Some(power) = &status.laser_power {
        writeln!(text, "power         {}", power.words())?;
    }
    if !status.temperatures_c.is_empty() {
        let all: Vec<String> = status.temperatures_c.iter().map(|t| format!("{t:.1} °C")).collect();
        writeln!(text, "temperatures  {}", all.join(", "))?;
    }
    writeln!(text, "check         {}", status.check.words())?;
    Ok(text)
}
