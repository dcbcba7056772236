//! A wire that fails: it hangs between an emulated device and whoever drives it and does to the bytes what cables,
//! adapters and wrong line speeds do. The device behind it knows nothing of it.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Device, Fault, Faults};

/// Silence after which bytes from the device are a new reply, although the host asked for nothing.
const REPLY_GAP: Duration = Duration::from_millis(250);
/// How late a late reply is, milliseconds: from just after the shortest deadlines to long after the longest.
const LATE_MS: (f64, f64) = (400.0, 8_000.0);
/// Bytes between two that are lost or changed.
const HIT_EVERY: (f64, f64) = (1.0, 2_500.0);
/// Stray bytes before a reply.
const NOISE_BYTES: (f64, f64) = (1.0, 40.0);
/// Bytes of long replies until the cable is pulled.
const SPECTRUM_BYTES: (f64, f64) = (1.0, 4_000.0);
/// Bytes of a device without spectra until the cable is pulled.
const SHORT_BYTES: (f64, f64) = (1.0, 300.0);
/// A reply that is longer than this brings a spectrum, or a part of one.
const SHORT_REPLY: usize = 100;
/// Line speeds at which a device may be that does not answer at the expected one.
const SPEEDS: [u32; 6] = [9_600, 19_200, 38_400, 57_600, 115_200, 921_600];
/// Speed of the host's end until the host has set one.
const FIRST_SPEED: u32 = 9_600;

/// What passes over a wire: decides when the cable is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Spectra among short replies: the cable is pulled in the middle of one.
    Spectra,
    /// Short replies only: the cable is pulled at any byte.
    ShortReplies,
}

/// A device at the far end of a wire that can fail.
#[derive(Debug)]
pub struct FaultyWire<D> {
    device: D,
    faults: Faults,
    traffic: Traffic,
    rng: ChaCha8Rng,
    reply: Reply,
    lost: Countdown,
    changed: Countdown,
    pulled: Countdown,
    /// Whether bytes are garbled when both ends run at different speeds, as on a real line.
    minds_speed: bool,
    host_baud: u32,
    /// Speed of the device's end when the host last sent something: the answer to a change of speed comes at the old one.
    /// A device that talks by itself does so at its speed of the moment.
    device_baud: Option<u32>,
    /// Speed of the device's end while a fault makes it another one than the host's.
    far_baud: Option<u32>,
    on_the_way: VecDeque<(Duration, Vec<u8>)>,
}

/// What happens to the reply that is passing.
#[derive(Debug, Default)]
struct Reply {
    /// Nothing of it has come yet.
    awaited: bool,
    last_byte_at: Duration,
    bytes: usize,
    /// How late it is; `None` when it never comes.
    late_by: Option<Duration>,
    garbled: bool,
    one_byte_reads: bool,
}

/// Bytes that still pass unharmed.
#[derive(Debug, Default)]
struct Countdown(Option<usize>);

impl Countdown {
    /// Whether it ends with this byte; drawn anew from `range` when the last one has ended.
    fn ends(&mut self, range: (f64, f64), rng: &mut ChaCha8Rng) -> bool {
        let left = self.0.unwrap_or_else(|| log_uniform(rng, range) as usize);
        self.0 = left.checked_sub(1);
        left == 0
    }
}

