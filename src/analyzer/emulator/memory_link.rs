//! A wire in memory between a driver and an emulated device.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::analyzer::{Clock, Transport, TransportError};

use super::Device;

/// Longest wait at once, so that a wire in real time is as quick as a real one.
const SLICE: Duration = Duration::from_millis(5);

/// The host's end. Clones hold the same wire.
#[derive(Clone)]
pub struct MemoryLink {
    name: String,
    device: Arc<Mutex<dyn Device>>,
    clock: Arc<dyn Clock>,
}

impl MemoryLink {
    /// A wire to `device` on `clock`.
    pub fn new(name: &str, device: impl Device + 'static, clock: Arc<dyn Clock>) -> Self {
        Self { name: name.to_owned(), device: Arc::new(Mutex::new(device)), clock }
    }

    fn device(&self) -> MutexGuard<'_, dyn Device + 'static> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unplugged(&self) -> TransportError {
        TransportError::Unplugged { port: self.name.clone() }
    }

    /// Waits until the device may have something, `deadline` at the latest.
    fn wait(&self, due: Option<Duration>, deadline: Duration) {
        let now = self.clock.now();
        let until = due.map_or(deadline, |d| d.min(deadline)).max(now + Duration::from_micros(50));
        self.clock.sleep(until.saturating_sub(now).min(SLICE));
    }
}

impl Transport for MemoryLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_all(&mut self, bytes: &[u8], _deadline: Duration) -> Result<(), TransportError> {
        let mut device = self.device();
        if !device.plugged() {
            return Err(self.unplugged());
        }
        device.receive(bytes, self.clock.now());
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError> {
        loop {
            let (bytes, due) = {
                let mut device = self.device();
                if !device.plugged() {
                    return Err(self.unplugged());
                }
                (device.transmit_at_most(self.clock.now(), buffer.len()), device.next_due())
            };
            if let Some(place) = buffer.get_mut(..bytes.len())
                && !bytes.is_empty()
            {
                place.copy_from_slice(&bytes);
                return Ok(bytes.len());
            }
            if self.clock.now() >= deadline {
                return Err(TransportError::Timeout { port: self.name.clone() });
            }
            self.wait(due, deadline);
        }
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        let mut device = self.device();
        if !device.plugged() {
            return Err(self.unplugged());
        }
        device.host_speed(baud);
        Ok(())
    }
}
