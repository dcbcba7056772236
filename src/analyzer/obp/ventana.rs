//! The laser of a Ventana 785, which is driven by messages to its spectrometer.
//!
//! The device says whether its laser is enabled and nothing of interlock, key or power; so what is enabled counts as
//! warming up for a while, and everything that is not a clear answer is unknown.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::codec::HEADER_LEN;
use super::driver::Shared;
use super::exchange::{Ask, SetEnd};
use super::kinds;
use crate::analyzer::laser::{EmissionPermit, Laser};
use crate::analyzer::spectrometer::OnWait;
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, LaserState};

/// Bytes of one frame that switches the laser off.
const OFF_FRAME: usize = 64;

/// The bytes that switch the laser off, for whoever must say it without a conversation: start, version 0x1100, ACK wanted,
/// message 0x810031, three bytes of data: module 0, source 0, off. Half a request may lie in the device, which takes what
/// comes for its rest: so first come as many bytes of 0xFF as a header has. They make of any half header one that no
/// device reads (a length of four thousand million), and between frames they are noise that is skipped. Then the command
/// twice, because the end of a half frame may also swallow the beginning of the first.
pub const LASER_OFF: [u8; HEADER_LEN + 2 * OFF_FRAME] = {
    let mut bytes = [0; HEADER_LEN + 2 * OFF_FRAME];
    let mut noise = 0;
    while noise < HEADER_LEN {
        bytes[noise] = 0xFF;
        noise += 1;
    }
    let head = [0xC1, 0xC0, 0x00, 0x11, 0x04, 0x00, 0x00, 0x00, 0x31, 0x00, 0x81, 0x00];
    let footer = [0xC5, 0xC4, 0xC3, 0xC2];
    let mut start = HEADER_LEN;
    while start < bytes.len() {
        let mut i = 0;
        while i < head.len() {
            bytes[start + i] = head[i];
            i += 1;
        }
        // Length of the data in the header, and of what follows it.
        (bytes[start + 23], bytes[start + 40]) = (3, 20);
        let mut i = 0;
        while i < footer.len() {
            bytes[start + 60 + i] = footer[i];
            i += 1;
        }
        start += OFF_FRAME;
    }
    bytes
};

/// The only light source: module 0, source 0.
const SOURCE: [u8; 2] = [0, 0];
/// Data of the command that switches the laser off.
pub(super) const OFF: [u8; 3] = [SOURCE[0], SOURCE[1], 0];
/// Time that the emission gets to settle, because the device does not say when it has.
const SETTLE: Duration = Duration::from_millis(500);
/// How often *off* is commanded before the state is given up as unknown.
const OFF_ATTEMPTS: usize = 3;
const WHAT: &str = "the state of the laser";

/// The laser of a Ventana. It is commanded off when it is opened and when it is dropped.
pub struct VentanaLaser {
    exchange: Shared,
    clock: Arc<dyn Clock>,
    identity: DeviceIdentity,
    enabled_at: Option<Duration>,
}

impl VentanaLaser {
    /// Commands *off* and reads it back.
    pub(super) fn open(
        exchange: Shared,
        box_identity: &DeviceIdentity,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AnalyzerError> {
        let identity = DeviceIdentity { model: format!("{}, its laser", box_identity.model), ..box_identity.clone() };
        let mut laser = Self { exchange, clock, identity, enabled_at: None };
        match laser.disable() {
            LaserState::Off => Ok(laser),
            state => Err(AnalyzerError::LaserNotOff { port: laser.identity.port.clone(), state }),
        }
    }
}

impl Laser for VentanaLaser {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn state(&mut self, on_wait: &mut OnWait<'_>) -> LaserState {
        let answer = self.exchange.lock().query(&Ask::short(kinds::LIGHT_SOURCE_ENABLE, WHAT, &SOURCE), on_wait);
        let settling = || {
            let now = self.clock.now();
            self.enabled_at.is_some_and(|at| now.saturating_sub(at) < SETTLE)
        };
        match answer.as_ref().map(|reply| reply.data.as_slice()) {
            Ok([0]) => LaserState::Off,
            Ok([1]) if settling() => LaserState::WarmingUp,
            Ok([1]) => LaserState::On,
            _ => LaserState::Unknown,
        }
    }

    fn enable(&mut self, _permit: &EmissionPermit, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let data = [SOURCE[0], SOURCE[1], 1];
        let ask = Ask::short(kinds::SET_LIGHT_SOURCE_ENABLE, "to switch the laser on", &data);
        // Never repeated: the state that is read back tells whether the command arrived.
        self.exchange.lock().set(&ask, on_wait)?;
        self.enabled_at = Some(self.clock.now());
        Ok(())
    }

    fn disable(&mut self) -> LaserState {
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
        let ask = Ask::short(kinds::SET_LIGHT_SOURCE_ENABLE, "to switch the laser off", &OFF);
        self.enabled_at = None;
        let mut state = LaserState::Unknown;
        for _ in 0..OFF_ATTEMPTS {
            let end: Result<SetEnd, AnalyzerError> = self.exchange.lock().set_now(&ask, on_wait);
            if let Err(AnalyzerError::Link(_)) = end {
                return LaserState::Unknown;
            }
            state = self.state(on_wait);
            if state == LaserState::Off {
                break;
            }
        }
        state
    }

    fn expected_transaction(&self) -> Duration {
        self.exchange.lock().expected(&Ask::short(kinds::LIGHT_SOURCE_ENABLE, WHAT, &SOURCE))
    }
}

impl Drop for VentanaLaser {
    fn drop(&mut self) {
        let state = self.disable();
        if state != LaserState::Off {
            tracing::error!(?state, port = self.identity.port, "the laser does not confirm that it is off");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::obp::codec::{Decoder, Message, encode};

    #[test]
    fn the_bytes_that_need_no_conversation_are_what_the_driver_sends_also_behind_half_a_request() {
        let message = Message::set(kinds::SET_LIGHT_SOURCE_ENABLE, &OFF);
        let (noise, frames) = LASER_OFF.split_at(HEADER_LEN);
        assert!(noise.iter().all(|b| *b == 0xFF));
        let (first, second) = frames.split_at(OFF_FRAME);
        assert_eq!((first, second), (encode(&message).as_slice(), encode(&message).as_slice()));
        let payload = encode(&Message::set(kinds::SET_LIGHT_SOURCE_ENABLE, &[7; 40]));
        let query = encode(&Message::query(kinds::RAW_SPECTRUM, &[]));
        for (request, half) in [query, payload].iter().flat_map(|r| (0..r.len()).map(move |half| (r, half))) {
            let mut decoder = Decoder::new();
            decoder.push(&request[..half]);
            decoder.push(&LASER_OFF);
            let heard: Vec<Message> = std::iter::from_fn(|| decoder.next()).flatten().collect();
            assert!(heard.contains(&message), "{half}");
        }
    }
}