impl<D: Device> FaultyWire<D> {
    /// A wire to `device` that fails as `faults` say; the same seed fails at the same bytes.
    pub fn new(device: D, traffic: Traffic, faults: Faults, seed: u64) -> Self {
        Self {
            device,
            faults,
            traffic,
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0010),
            reply: Reply::default(),
            lost: Countdown::default(),
            changed: Countdown::default(),
            pulled: Countdown::default(),
            minds_speed: false,
            host_baud: FIRST_SPEED,
            device_baud: None,
            far_baud: None,
            on_the_way: VecDeque::new(),
        }
    }

    /// The same wire with bytes garbled whenever host and device have set their ends to different speeds. Without this
    /// only [`Fault::BaudMismatch`] garbles, so that programs that leave the speed alone can talk to the device too.
    #[must_use]
    pub fn minding_speed(mut self) -> Self {
        self.minds_speed = true;
        self
    }

    /// The speed of the device's end, where it differs from the host's.
    fn other_speed(&mut self) -> Option<u32> {
        if !self.faults.is_on(Fault::BaudMismatch) {
            self.far_baud = None;
            return self.device_baud.filter(|baud| self.minds_speed && *baud != self.host_baud);
        }
        let (rng, host) = (&mut self.rng, self.host_baud);
        let far = *self.far_baud.get_or_insert_with(|| {
            let others: Vec<u32> = SPEEDS.into_iter().filter(|s| *s != host).collect();
            others.get(rng.random_range(0..others.len())).copied().unwrap_or(FIRST_SPEED)
        });
        (far != host).then_some(far)
    }

    /// Decides what happens to the reply that begins now.
    fn begin_reply(&mut self, now: Duration) {
        let awaited = std::mem::take(&mut self.reply.awaited);
        if !awaited {
            self.device_baud = self.device.line_speed();
        }
        let garbled = if awaited { self.reply.garbled } else { self.garbles() };
        let late = self.faults.strikes(Fault::LateReply);
        let late_ms = if late { log_uniform(&mut self.rng, LATE_MS) } else { 0.0 };
        let missing = self.faults.strikes(Fault::MissingReply);
        self.reply = Reply {
            awaited: false,
            last_byte_at: now,
            bytes: 0,
            late_by: (!missing).then(|| Duration::from_micros((late_ms * 1_000.0) as u64)),
            garbled,
            one_byte_reads: self.faults.strikes(Fault::OneByteReads),
        };
    }

    fn garbles(&mut self) -> bool {
        let differs = self.other_speed().is_some();
        differs && (self.far_baud.is_none() || self.faults.strikes(Fault::BaudMismatch))
    }

    /// Stray bytes: anything, or the beginning of the reply itself, which is the worst that can precede it.
    fn noise(&mut self, reply: &[u8]) -> Vec<u8> {
        if self.rng.random_bool(0.25) {
            let length = self.rng.random_range(1..=4);
            return reply.iter().copied().take(length).collect();
        }
        let length = log_uniform(&mut self.rng, NOISE_BYTES) as usize;
        (0..length).map(|_| self.rng.random_range(0..=u8::MAX)).collect()
    }

    /// The bytes that are left of `bytes` when some are lost or changed.
    fn worn(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (loses, changes) = (self.faults.is_on(Fault::DroppedByte), self.faults.is_on(Fault::ChangedByte));
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            let lost = loses && self.lost.ends(HIT_EVERY, &mut self.rng) && self.faults.strikes(Fault::DroppedByte);
            let changed =
                changes && self.changed.ends(HIT_EVERY, &mut self.rng) && self.faults.strikes(Fault::ChangedByte);
            let flipped = if changed { 1 << self.rng.random_range(0..8) } else { 0 };
            if !lost {
                out.push(byte ^ flipped);
            }
        }
        out
    }

    /// How many of the bytes that come now pass before the cable is pulled; `None` when it is not.
    fn cable_holds_for(&mut self, bytes: usize) -> Option<usize> {
        if !self.faults.is_on(Fault::UnplugMidSpectrum) {
            return None;
        }
        let (range, spared) = match self.traffic {
            Traffic::Spectra => (SPECTRUM_BYTES, SHORT_REPLY.saturating_sub(self.reply.bytes)),
            Traffic::ShortReplies => (SHORT_BYTES, 0),
        };
        let end = (spared..bytes).find(|_| self.pulled.ends(range, &mut self.rng))?;
        self.faults.strikes(Fault::UnplugMidSpectrum).then_some(end)
    }

    /// Takes what the device has sent by now and does to it what the faults say.
    fn pull(&mut self, now: Duration) {
        let mut bytes = self.device.transmit(now);
        if self.faults.unplugged() {
            self.on_the_way.clear();
            return;
        }
        if bytes.is_empty() {
            return;
        }
        let begins = self.reply.awaited || now.saturating_sub(self.reply.last_byte_at) > REPLY_GAP;
        if begins {
            self.begin_reply(now);
        }
        self.reply.last_byte_at = now;
        let holds = self.cable_holds_for(bytes.len());
        self.reply.bytes += bytes.len();
        if holds.is_some() {
            // What had not been read is gone with the port.
            self.on_the_way.clear();
            self.faults.unplug();
            return;
        }
        let Some(late_by) = self.reply.late_by else { return };
        bytes = self.worn(&bytes);
        if begins && self.faults.strikes(Fault::LeadingNoise) {
            let mut noisy = self.noise(&bytes);
            noisy.append(&mut bytes);
            bytes = noisy;
        }
        if let (true, Some(far)) = (self.reply.garbled, self.other_speed()) {
            bytes = resample(&bytes, far, self.host_baud);
        }
        // Bytes do not overtake each other.
        let earliest = self.on_the_way.back().map_or(Duration::ZERO, |(due, _)| *due);
        self.on_the_way.push_back(((now + late_by).max(earliest), bytes));
    }
}

