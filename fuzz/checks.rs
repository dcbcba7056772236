//! What must hold for any bytes that a device may send. One function per codec; the fuzzer looks for bytes that break it
//! (`fuzz/targets`), and the promises replay the corpus through the same functions (`tests/promises/fuzz_corpus.rs`).
//!
//! The first byte of an input says in which pieces the rest arrives.

/// The readers of spectrum files.
#[path = "format_checks.rs"]
pub mod formats;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use parcelscope::analyzer::emulator::{Device, MemoryLink};
use parcelscope::analyzer::gps::{GpsDecoder, Place};
use parcelscope::analyzer::laser::{LaserKind, LaserSetup};
use parcelscope::analyzer::{Clock, VirtualClock, nirscan, obp, ocean_letter, wasatch};

/// Cuts an input into the size of its pieces and the stream.
fn cut(bytes: &[u8]) -> (usize, &[u8]) {
    bytes.split_first().map_or((1, bytes), |(size, stream)| (usize::from(*size) % 67 + 1, stream))
}

/// Decodes a stream that arrives in pieces and checks that the cuts change nothing.
fn decoded<T: Debug + PartialEq>(bytes: &[u8], decode: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> Vec<T>) -> Vec<T> {
    let (size, stream) = cut(bytes);
    let whole = decode(&mut std::iter::once(stream));
    assert_eq!(decode(&mut stream.chunks(size)), whole, "the same bytes in pieces of {size} are other messages");
    whole
}

/// Ocean Binary Protocol: what is accepted is exactly what its own frame says, however the bytes arrive.
pub fn obp(bytes: &[u8]) {
    use obp::codec::{Decoder, MAX_FRAME_LEN, MIN_FRAME_LEN, encode};
    let decode = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = Decoder::new();
        let mut out = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            out.extend(std::iter::from_fn(|| decoder.next()));
            assert!(decoder.pending() <= MAX_FRAME_LEN, "the decoder hoards {} bytes", decoder.pending());
        }
        out
    };
    let messages = decoded(bytes, decode);
    let accepted: Vec<_> = messages.into_iter().filter_map(Result::ok).collect();
    assert!(accepted.len() * MIN_FRAME_LEN <= bytes.len(), "more messages than bytes for them");
    for message in accepted {
        assert!(message.data.len() <= MAX_FRAME_LEN);
        let frame = encode(&message);
        assert_eq!(
            decode(&mut std::iter::once(frame.as_slice())),
            [Ok(message)],
            "a message that is not its own frame"
        );
    }
}

/// Wasatch: frames, and an EEPROM made of the same bytes.
pub fn wasatch(bytes: &[u8]) {
    use wasatch::codec::{Decoder, MAX_DATA, OVERHEAD, encode};
    let decode = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = Decoder::new();
        let mut out = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            out.extend(std::iter::from_fn(|| decoder.next()));
            assert!(decoder.pending() < MAX_DATA + OVERHEAD, "the decoder hoards {} bytes", decoder.pending());
        }
        out
    };
    let frames = decoded(bytes, decode);
    let accepted: Vec<_> = frames.into_iter().filter_map(Result::ok).collect();
    assert!(accepted.len() * OVERHEAD <= bytes.len(), "more frames than bytes for them");
    for frame in accepted {
        let again = encode(frame.command, &frame.data);
        assert_eq!(decode(&mut std::iter::once(again.as_slice())), [Ok(frame)], "a frame that is not its own bytes");
    }
    eeprom(cut(bytes).1);
}

fn eeprom(bytes: &[u8]) {
    let mut pages = [[0; wasatch::PAGE]; wasatch::PAGES];
    for (place, byte) in pages.iter_mut().flatten().zip(bytes) {
        *place = *byte;
    }
    let Ok(calibration) = wasatch::Eeprom::new(pages).calibration(None) else { return };
    assert!(calibration.wavelength_coefficients_nm.iter().all(|c| c.is_finite()), "{calibration:?}");
    assert!(calibration.excitation_nm.is_none_or(f64::is_finite), "{calibration:?}");
}

