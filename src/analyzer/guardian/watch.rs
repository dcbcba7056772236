//! The guardian's side: it passes bytes on and switches the laser off when nobody is there to do it.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Marker;
use super::message::{Order, Report};
use crate::analyzer::laser::LaserSetup;
use crate::analyzer::{Clock, SerialLink, Transport, TransportError};

/// How often the program says that it lives.
pub(super) const HEARTBEAT_EVERY: Duration = Duration::from_millis(100);
/// Silence after which it counts as dead.
const HEARTBEAT_MAX: Duration = Duration::from_secs(1);
/// Longest wait for the laser's bytes before orders and heartbeat are looked at.
const STEP: Duration = Duration::from_millis(5);
/// Jump between the monotonic and the wall clock from which the machine must have slept. A set clock looks the same;
/// that ends a scan for nothing, which is the safe mistake.
const SLEPT: Duration = Duration::from_secs(2);
/// Longest wait for bytes to leave.
const WRITE: Duration = Duration::from_secs(1);
/// Silence around a command that is ended by silence.
const SILENCE: Duration = Duration::from_millis(40);
/// Time that an adapter may keep bytes before they are on the wire.
const ADAPTER: Duration = Duration::from_millis(20);
/// How long a port may be held by a guardian that is just ending.
const BUSY_MAX: Duration = Duration::from_secs(3);
/// How often *off* is tried until it is confirmed, and the pause between.
const CONFIRMATIONS: usize = 20;
const CONFIRM_EVERY: Duration = Duration::from_millis(300);
/// Orders that may wait.
const QUEUE: usize = 64;

/// What a guardian guards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardianSettings {
    /// The laser's port.
    pub port: String,
    /// How to talk to it.
    pub setup: LaserSetup,
    /// The folder of the markers.
    pub data_dir: PathBuf,
}

/// Why the laser was commanded off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alarm {
    /// The program has ended: its end of the pipe is closed.
    ProgramGone,
    /// The program says nothing any more.
    HeartbeatStopped,
    /// The machine slept.
    Slept,
    /// The guardian was told to end.
    Signal,
    /// The port failed.
    PortFailed(TransportError),
}

impl Alarm {
    fn words(&self) -> String {
        match self {
            Self::ProgramGone => "the program has ended".to_owned(),
            Self::HeartbeatStopped => "the program stood still".to_owned(),
            Self::Slept => "the computer was suspended, or its clock was set".to_owned(),
            Self::Signal => "the guardian was told to end".to_owned(),
            Self::PortFailed(error) => error.to_string(),
        }
    }
}

/// Wall-clock time since 1970.
pub(super) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Notices that the machine slept: the wall clock went on and the monotonic one did not.
#[derive(Clone, Debug)]
pub struct SleepWatch {
    /// Wall clock less monotonic clock, nanoseconds.
    difference: i128,
}

impl SleepWatch {
    /// Begins with the two clocks as they are now.
    pub fn new(monotonic: Duration, wall: Duration) -> Self {
        Self { difference: difference(monotonic, wall) }
    }

    /// Whether the clocks went apart since the last look.
    pub fn slept(&mut self, monotonic: Duration, wall: Duration) -> bool {
        let now = difference(monotonic, wall);
        let before = std::mem::replace(&mut self.difference, now);
        now.abs_diff(before) > SLEPT.as_nanos()
    }
}

fn difference(monotonic: Duration, wall: Duration) -> i128 {
    // 2^127 ns are more years than either clock can count.
    i128::try_from(wall.as_nanos()).unwrap_or(i128::MAX / 2)
        - i128::try_from(monotonic.as_nanos()).unwrap_or(i128::MAX / 2)
}