impl<D: Device> Device for FaultyWire<D> {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.pull(now);
        if self.faults.unplugged() {
            return;
        }
        self.reply.awaited = true;
        self.device_baud = self.device.line_speed();
        self.reply.garbled = self.garbles();
        let mut bytes = self.worn(bytes);
        if let (true, Some(far)) = (self.reply.garbled, self.other_speed()) {
            bytes = resample(&bytes, self.host_baud, far);
        }
        self.device.receive(&bytes, now);
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        self.pull(now);
        let most = if self.reply.one_byte_reads { most.min(1) } else { most };
        let mut out = Vec::new();
        while let Some((due, bytes)) = self.on_the_way.front_mut()
            && *due <= now
            && out.len() < most
        {
            let taken = bytes.len().min(most - out.len());
            out.extend(bytes.drain(..taken));
            if bytes.is_empty() {
                self.on_the_way.pop_front();
            }
        }
        out
    }

    fn next_due(&self) -> Option<Duration> {
        [self.device.next_due(), self.on_the_way.front().map(|(due, _)| *due)].into_iter().flatten().min()
    }

    fn host_speed(&mut self, baud: u32) {
        self.host_baud = baud;
        self.device.host_speed(baud);
    }

    fn line_speed(&self) -> Option<u32> {
        self.device.line_speed()
    }

    fn plugged(&self) -> bool {
        !self.faults.unplugged() && self.device.plugged()
    }
}

/// What a receiver at `to` bits per second reads of bytes that were sent at `from` without gaps: every byte is a start
/// bit, eight data bits, least significant first, and a stop bit; the receiver waits for a start bit and then looks at
/// the middle of each of its own bit times.
fn resample(bytes: &[u8], from: u32, to: u32) -> Vec<u8> {
    let bits: Vec<bool> = bytes
        .iter()
        .flat_map(|byte| {
            let data = (0..8).map(move |bit| byte >> bit & 1 == 1);
            std::iter::once(false).chain(data).chain(std::iter::once(true))
        })
        .collect();
    let (sent, read) = (1.0 / f64::from(from.max(1)), 1.0 / f64::from(to.max(1)));
    // The line is idle, high, after the last bit.
    let level = |time: f64| bits.get((time / sent) as usize).copied().unwrap_or(true);
    let (end, step) = (bits.len() as f64 * sent, read.min(sent) / 16.0);
    let (mut out, mut time) = (Vec::new(), sent / 32.0);
    while time < end {
        if level(time) {
            time += step;
            continue;
        }
        let byte = (0..8).filter(|bit| level(time + read * (f64::from(*bit) + 1.5))).fold(0, |b, bit| b | 1 << bit);
        out.push(byte);
        time += read * 9.5;
    }
    out
}

/// A number whose logarithm is spread evenly over `range`.
fn log_uniform(rng: &mut ChaCha8Rng, (least, most): (f64, f64)) -> f64 {
    rng.random_range(least.ln()..=most.ln()).exp()
}

#[cfg(test)]
mod tests;
