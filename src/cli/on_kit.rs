//! A kit that does something other than scan for a command: it is connected by a session and let go again, laser off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::casebook::{Act, Actor, Casebook};
use crate::session::{
    Command, Connection, Event, KitChoice, KitMeasured, KitMeasurement, Session, SessionConfig, casebook_path, data_dir,
};

use super::scan::{operator, stage_words, watch_signals};
use super::{Context, output};

/// How often events and signals are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

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
        Event::Cancelled => {
            Some(Err("stopped by a signal; the laser was commanded off and nothing was kept".to_owned()))
        }
        _ => None,
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
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let data_dir = data_dir(context.data_dir.as_deref())?;
    let session = Session::start(SessionConfig::new(data_dir, kit).with_operator(operator))
        .context("this system gives no more threads")?;
    let mut command = Some(command);
    let mut stage_shown = None;
    loop {
        match session.recv_timeout(LOOK_EVERY) {
            Some(Event::Connection(Connection::Ready(_))) => {
                if let Some(command) = command.take() {
                    session.send(command)?;
                }
            }
            Some(Event::Connection(Connection::Lost(why))) if command.is_some() => bail!(why),
            Some(Event::Progress { stage, .. }) if stage_shown != Some(stage) => {
                stage_shown = Some(stage);
                output::complain(stage_words(stage));
            }
            Some(event) => {
                if let Some(end) = end(event) {
                    return end.map_err(anyhow::Error::msg);
                }
            }
            None => {}
        }
        stop_if(&interrupted, &session)?;
    }
}

fn stop_if(interrupted: &AtomicBool, session: &Session) -> Result<(), anyhow::Error> {
    if interrupted.load(Ordering::SeqCst) {
        session.send(Command::Cancel)?;
    }
    Ok(())
}
