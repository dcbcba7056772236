//! The program's side: a transport whose port is held by the guardian.

use std::collections::VecDeque;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::marker::{LeftOn, extinguish_port};
use super::message::{Order, Report};
use super::watch::HEARTBEAT_EVERY;
use crate::analyzer::laser::LaserKind;
use crate::analyzer::{Clock, Interrupt, SLICE, Transport, TransportError};

/// Longest wait for the guardian to say that it holds the port.
const START_MAX: Duration = Duration::from_secs(8);
/// Longest wait for it to let the port go; where the user cancelled, it does so without being watched.
const END_MAX: Duration = Duration::from_secs(2);
const END_CANCELLED_MAX: Duration = Duration::from_millis(50);
/// Longest wait, where the guardian was killed while its laser may be on, until the laser was commanded off without it: the
/// slowest search for the speed of a line, three times.
const RESCUE_MAX: Duration = Duration::from_secs(10);
/// Reports that may wait; more are lost, as unread bytes of a port are.
const QUEUE: usize = 256;

/// The pipe to the guardian, shared with the heart.
struct Pipe {
    orders: Mutex<Option<ChildStdin>>,
    closed: Condvar,
}

impl Pipe {
    fn send(&self, order: &Order) -> std::io::Result<()> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = orders.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        order.write(stream)
    }

    fn close(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.closed.notify_all();
    }

    /// Says that the program lives until the pipe is closed or broken.
    fn beat(&self) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(stream) = orders.as_mut() {
            if Order::Alive.write(stream).is_err() {
                return;
            }
            orders = match self.closed.wait_timeout(orders, HEARTBEAT_EVERY) {
                Ok((orders, _)) => orders,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

/// A laser's port behind a guardian. Dropping it ends the guardian, which commands *off* once more.
pub struct GuardedLink {
    port: String,
    clock: Arc<dyn Clock>,
    guardian: Child,
    pipe: Arc<Pipe>,
    heart: Option<JoinHandle<()>>,
    /// Reads what the guardian says and, when that has ended and left a marker, commands *off* itself.
    reader: Option<JoinHandle<()>>,
    reports: Receiver<Report>,
    /// Bytes that came and were not read yet.
    unread: VecDeque<u8>,
    /// Why the guardian has no port any more.
    broken: Option<TransportError>,
    /// Whether the guardian ever held the port.
    held: bool,
    interrupt: Interrupt,
}

impl GuardedLink {
    /// Starts `program` as the guardian of a laser's port and waits until it holds it, or until `interrupt` comes. `clock`
    /// must be real time.
    pub fn start(
        program: &Path,
        port: &str,
        laser: LaserKind,
        baud: u32,
        data_dir: &Path,
        interrupt: &Interrupt,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TransportError> {
        let failed = |what: &str, error: &std::io::Error| TransportError::Other {
            port: port.to_owned(),
            what: format!("the guardian of the laser {what} ({error})"),
        };
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(data_dir);
        command.args(["guardian", "--port", port, "--laser", laser.name(), "--baud", &baud.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // What a terminal sends to the program must not end the guardian before it has done its work.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut guardian = command.spawn().map_err(|e| failed("does not start", &e))?;
        let (Some(orders), Some(answers)) = (guardian.stdin.take(), guardian.stdout.take()) else {
            return Err(failed("has no pipe", &std::io::ErrorKind::BrokenPipe.into()));
        };
        let pipe = Arc::new(Pipe { orders: Mutex::new(Some(orders)), closed: Condvar::new() });
        let (to_link, reports) = sync_channel(QUEUE);
        let name = port.to_owned();
        let (folder, time) = (data_dir.to_owned(), Arc::clone(&clock));
        let reader = std::thread::Builder::new().name("laser-port".to_owned()).spawn(move || {
            let mut answers = BufReader::new(answers);
            while let Ok(report) = Report::read(&mut answers, &name) {
                // Always read on: a guardian that waits for the program could not watch it.
                if let Err(TrySendError::Disconnected(_)) = to_link.try_send(report) {
                    break;
                }
            }
            drop(to_link);
            // The guardian has ended and its port is free. Was it killed while the laser may be on, nobody else is there
            // to command it off, and nobody may wait for the next question to notice.
            for LeftOn { marker, trouble } in extinguish_port(&name, &folder, &time) {
                match trouble {
                    None => {
                        tracing::warn!(
                            port = marker.port,
                            "the guardian ended: the laser was commanded off without it"
                        );
                    }
                    Some(error) => {
                        tracing::error!(%error, port = marker.port, "the guardian ended: treat the laser as on");
                    }
                }
            }
        });
        let beating = Arc::clone(&pipe);
        let heart = std::thread::Builder::new().name("laser-heartbeat".to_owned()).spawn(move || beating.beat());
        let (unread, port_name) = (VecDeque::new(), port.to_owned());
        let (reader, heart, threads) = match (reader, heart) {
            (Ok(reader), Ok(heart)) => (Some(reader), Some(heart), Ok(())),
            (Ok(reader), Err(error)) => (Some(reader), None, Err(error)),
            (Err(error), heart) => (None, heart.ok(), Err(error)),
        };
        // From here on dropping the link ends the guardian.
        let interrupt = interrupt.clone();
        let mut link = Self {
            port: port_name,
            clock,
            guardian,
            pipe,
            heart,
            reader,
            reports,
            unread,
            broken: None,
            held: false,
            interrupt,
        };
        threads.map_err(|e| failed("has no thread", &e))?;
        match link.first_report()? {
            Some(Report::Open) => {
                link.held = true;
                Ok(link)
            }
            Some(report) => Err(link.take_in(report).unwrap_or_else(|| link.gone())),
            None => Err(link.gone()),
        }
    }

    /// What the guardian says first; `None` when it says nothing.
    fn first_report(&self) -> Result<Option<Report>, TransportError> {
        let end = Instant::now() + START_MAX;
        loop {
            if self.interrupt.came() {
                return Err(TransportError::Interrupted { port: self.port.clone() });
            }
            match self.reports.recv_timeout(SLICE) {
                Ok(report) => return Ok(Some(report)),
                Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
                Err(_) => return Ok(None),
            }
        }
    }

    /// The process number of the guardian.
    pub fn guardian_id(&self) -> u32 {
        self.guardian.id()
    }

    /// Takes a report in; gives the error that it brings.
    fn take_in(&mut self, report: Report) -> Option<TransportError> {
        let error = match report {
            Report::Open => return None,
            Report::Bytes(bytes) => {
                self.unread.extend(bytes);
                return None;
            }
            Report::Failed(error) => error,
            Report::SwitchedOff(why) => {
                tracing::warn!(port = self.port, why, "the guardian commanded the laser off");
                TransportError::Other { port: self.port.clone(), what: format!("its guardian commanded it off: {why}") }
            }
        };
        self.broken = Some(error.clone());
        Some(error)
    }

    fn gone(&mut self) -> TransportError {
        let what = "its guardian has ended; treat the laser as on".to_owned();
        self.broken.get_or_insert(TransportError::Other { port: self.port.clone(), what }).clone()
    }

    fn order(&mut self, order: &Order) -> Result<(), TransportError> {
        // A guardian that has said why it ended is quoted.
        while let Ok(report) = self.reports.try_recv() {
            self.take_in(report);
        }
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.pipe.send(order).map_err(|_| self.gone())
    }
}

impl Transport for GuardedLink {
    fn name(&self) -> &str {
        &self.port
    }

    fn write_all(&mut self, bytes: &[u8], _deadline: Duration) -> Result<(), TransportError> {
        self.order(&Order::Send(bytes.to_vec()))
    }

    fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError> {
        loop {
            let n = buffer.len().min(self.unread.len());
            if n > 0 {
                buffer.iter_mut().zip(self.unread.drain(..n)).for_each(|(place, byte)| *place = byte);
                return Ok(n);
            }
            if let Some(error) = &self.broken {
                return Err(error.clone());
            }
            let left = deadline.saturating_sub(self.clock.now());
            match self.reports.recv_timeout(left) {
                Ok(report) => drop(self.take_in(report)),
                Err(RecvTimeoutError::Timeout) => return Err(TransportError::Timeout { port: self.port.clone() }),
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone()),
            }
        }
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        self.order(&Order::Baud(baud))
    }
}

impl Drop for GuardedLink {
    fn drop(&mut self) {
        self.pipe.close();
        if let Some(heart) = self.heart.take() {
            // It only writes to a pipe that is closed now.
            let _ = heart.join();
        }
        if !self.held {
            // It waits for a port that somebody else holds; nothing was ever sent through it.
            let _ = self.guardian.kill();
        }
        // The port must be free when somebody opens it again. A guardian that still works on a laser that does not
        // answer is left to it.
        let end = Instant::now() + if self.interrupt.came() { END_CANCELLED_MAX } else { END_MAX };
        while matches!(self.guardian.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        // One that was killed cannot have done it: then the reader commands *off*, and the program must not end before.
        let ended = !matches!(self.guardian.try_wait(), Ok(None));
        let end = Instant::now() + RESCUE_MAX;
        if let Some(reader) = self.reader.take() {
            while ended && !reader.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}
