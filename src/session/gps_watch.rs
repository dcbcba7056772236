//! The thread that listens to the GPS receiver, so that every scan knows where it was made without waiting for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use crate::analyzer::gps::{GPS_BAUDS, GpsReceiver, NoFix, Place};
use crate::analyzer::{AnalyzerError, Clock, SerialLink, SystemClock};

use super::Event;
use super::shared::Shared;

/// How often a receiver is looked for that is not there.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// How long the receiver is listened to before the place is told.
const LISTEN: Duration = Duration::from_millis(500);

/// What is told to the thread: the port of the receiver, or that there is none.
pub(super) type GpsPort = Option<String>;

/// How listening to a port ended.
enum Heard {
    /// Another port was named.
    Moved(GpsPort),
    /// The receiver cannot be read.
    Trouble(NoFix),
    /// The session is gone.
    Closed,
}

/// Listens until the session is gone. A receiver only talks: nothing is ever sent to it.
pub(super) fn watch(shared: &Arc<Shared>, ports: &Receiver<GpsPort>) {
    // The session names one, or none, before anything else.
    let Ok(mut port) = ports.recv() else { return };
    let mut told_of: GpsPort = None;
    loop {
        let Some(name) = port.take() else {
            shared.set_gps_time(None, Instant::now());
            tell(shared, Place::NoFix { why: NoFix::NoReceiver });
            told_of = None;
            match ports.recv() {
                Ok(named) => port = named,
                Err(_) => return,
            }
            continue;
        };
        if told_of.as_ref() != Some(&name) {
            told_of = Some(name.clone());
            shared.set_gps_time(None, Instant::now());
            tell(shared, Place::NoFix { why: NoFix::Listening });
        }
        port = match listen(&name, shared, ports) {
            Heard::Moved(port) => port,
            Heard::Closed => return,
            Heard::Trouble(why) => {
                shared.set_gps_time(None, Instant::now());
                tell(shared, Place::NoFix { why });
                match ports.recv_timeout(RETRY_EVERY) {
                    Ok(port) => port,
                    Err(RecvTimeoutError::Timeout) => Some(name),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
    }
}

fn listen(port: &str, shared: &Arc<Shared>, ports: &Receiver<GpsPort>) -> Heard {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let [first, ..] = GPS_BAUDS;
    let opened = SerialLink::open(port, first, Arc::clone(&clock)).map_err(AnalyzerError::from);
    let mut ended = None;
    let receiver = opened.and_then(|link| {
        GpsReceiver::open(Box::new(link), &clock, &mut || match ports.try_recv() {
            Err(TryRecvError::Empty) if !shared.closing() => std::ops::ControlFlow::Continue(()),
            Ok(port) => {
                ended = Some(Heard::Moved(port));
                std::ops::ControlFlow::Break(())
            }
            Err(_) => {
                ended = Some(Heard::Closed);
                std::ops::ControlFlow::Break(())
            }
        })
    });
    let mut receiver = match (receiver, ended) {
        (_, Some(ended)) => return ended,
        (Ok(receiver), None) => receiver,
        (Err(AnalyzerError::NoReceiver { .. }), None) => return Heard::Trouble(NoFix::Silent),
        (Err(error), None) => {
            tracing::warn!(port, %error, "the GPS receiver cannot be read");
            return Heard::Trouble(NoFix::NoReceiver);
        }
    };
    loop {
        match ports.try_recv() {
            Ok(port) => return Heard::Moved(port),
            Err(TryRecvError::Disconnected) => return Heard::Closed,
            Err(TryRecvError::Empty) => {}
        }
        let place = receiver.place();
        if place == (Place::NoFix { why: NoFix::Silent }) {
            // It may speak at another speed since it was restarted.
            return Heard::Trouble(NoFix::Silent);
        }
        tell(shared, place);
        shared.set_gps_time(receiver.time(), Instant::now());
        if let Err(error) = receiver.listen(LISTEN) {
            tracing::warn!(port, %error, "the GPS receiver is gone");
            return Heard::Trouble(NoFix::NoReceiver);
        }
    }
}

/// Keeps the place for the next scan, and reports it where it is another one.
fn tell(shared: &Arc<Shared>, place: Place) {
    if shared.set_place(place.clone(), Instant::now()) {
        shared.events.push(Event::Place(place));
    }
}
