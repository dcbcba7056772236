//! Whether the system's clock is synchronised, as the kernel holds it: every program that disciplines the clock (chrony,
//! ntpd, systemd-timesyncd) says so there.

/// Whether the clock is synchronised; `None` where the system does not say.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the C library's adjtimex is the only way to read the kernel's word, and nix has no safe one"
)]
pub fn system_clock_synchronised() -> Option<bool> {
    use nix::libc;
    // SAFETY: `timex` is a plain C structure of integers, for which all bits zero is a value. With `modes` zero the call
    // reads and changes nothing, and the pointer is to a live structure of the right size (adjtimex(2)).
    let (state, status) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex.status)
    };
    (state >= 0).then_some(state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0)
}

/// Whether the clock is synchronised; `None` where the system does not say.
#[cfg(not(target_os = "linux"))]
pub const fn system_clock_synchronised() -> Option<bool> {
    None
}