/// NIRscan: packets, and an interpreted scan made of the same bytes.
pub fn nirscan(bytes: &[u8]) {
    use nirscan::codec::{Decoder, MAX_DATA, MIN_PACKET, encode};
    use nirscan::interpreted::Interpreted;
    let decode = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = Decoder::new();
        let mut out = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            out.extend(std::iter::from_fn(|| decoder.next()));
            assert!(decoder.pending() < MAX_DATA + MIN_PACKET, "the decoder hoards {} bytes", decoder.pending());
        }
        out
    };
    let packets = decoded(bytes, decode);
    let accepted: Vec<_> = packets.into_iter().filter_map(Result::ok).collect();
    assert!(accepted.len() * MIN_PACKET <= bytes.len(), "more packets than bytes for them");
    for packet in accepted {
        let again = encode(&packet);
        assert_eq!(decode(&mut std::iter::once(again.as_slice())), [Ok(packet)], "a packet that is not its own bytes");
    }
    if let Ok(scan) = Interpreted::parse(cut(bytes).1) {
        assert_eq!(Interpreted::parse(&scan.encode()), Ok(scan));
    }
}

/// Lasers: whatever one says, its driver ends in time; a MatchBox is called off only when it has said so.
pub fn laser(bytes: &[u8]) {
    let (choice, script) = bytes.split_first().unwrap_or((&0, bytes));
    let kind = LaserKind::ALL[usize::from(*choice) % LaserKind::ALL.len()];
    let clock = VirtualClock::default();
    let pieces = script.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let link = MemoryLink::new("script", Script { pieces, due: VecDeque::new() }, Arc::clone(&shared));
    let setup = LaserSetup { kind, baud: kind.usual_baud().or(Some(19_200)) };
    if let Ok(mut laser) = setup.open(Box::new(link), shared) {
        let says_off = script.windows(3).any(|w| w == b"OFF");
        assert!(says_off || kind != LaserKind::MatchBox, "it was opened and never said that it is off");
        laser.condition(&mut || ControlFlow::Continue(()));
        laser.disable();
    }
    assert!(clock.now() < Duration::from_mins(5), "it waited for {:?}", clock.now());
}

/// Letter protocol: a spectrum is accepted once, at its end, and is what its own bytes say.
pub fn ocean_letter(bytes: &[u8]) {
    use ocean_letter::codec::{Expected, decode, encode};
    let (form, stream) = bytes.split_first().unwrap_or((&0, bytes));
    let expected = Expected {
        pixels: [2, 7, 16, 64][usize::from(form & 3)],
        scans: 1 + u16::from(form >> 2 & 1),
        compressed: form >> 3 & 1 == 1,
        checksum: form >> 4 & 1 == 1,
    };
    let whole = decode(stream, &expected);
    if let Ok(Some((spectrum, length))) = &whole {
        assert!(*length <= stream.len() && spectrum.sums.len() == expected.pixels && spectrum.scans == expected.scans);
        for shorter in 0..*length {
            assert_eq!(decode(&stream[..shorter], &expected), Ok(None), "accepted after {shorter} of {length} bytes");
        }
        if let Some(again) = encode(spectrum, &expected) {
            assert_eq!(decode(&again, &expected), Ok(Some((spectrum.clone(), again.len()))));
        }
    }
}

/// GPS: a position lies on the earth, and the same bytes in pieces give the same one.
pub fn gps(bytes: &[u8]) {
    let (size, stream) = cut(bytes);
    let now = Duration::from_secs(1);
    let (mut whole, mut pieces) = (GpsDecoder::default(), GpsDecoder::default());
    let sentences = whole.push(stream, now);
    assert_eq!(stream.chunks(size).map(|piece| pieces.push(piece, now)).sum::<usize>(), sentences);
    let place = whole.place(now);
    assert_eq!(pieces.place(now), place);
    if let Place::Fix(fix) = &place {
        assert!(fix.latitude_deg.abs() <= 90.0 && fix.longitude_deg.abs() <= 180.0, "{fix:?}");
        assert!(fix.altitude_m.is_none_or(f64::is_finite) && sentences > 0, "{fix:?}");
    }
}

/// A device that answers whatever it hears with the next piece of its script.
struct Script {
    pieces: VecDeque<Vec<u8>>,
    due: VecDeque<u8>,
}

impl Device for Script {
    fn receive(&mut self, _bytes: &[u8], _now: Duration) {
        self.due.extend(self.pieces.pop_front().unwrap_or_default());
    }

    fn transmit_at_most(&mut self, _now: Duration, most: usize) -> Vec<u8> {
        let ready = self.due.len().min(most);
        self.due.drain(..ready).collect()
    }

    fn next_due(&self) -> Option<Duration> {
        None
    }
}