/// Runs a guardian until the program ends: opens the port, passes bytes between `orders`, `reports` and the laser, and
/// commands *off* at the end in any case. `stop` says whether the guardian itself was told to end. True when *off* was
/// confirmed, or when nothing had been switched on.
pub fn guard(
    settings: &GuardianSettings,
    orders: impl Read + Send + 'static,
    mut reports: impl Write,
    stop: &dyn Fn() -> bool,
    clock: &Arc<dyn Clock>,
) -> bool {
    let opened = open(settings, clock);
    let mut link = match opened {
        Ok(link) => link,
        Err(error) => {
            // Without a port there is nothing to guard; the program may be gone already.
            let _ = Report::Failed(error).write(&mut reports);
            return false;
        }
    };
    let mut baud = settings.setup.baud().unwrap_or_default();
    let (to_loop, inbox) = sync_channel(QUEUE);
    let reader = std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        let mut orders = orders;
        // The end of the pipe, and nonsense in it, end the channel.
        while let Ok(order) = Order::read(&mut orders) {
            if to_loop.send(order).is_err() {
                break;
            }
        }
    });
    let alarm = match reader {
        Err(_) => Alarm::ProgramGone,
        Ok(_) if Report::Open.write(&mut reports).is_err() => Alarm::ProgramGone,
        Ok(_) => pass_on(&mut link, &mut baud, &inbox, &mut reports, stop, clock.as_ref(), &wall_clock),
    };
    off(&mut link, settings.setup, baud, clock.as_ref());
    drop(link);
    tracing::debug!(?alarm, port = settings.port, "the guardian commanded the laser off");
    let _ = match &alarm {
        Alarm::PortFailed(error) => Report::Failed(error.clone()).write(&mut reports),
        alarm => Report::SwitchedOff(alarm.words()).write(&mut reports),
    };
    !Marker::path(&settings.data_dir, &settings.port).exists() || confirm(settings, clock)
}

fn open(settings: &GuardianSettings, clock: &Arc<dyn Clock>) -> Result<SerialLink, TransportError> {
    let what = |error: crate::analyzer::AnalyzerError| TransportError::Other {
        port: settings.port.clone(),
        what: error.to_string(),
    };
    let baud = settings.setup.baud().map_err(what)?;
    let end = clock.now() + BUSY_MAX;
    loop {
        match SerialLink::open(&settings.port, baud, Arc::clone(clock)) {
            Err(TransportError::Busy { .. }) if clock.now() < end => clock.sleep(Duration::from_millis(50)),
            other => return other,
        }
    }
}

/// Passes bytes on until something ends it; `baud` is the speed that the line has then. What the clocks say comes before every order, so that nothing reaches the
/// laser of a machine that has slept.
fn pass_on(
    link: &mut dyn Transport,
    baud: &mut u32,
    inbox: &Receiver<Order>,
    reports: &mut impl Write,
    stop: &dyn Fn() -> bool,
    clock: &dyn Clock,
    wall: &dyn Fn() -> Duration,
) -> Alarm {
    let mut sleep = SleepWatch::new(clock.now(), wall());
    let mut alive = clock.now();
    let mut buffer = [0; 1_024];
    loop {
        loop {
            if sleep.slept(clock.now(), wall()) {
                return Alarm::Slept;
            }
            let order = match inbox.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Alarm::ProgramGone,
            };
            alive = clock.now();
            let done = match order {
                Order::Send(bytes) => link.write_all(&bytes, clock.now() + WRITE),
                Order::Baud(new) => link.set_baud(new).inspect(|()| *baud = new),
                Order::Alive => Ok(()),
            };
            if let Err(error) = done {
                return Alarm::PortFailed(error);
            }
        }
        if stop() {
            return Alarm::Signal;
        }
        if clock.now().saturating_sub(alive) > HEARTBEAT_MAX {
            return Alarm::HeartbeatStopped;
        }
        match link.read_some(&mut buffer, clock.now() + STEP) {
            Ok(n) => {
                let bytes = buffer.get(..n).unwrap_or_default().to_vec();
                if Report::Bytes(bytes).write(reports).is_err() {
                    return Alarm::ProgramGone;
                }
            }
            Err(TransportError::Timeout { .. }) => {}
            Err(error) => return Alarm::PortFailed(error),
        }
    }
}

