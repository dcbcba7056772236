//! A cancel for conversations that are no scan: asking a port who is there, and opening a kit. Whoever waits on a link
//! that is wrapped here is sent away as soon as nobody wants the answer any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::spectrometer::SLICE;
use super::{Transport, TransportError};

/// Whether the answer is still wanted. Clones are the same.
#[derive(Clone)]
pub struct Interrupt {
    unwanted: Arc<dyn Fn() -> bool + Send + Sync>,
    done: Arc<AtomicBool>,
}

impl Interrupt {
    /// One that is asked through `unwanted`, at least every [`SLICE`] while somebody waits.
    pub fn new(unwanted: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { unwanted: Arc::new(unwanted), done: Arc::default() }
    }

    /// One that never comes.
    pub fn never() -> Self {
        Self::new(|| false)
    }

    /// Whether nobody wants the answer any more.
    pub fn came(&self) -> bool {
        !self.done.load(Ordering::SeqCst) && (self.unwanted)()
    }

    /// The conversation is over: from now on the links that it was wrapped around are as any other. A scan has a cancel of
    /// its own, and *off* must get its answer also after that.
    pub fn done(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    /// A link whose waits it ends. What is sent is always sent: *off* is among it.
    pub fn wrap(&self, link: Box<dyn Transport>) -> Box<dyn Transport> {
        Box::new(Interruptible { link, interrupt: self.clone() })
    }
}

struct Interruptible {
    link: Box<dyn Transport>,
    interrupt: Interrupt,
}

impl Transport for Interruptible {
    fn name(&self) -> &str {
        self.link.name()
    }

    fn write_all(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), TransportError> {
        self.link.write_all(bytes, deadline)
    }

    fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError> {
        loop {
            if self.interrupt.came() {
                return Err(TransportError::Interrupted { port: self.link.name().to_owned() });
            }
            let step = deadline.min(self.link.now() + SLICE);
            match self.link.read_some(buffer, step) {
                Err(TransportError::Timeout { .. }) if step < deadline => {}
                end => return end,
            }
        }
    }

    fn now(&self) -> Duration {
        self.link.now()
    }

    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        self.link.set_baud(baud)
    }

    fn reopen(&mut self) -> Result<(), TransportError> {
        self.link.reopen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::emulator::{Bench, Device, Faults, Gap, Log, MemoryLink, Obis, Sample};
    use crate::analyzer::laser::{LaserKind, LaserSetup};
    use crate::analyzer::probe::probe;
    use crate::analyzer::{AnalyzerError, Clock, SpectrometerSetup, VirtualClock};

    /// Nobody is at the other end.
    struct Silent;

    impl Device for Silent {
        fn receive(&mut self, _bytes: &[u8], _now: Duration) {}

        fn transmit_at_most(&mut self, _now: Duration, _most: usize) -> Vec<u8> {
            Vec::new()
        }

        fn next_due(&self) -> Option<Duration> {
            None
        }
    }

    fn at(clock: &VirtualClock, when: Duration) -> Interrupt {
        let clock = clock.clone();
        Interrupt::new(move || clock.now() >= when)
    }

    #[test]
    fn asking_and_opening_a_silent_port_end_within_200_ms_of_a_cancel_whenever_it_comes() {
        let setups: Vec<SpectrometerSetup> =
            ["obp", "ocean-letter", "wasatch"].iter().map(|name| name.parse().unwrap()).collect();
        let mut longest = Duration::ZERO;
        for hundreds in 0..80 {
            let when = Duration::from_millis(hundreds * 100 + 37);
            // The probe of a port that answers nothing takes ten seconds; a spectrometer that is not there three.
            for what in 0..=setups.len() {
                let clock = VirtualClock::default();
                let shared: Arc<dyn Clock> = Arc::new(clock.clone());
                let link = MemoryLink::new("silent", Silent, Arc::clone(&shared));
                let mut link = at(&clock, when).wrap(Box::new(link));
                let end = match setups.get(what) {
                    None => probe(link.as_mut(), &clock).map(drop).map_err(AnalyzerError::from),
                    Some(setup) => setup.open(link, shared).map(drop),
                };
                let after = clock.now().saturating_sub(when);
                longest = longest.max(after);
                assert!(after < Duration::from_millis(200), "{what} {when:?}: {after:?}");
                assert!(end.is_err() || clock.now() < when, "{what} {when:?}: {end:?}");
            }
        }
        println!("cancel of asking and opening a silent port: at most {longest:?} later (virtual time)");
    }

    #[test]
    fn a_laser_whose_opening_is_cancelled_has_heard_off_and_one_that_is_open_is_not_disturbed() {
        for late in [false, true] {
            let clock = VirtualClock::default();
            let shared: Arc<dyn Clock> = Arc::new(clock.clone());
            let log = Log::default();
            let bench = Bench::new(1, Gap::NONE, Sample { name: "empty".to_owned(), parts: Vec::new() });
            bench.laser_on(Duration::ZERO);
            let device = Obis::new(bench.clone(), 1, log.clone(), Faults::none());
            let link = MemoryLink::new("laser", device, Arc::clone(&shared));
            let interrupt = Interrupt::new(|| true);
            if late {
                interrupt.done();
            }
            let opened = LaserSetup::usual(LaserKind::Obis).open(interrupt.wrap(Box::new(link)), shared);
            assert_eq!(opened.is_ok(), late);
            drop(opened);
            // The emulator takes bytes when it is asked for its own.
            assert!(!bench.laser_shines(), "{late}: {:?}", log.lines());
        }
    }
}
