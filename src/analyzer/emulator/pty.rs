//! An emulated device on a new pseudo-terminal, where any program can open it as a serial port.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;

use crate::analyzer::Clock;

use super::Device;

/// Longest time between two looks at the stop flag and the device's clock.
const SLICE_MS: u16 = 10;
/// Bytes that wait for a host that does not read; more are lost, as on a real cable.
const MAX_UNREAD: usize = 16 * 1024;

/// A device that runs on its own thread behind a pseudo-terminal until it is dropped. When its cable is pulled the
/// pseudo-terminal goes away; when it is plugged in again there is a new one, as with a real adapter.
#[derive(Debug)]
pub struct PtyHost {
    path: String,
    present_path: Arc<Mutex<Option<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl PtyHost {
    /// Opens a pseudo-terminal and lets `device` answer on it. `name` names the thread.
    pub fn start(name: &str, device: impl Device + 'static, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let terminal = Terminal::open()?;
        let path = terminal.path.clone();
        let present_path = Arc::new(Mutex::new(Some(path.clone())));
        let stop = Arc::new(AtomicBool::new(false));
        let (stopping, published) = (Arc::clone(&stop), Arc::clone(&present_path));
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            live(terminal, device, clock.as_ref(), &stopping, &published);
        })?;
        Ok(Self { path, present_path, stop, thread: Some(thread) })
    }

    /// Path that a host opens, at first.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Path that a host opens now; `None` while the cable is out.
    pub fn present_path(&self) -> Option<String> {
        self.present_path.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for PtyHost {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A device that panicked has nothing left to end.
            let _ = thread.join();
        }
    }
}

/// Both ends of a pseudo-terminal.
struct Terminal {
    master: File,
    /// Stays open here, so that a host may close the port and open it again.
    _slave: OwnedFd,
    path: String,
}

impl Terminal {
    fn open() -> io::Result<Self> {
        let OpenptyResult { master, slave } = openpty(None, None)?;
        // Raw: otherwise the terminal would change line ends and act on control bytes.
        let mut settings = tcgetattr(slave.as_fd())?;
        cfmakeraw(&mut settings);
        tcsetattr(slave.as_fd(), SetArg::TCSANOW, &settings)?;
        // A host that stops reading must not stop the device, nor keep it from ending.
        let flags = OFlag::from_bits_truncate(fcntl(&master, FcntlArg::F_GETFL)?);
        fcntl(&master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        let path = ttyname(slave.as_fd())?.to_string_lossy().into_owned();
        Ok(Self { master: File::from(master), _slave: slave, path })
    }

    /// The speed that the host has set, bits per second: the terminal itself does not care.
    fn host_speed(&self) -> Option<u32> {
        rustix::termios::tcgetattr(&self.master).ok().map(|settings| settings.output_speed())
    }
}

/// Serves one pseudo-terminal after the other until told to stop.
fn live(
    mut terminal: Terminal,
    mut device: impl Device,
    clock: &dyn Clock,
    stop: &AtomicBool,
    published: &Mutex<Option<String>>,
) {
    let publish = |path| *published.lock().unwrap_or_else(PoisonError::into_inner) = path;
    loop {
        serve(&terminal, &mut device, clock, stop);
        if stop.load(Ordering::SeqCst) || device.plugged() {
            return;
        }
        publish(None);
        drop(terminal);
        while !device.plugged() {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            // The device goes on working without its cable.
            device.transmit(clock.now());
            clock.sleep(Duration::from_millis(u64::from(SLICE_MS)));
        }
        terminal = match Terminal::open() {
            Ok(terminal) => terminal,
            Err(error) => {
                tracing::error!(%error, "no pseudo-terminal for the device that was plugged in again");
                return;
            }
        };
        publish(Some(terminal.path.clone()));
    }
}

/// Serves until told to stop or the cable is pulled.
fn serve(terminal: &Terminal, device: &mut impl Device, clock: &dyn Clock, stop: &AtomicBool) {
    let mut master = &terminal.master;
    let mut buffer = [0_u8; 4096];
    let mut unread: VecDeque<u8> = VecDeque::new();
    while !stop.load(Ordering::SeqCst) {
        if let Some(baud) = terminal.host_speed() {
            device.host_speed(baud);
        }
        let out = device.transmit_at_most(clock.now(), 512);
        if !device.plugged() {
            return;
        }
        if unread.len() + out.len() <= MAX_UNREAD {
            unread.extend(out);
        }
        if !unread.is_empty() {
            match master.write(unread.make_contiguous()) {
                Ok(written) => drop(unread.drain(..written)),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => return,
            }
        }
        let due =
            device.next_due().map_or(Duration::from_millis(u64::from(SLICE_MS)), |d| d.saturating_sub(clock.now()));
        let wait = u16::try_from(due.as_millis()).unwrap_or(SLICE_MS).min(SLICE_MS);
        let mut watched = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        match poll(&mut watched, PollTimeout::from(wait)) {
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        match master.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => {
                if let Some(baud) = terminal.host_speed() {
                    device.host_speed(baud);
                }
                device.receive(buffer.get(..n).unwrap_or_default(), clock.now());
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            // EIO: no host has the port open; wait for the next.
            Err(e) if e.raw_os_error() == Some(5) => clock.sleep(Duration::from_millis(u64::from(SLICE_MS))),
            Err(_) => return,
        }
    }
}