/// Sends *off*, whatever was sent before: at the speed that the line has now, because the laser listens at it, and then at
/// the usual speed of the laser, should the last change not have reached it.
fn off(link: &mut dyn Transport, setup: LaserSetup, now_baud: u32, clock: &dyn Clock) {
    let silence = if setup.kind.ends_by_silence() { SILENCE } else { Duration::ZERO };
    let bytes = setup.kind.off_bytes();
    let send = |link: &mut dyn Transport, baud: u32| {
        clock.sleep(silence);
        if let Err(error) = link.write_all(bytes, clock.now() + WRITE) {
            tracing::error!(%error, "the guardian cannot command the laser off");
        }
        // The bytes need their time before the speed changes or the port is closed, and the silence that ends them.
        clock.sleep(ADAPTER + Duration::from_secs(10) * bytes.len() as u32 / baud.max(1) + silence);
    };
    send(link, now_baud);
    let Ok(usual) = setup.baud() else { return };
    if usual != now_baud {
        if let Err(error) = link.set_baud(usual) {
            tracing::warn!(%error, "the guardian cannot set the laser's line speed");
            return;
        }
        send(link, usual);
    }
}

/// Commands *off* through the driver until it is read back, and removes the marker then.
fn confirm(settings: &GuardianSettings, clock: &Arc<dyn Clock>) -> bool {
    for _ in 0..CONFIRMATIONS {
        let laser = open(settings, clock)
            .map_err(Into::into)
            .and_then(|link| settings.setup.open(Box::new(link), Arc::clone(clock)));
        match laser {
            Ok(_) => {
                return Marker::remove(&settings.data_dir, &settings.port)
                    .inspect_err(|error| tracing::warn!(%error, "the marker cannot be removed"))
                    .is_ok();
            }
            Err(error) => tracing::warn!(%error, "the laser does not confirm that it is off"),
        }
        clock.sleep(CONFIRM_EVERY);
    }
    false
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::analyzer::VirtualClock;
    use crate::analyzer::emulator::Faults;
    use crate::analyzer::emulator::{Bench, Gap, Log, MemoryLink, Obis, Sample};
    use crate::analyzer::laser::LaserKind;

    struct Rig {
        link: MemoryLink,
        clock: Arc<dyn Clock>,
        log: Log,
        bench: Bench,
    }

    fn rig() -> Rig {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
        let log = Log::default();
        let bench = Bench::new(1, Gap::NONE, Sample { name: "empty".to_owned(), parts: Vec::new() });
        let laser = Obis::new(bench.clone(), 1, log.clone(), Faults::none());
        Rig { link: MemoryLink::new("laser", laser, Arc::clone(&clock)), clock, log, bench }
    }

    const ON: &[u8] = b"SOUR:AM:STAT ON\r\n";

    #[test]
    fn bytes_pass_both_ways_until_the_program_is_gone_and_off_follows() {
        let mut rig = rig();
        let (orders, inbox) = sync_channel(8);
        orders.send(Order::Send(ON.to_vec())).unwrap();
        // Half a command, cut off by the death of the program.
        orders.send(Order::Send(b"SOUR:AM:STAT O".to_vec())).unwrap();
        let mut said = Vec::new();
        // The program dies after a while in which it said that it lives.
        let orders = Cell::new(Some(orders));
        let turns = Cell::new(0);
        let stop = || {
            turns.set(turns.get() + 1);
            if turns.get() < 20 {
                let sender = orders.take().unwrap();
                sender.send(Order::Alive).unwrap();
                orders.set(Some(sender));
            } else {
                orders.take();
            }
            false
        };
        let wall = || rig.clock.now();
        let alarm = pass_on(&mut rig.link, &mut 115_200, &inbox, &mut said, &stop, rig.clock.as_ref(), &wall);
        assert_eq!(alarm, Alarm::ProgramGone);
        assert_eq!(Report::read(&mut said.as_slice(), "p").unwrap(), Report::Bytes(b"OK\r\n".to_vec()));
        assert!(rig.bench.laser_shines());
        off(&mut rig.link, LaserSetup::usual(LaserKind::Obis), 115_200, rig.clock.as_ref());
        assert!(!rig.bench.laser_shines());
        assert_eq!(rig.log.lines().last().unwrap().1, "obis SOUR:AM:STAT OFF");
    }

    #[test]
    fn a_heartbeat_that_stops_is_noticed_within_a_second_or_so() {
        let mut rig = rig();
        let (_orders, inbox) = sync_channel(8);
        let wall = || rig.clock.now();
        let alarm = pass_on(&mut rig.link, &mut 115_200, &inbox, &mut Vec::new(), &|| false, rig.clock.as_ref(), &wall);
        assert_eq!(alarm, Alarm::HeartbeatStopped);
        let took = rig.clock.now();
        assert!(took < HEARTBEAT_MAX + 4 * STEP, "{took:?}");
    }

    #[test]
    fn after_a_sleep_no_order_reaches_the_laser_any_more() {
        let mut rig = rig();
        let (orders, inbox) = sync_channel(8);
        let slept = Cell::new(Duration::ZERO);
        let wall = || rig.clock.now() + slept.get();
        let stop = || {
            // The lid was closed for an hour; the order to switch on had been on its way.
            slept.set(Duration::from_hours(1));
            orders.send(Order::Send(ON.to_vec())).unwrap();
            false
        };
        let alarm = pass_on(&mut rig.link, &mut 115_200, &inbox, &mut Vec::new(), &stop, rig.clock.as_ref(), &wall);
        assert_eq!(alarm, Alarm::Slept);
        assert!(!rig.bench.laser_shines() && rig.log.lines().is_empty(), "{:?}", rig.log.lines());
    }

    #[test]
    fn clocks_that_go_together_or_drift_are_no_sleep() {
        let second = Duration::from_secs(1);
        let mut watch = SleepWatch::new(Duration::ZERO, second * 1_000);
        // A wall clock that is slewed by a tenth goes on for hours.
        let mut wall = second * 1_000;
        for n in 1..10_000 {
            wall += Duration::from_millis(1_100);
            assert!(!watch.slept(second * n, wall));
        }
        assert!(watch.slept(second * 10_000, wall + second * 5));
        assert!(!watch.slept(second * 10_001, wall + second * 6), "told once");
        assert!(watch.slept(second * 10_002, wall.saturating_sub(second * 100)), "a clock that was set back");
    }

    /// A wire that remembers what was sent at which speed.
    struct Spoken {
        baud: u32,
        sent: Vec<(u32, Vec<u8>)>,
    }

    impl Transport for Spoken {
        fn name(&self) -> &'static str {
            "laser"
        }

        fn write_all(&mut self, data: &[u8], _deadline: Duration) -> Result<(), TransportError> {
            self.sent.push((self.baud, data.to_vec()));
            Ok(())
        }

        fn read_some(&mut self, _buffer: &mut [u8], _deadline: Duration) -> Result<usize, TransportError> {
            Err(TransportError::Timeout { port: "laser".to_owned() })
        }

        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
            self.baud = baud;
            Ok(())
        }
    }

    #[test]
    fn off_is_said_first_at_the_speed_that_the_line_was_changed_to_and_then_at_the_usual_one() {
        let clock = VirtualClock::default();
        let setup = LaserSetup::usual(LaserKind::Ventana);
        let usual = setup.baud().unwrap();
        assert_ne!(usual, 115_200);
        let mut wire = Spoken { baud: usual, sent: Vec::new() };
        let (orders, inbox) = sync_channel(8);
        orders.send(Order::Baud(115_200)).unwrap();
        drop(orders);
        let mut baud = usual;
        pass_on(&mut wire, &mut baud, &inbox, &mut Vec::new(), &|| false, &clock, &|| clock.now());
        off(&mut wire, setup, baud, &clock);
        let off_bytes = setup.kind.off_bytes().to_vec();
        assert_eq!(wire.sent, [(115_200, off_bytes.clone()), (usual, off_bytes)]);
    }

    #[test]
    fn a_told_end_and_a_port_that_fails_end_it_too() {
        let mut rig = rig();
        let (_orders, inbox) = sync_channel(8);
        let wall = || rig.clock.now();
        let alarm = pass_on(&mut rig.link, &mut 115_200, &inbox, &mut Vec::new(), &|| true, rig.clock.as_ref(), &wall);
        assert_eq!(alarm, Alarm::Signal);
    }
}
