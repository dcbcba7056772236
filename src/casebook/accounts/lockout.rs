//! How long an account waits after wrong secrets.
//!
//! The wait is measured by how long the machine has been up, never by the wall clock, which whoever holds the machine
//! can set. A restart does not shorten it: on another start of the machine only the time since that start counts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Wrong secrets that cost no wait.
const FREE_FAILURES: u32 = 3;
/// The first wait; each further failure doubles it.
const FIRST_WAIT_S: u64 = 30;
/// The longest wait.
const LONGEST_WAIT_S: u64 = 3_600;

/// How long the machine has been running, and which start of it this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// Names the start of the machine; another one each time.
    pub boot: String,
    /// Seconds since that start, sleep included.
    pub seconds: u64,
}

/// The wait after so many wrong secrets in a row.
pub fn lockout_wait(failures: u32) -> Duration {
    let Some(step) = failures.checked_sub(FREE_FAILURES) else { return Duration::ZERO };
    let factor = 1_u64.checked_shl(step.min(32)).unwrap_or(u64::MAX);
    Duration::from_secs(FIRST_WAIT_S.saturating_mul(factor).min(LONGEST_WAIT_S))
}

/// What is left of the wait; zero when the account may try again.
pub(super) fn left(failures: u32, last_failure: &Uptime, now: &Uptime) -> Duration {
    let served =
        if last_failure.boot == now.boot { now.seconds.saturating_sub(last_failure.seconds) } else { now.seconds };
    lockout_wait(failures).saturating_sub(Duration::from_secs(served))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(boot: &str, seconds: u64) -> Uptime {
        Uptime { boot: boot.to_owned(), seconds }
    }

    #[test]
    fn the_wait_grows_to_an_hour_and_is_never_shortened_by_a_restart() {
        let waits: Vec<u64> = (0..14).map(|n| lockout_wait(n).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600, 3_600]);
        assert_eq!(lockout_wait(u32::MAX).as_secs(), 3_600);
        let failed = up("a", 1_000);
        assert_eq!(left(4, &failed, &up("a", 1_020)).as_secs(), 40);
        assert_eq!(left(4, &failed, &up("a", 1_060)).as_secs(), 0);
        assert_eq!(left(4, &failed, &up("a", 900)).as_secs(), 60, "an uptime that went back serves nothing");
        assert_eq!(left(4, &failed, &up("b", 10)).as_secs(), 50, "only the time since the restart counts");
        assert_eq!(left(4, &failed, &up("b", 60)).as_secs(), 0);
    }
}
