//! A kit that does something other than scan for a command: it is connected by a session and let go again, laser off.

use std::io::{self, BufRead as _, Read as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::casebook::{Act, Actor, Casebook};
use crate::session::{
    Command, Connection, Event, KitChoice, KitId, KitMeasured, KitMeasurement, KitName, KitStatus, Session,
    SessionConfig, casebook_path, data_dir,
};

use super::scan::{DEFAULT_SAMPLE, fresh_seed, operator, stage_words, watch_signals};
use super::{Context, output};

/// How often events and signals are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a signal leaves behind.
const STOPPED: &str = "stopped by a signal; the laser was commanded off and nothing was kept";
/// Longest line that a user may answer with.
const LINE_BYTES_MAX: u64 = 4_096;

/// Who adds to the records of a kit: where accounts are enrolled, only somebody whose role may.
pub(super) fn may_calibrate(user: Option<&str>, context: &Context) -> Result<Option<Actor>, anyhow::Error> {
    permitted(user, Act::Calibrate, context).context("nothing was measured")
}

/// Who does something to kits: where accounts are enrolled, only somebody whose role may.
pub(super) fn permitted(user: Option<&str>, act: Act, context: &Context) -> Result<Option<Actor>, anyhow::Error> {
    // No casebook is made only for a kit.
    let path = casebook_path(&data_dir(context.data_dir.as_deref())?);
    if path.exists() || user.is_some() { operator(&mut Casebook::open(&path)?, user, act) } else { Ok(None) }
}

/// Measures a standard, which is kept with the kit.
pub(super) fn measure(
    kit: KitChoice,
    measurement: KitMeasurement,
    user: Option<&str>,
    context: &Context,
) -> Result<Box<KitMeasured>, anyhow::Error> {
    let operator = may_calibrate(user, context)?;
    ask(kit, Command::Measure(measurement), operator, context, |event| match event {
        Event::Measured(measured) => Some(Ok(measured)),
        Event::Failed(why) => Some(Err(why)),
        Event::Cancelled => Some(Err(STOPPED.to_owned())),
        _ => None,
    })
}

/// Calibrates with these standards, one after the other, fitted together. Where they are several, each is asked for.
pub(super) fn calibrate(
    kit: KitChoice,
    standards: &[String],
    keep: bool,
    user: Option<&str>,
    context: &Context,
) -> Result<Box<KitMeasured>, anyhow::Error> {
    let operator = may_calibrate(user, context)?;
    let (mut left, mut begun) = (standards.iter(), false);
    let mut next = move || {
        let standard = left.next()?.clone();
        let ask = (standards.len() > 1)
            .then(|| format!("Put {standard} under the probe and press Enter; the laser is switched on then."));
        let wish = Box::new(Command::Measure(KitMeasurement::Calibrate { standard, with_earlier: begun }));
        begun = true;
        Some(Turn::Send { wish, ask })
    };
    let first = next().context("no standard was named")?;
    converse(kit, first, false, operator, context, |event| match event {
        Event::Measured(measured) if !measured.kept => match next() {
            Some(turn) => turn,
            None if keep => Turn::Send { wish: Box::new(Command::KeepCalibration), ask: None },
            None => Turn::End(Ok(measured)),
        },
        Event::Measured(measured) => Turn::End(Ok(measured)),
        Event::Failed(why) | Event::KitTrouble(why) => Turn::End(Err(why)),
        Event::Cancelled => Turn::End(Err(STOPPED.to_owned())),
        _ => Turn::Wait,
    })
}

/// Connects to a kit, gives it a command and follows the events up to the one that `end` takes. The laser is off and the
/// ports are free when this returns.
pub(super) fn ask<T>(
    kit: KitChoice,
    command: Command,
    operator: Option<Actor>,
    context: &Context,
    mut end: impl FnMut(Event) -> Option<Result<T, String>>,
) -> Result<T, anyhow::Error> {
    let first = Turn::Send { wish: Box::new(command), ask: None };
    converse(kit, first, false, operator, context, |event| end(event).map_or(Turn::Wait, Turn::End))
}

/// Connects to a kit on ports and saves it. The session begins with the kit in memory, which is not waited for: only one
/// session may have the ports.
pub(super) fn save(
    name: KitName,
    kit: KitChoice,
    operator: Option<Actor>,
    context: &Context,
) -> Result<KitId, anyhow::Error> {
    let beside = KitChoice::Emulator { sample: DEFAULT_SAMPLE.to_owned(), seed: fresh_seed(), virtual_time: false };
    let first = Turn::Send { wish: Box::new(Command::SaveKit { name, kit }), ask: None };
    converse(beside, first, true, operator, context, |event| match event {
        Event::KitSaved(id) => Turn::End(Ok(id)),
        Event::KitTrouble(why) => Turn::End(Err(why)),
        _ => Turn::Wait,
    })
}

/// What follows an event.
enum Turn<T> {
    /// Nothing yet.
    Wait,
    /// A command, once the user has done what is asked.
    Send { wish: Box<Command>, ask: Option<String> },
    /// The end; the error is a sentence.
    End(Result<T, String>),
}

/// A command that waits for the user.
struct Asked {
    wish: Box<Command>,
    /// True for a line on standard input, false for its end.
    answer: Receiver<bool>,
}

/// Connects to a kit, takes the `first` turn with it and those that the events give. `at_once`: the first is a wish that needs
/// no kit, so that none is waited for.
fn converse<T>(
    kit: KitChoice,
    first: Turn<T>,
    at_once: bool,
    operator: Option<Actor>,
    context: &Context,
    mut turn: impl FnMut(Event) -> Turn<T>,
) -> Result<T, anyhow::Error> {
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let data_dir = data_dir(context.data_dir.as_deref())?;
    let session = Session::start(SessionConfig::new(data_dir, kit).with_operator(operator))
        .context("this system gives no more threads")?;
    let (mut first, mut asked, mut stage_shown) = (Some(first), None::<Asked>, None);
    if at_once && let Some(Turn::Send { wish, .. }) = first.take() {
        session.send(*wish)?;
    }
    loop {
        // Before anything was asked of the kit there is nothing to cancel: dropping the session ends the opening.
        if first.is_some() && interrupted.load(Ordering::SeqCst) {
            bail!(STOPPED);
        }
        let next = match session.recv_timeout(LOOK_EVERY) {
            Some(Event::Connection(Connection::Ready(_))) => first.take().unwrap_or(Turn::Wait),
            Some(Event::Connection(Connection::Lost(why))) if first.is_some() || asked.is_some() => bail!(why),
            Some(Event::Progress { stage, .. }) if stage_shown != Some(stage) => {
                stage_shown = Some(stage);
                output::complain(stage_words(stage));
                Turn::Wait
            }
            Some(event) => turn(event),
            None => Turn::Wait,
        };
        match next {
            Turn::Wait => {}
            Turn::Send { wish, ask: None } => session.send(*wish)?,
            Turn::Send { wish, ask: Some(question) } => {
                output::complain(&question);
                stage_shown = None;
                asked = Some(Asked { wish, answer: line_from_user() });
            }
            Turn::End(Err(_)) if interrupted.load(Ordering::SeqCst) => bail!(STOPPED),
            Turn::End(end) => return end.map_err(anyhow::Error::msg),
        }
        match asked.as_ref().map(|asked| asked.answer.try_recv()) {
            Some(Ok(true)) => session.send(*asked.take().context("nothing was asked")?.wish)?,
            Some(Ok(false) | Err(TryRecvError::Disconnected)) => {
                bail!("standard input ended before the standard was in place; nothing was kept")
            }
            Some(Err(TryRecvError::Empty)) if interrupted.load(Ordering::SeqCst) => bail!(STOPPED),
            Some(Err(TryRecvError::Empty)) | None => {}
        }
        stop_if(&interrupted, &session)?;
    }
}

/// Waits for a line on a thread of its own: a signal must not wait for it.
fn line_from_user() -> Receiver<bool> {
    let (tell, answer) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line);
        // Nobody may be waiting any more.
        let _ = tell.send(read.is_ok_and(|bytes| bytes > 0));
    });
    answer
}

/// Connects to a kit and reads its state; the laser is commanded off on the way and again at the end.
pub(super) fn status(kit: KitChoice, context: &Context) -> Result<Box<KitStatus>, anyhow::Error> {
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let data_dir = data_dir(context.data_dir.as_deref())?;
    let session = Session::start(SessionConfig::new(data_dir, kit)).context("this system gives no more threads")?;
    loop {
        match session.recv_timeout(LOOK_EVERY) {
            Some(Event::Connection(Connection::Ready(status))) => return Ok(status),
            Some(Event::Connection(Connection::Lost(why)) | Event::Failed(why)) => bail!(why),
            _ => {}
        }
        if interrupted.load(Ordering::SeqCst) {
            bail!("stopped by a signal; the laser stayed off");
        }
    }
}

fn stop_if(interrupted: &AtomicBool, session: &Session) -> Result<(), anyhow::Error> {
    if interrupted.load(Ordering::SeqCst) {
        session.send(Command::Cancel)?;
    }
    Ok(())
}
