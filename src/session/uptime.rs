//! How long this machine has been running: what waits after wrong secrets are measured with.

use std::io;

use jiff::Timestamp;

use crate::casebook::Uptime;

/// The start of the machine and the time since, from the kernel: neither can be set as the wall clock can.
///
/// On a system that does not tell (anything but Linux) the wall clock stands in, so that a clock set ahead shortens a
/// wait there; `THREAT_MODEL.md` says so.
pub fn system_uptime() -> Uptime {
    kernel().unwrap_or_else(|_| Uptime {
        boot: "wall clock".to_owned(),
        seconds: u64::try_from(Timestamp::now().as_second()).unwrap_or(0),
    })
}

/// Linux: `/proc/sys/kernel/random/boot_id` and the first number of `/proc/uptime`, seconds with sleep included (proc(5)).
fn kernel() -> io::Result<Uptime> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    let text = std::fs::read_to_string("/proc/uptime")?;
    let seconds = text.split(['.', ' ']).next().and_then(|whole| whole.parse().ok());
    let seconds = seconds.ok_or_else(|| io::Error::other("no uptime"))?;
    Ok(Uptime { boot, seconds })
}
