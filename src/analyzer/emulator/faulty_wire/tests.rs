use proptest::prelude::*;

use super::*;

/// Answers every chunk that it hears with a counted reply of a given length, byte after byte a tenth of a millisecond apart,
/// so that a test sees what became of each.
struct Counter {
    length: usize,
    speed: Option<u32>,
    due: VecDeque<(Duration, u8)>,
    heard: Vec<u8>,
}

impl Counter {
    fn of(length: usize) -> Self {
        Self { length, speed: None, due: VecDeque::new(), heard: Vec::new() }
    }
}

impl Device for Counter {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.heard.extend(bytes);
        let reply = (0..self.length).map(|i| (now + Duration::from_micros(100 * i as u64), i as u8));
        self.due.extend(reply);
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        let ready = self.due.iter().take_while(|(due, _)| *due <= now).count();
        self.due.drain(..ready.min(most)).map(|(_, byte)| byte).collect()
    }

    fn next_due(&self) -> Option<Duration> {
        self.due.front().map(|(due, _)| *due)
    }

    fn line_speed(&self) -> Option<u32> {
        self.speed
    }
}

fn wire(length: usize, seed: u64) -> (FaultyWire<Counter>, Faults) {
    let faults = Faults::none();
    (FaultyWire::new(Counter::of(length), Traffic::Spectra, faults.clone(), seed), faults)
}

/// Asks once and collects what comes within `patience`, in the pieces in which it comes.
fn ask(wire: &mut FaultyWire<Counter>, from: Duration, patience: Duration) -> Vec<Vec<u8>> {
    wire.receive(b"?", from);
    let mut pieces = Vec::new();
    let mut now = from;
    while now < from + patience {
        let piece = wire.transmit_at_most(now, 512);
        if piece.is_empty() {
            now += Duration::from_micros(500);
        } else {
            pieces.push(piece);
        }
    }
    pieces
}

const SECOND: Duration = Duration::from_secs(1);

fn counted(length: usize) -> Vec<u8> {
    (0..length).map(|i| i as u8).collect()
}

#[test]
fn a_wire_without_faults_hands_over_every_byte_at_its_time() {
    let (mut faulty, _) = wire(200, 1);
    let mut plain = Counter::of(200);
    for question in 0..3_u64 {
        let now = SECOND * question as u32;
        faulty.receive(b"ask", now);
        plain.receive(b"ask", now);
        for step in 0..300 {
            let now = now + Duration::from_micros(97 * step);
            assert_eq!(faulty.next_due(), plain.next_due());
            assert_eq!(faulty.transmit_at_most(now, 7), plain.transmit_at_most(now, 7));
        }
    }
    assert_eq!(faulty.device.heard, b"askaskask");
}

#[test]
fn one_byte_reads_keep_the_bytes_and_hand_them_over_singly() {
    let (mut wire, faults) = wire(150, 2);
    faults.switch_on(Fault::OneByteReads);
    let pieces = ask(&mut wire, SECOND, SECOND);
    assert!(pieces.iter().all(|piece| piece.len() == 1));
    assert_eq!(pieces.concat(), counted(150));
}

#[test]
fn noise_precedes_the_reply_and_leaves_it_whole() {
    for seed in 0..50 {
        let (mut wire, faults) = wire(60, seed);
        faults.switch_on_times(Fault::LeadingNoise, 1);
        let noisy = ask(&mut wire, SECOND, SECOND).concat();
        assert!((61..=100).contains(&noisy.len()), "{} bytes", noisy.len());
        assert!(noisy.ends_with(&counted(60)));
        assert_eq!(ask(&mut wire, 3 * SECOND, SECOND).concat(), counted(60), "once was asked for");
    }
}

#[test]
fn exactly_one_byte_is_lost_or_changed() {
    for seed in 0..50 {
        for fault in [Fault::DroppedByte, Fault::ChangedByte] {
            let (mut wire, faults) = wire(5_000, seed);
            faults.switch_on_times(fault, 1);
            let worn = ask(&mut wire, SECOND, SECOND).concat();
            let (at, differs) = (0..5_000)
                .map(|i| (i, worn.get(i) != Some(&(i as u8))))
                .fold((None, 0), |(at, n), (i, wrong)| if wrong { (at.or(Some(i)), n + 1) } else { (at, n) });
            let reached_the_device = wire.device.heard != b"?";
            match fault {
                Fault::DroppedByte if reached_the_device => assert_eq!(wire.device.heard, b""),
                Fault::DroppedByte => {
                    assert_eq!(worn.len(), 4_999);
                    let at = at.expect("a place");
                    assert_eq!(&worn[at..], &counted(5_000)[at + 1..]);
                }
                _ if reached_the_device => assert_eq!((worn.len(), differs), (5_000, 0)),
                _ => assert_eq!((worn.len(), differs), (5_000, 1)),
            }
        }
    }
}

#[test]
fn a_late_reply_comes_whole_and_a_missing_one_not_at_all() {
    let (mut wire, faults) = wire(100, 4);
    faults.switch_on_times(Fault::LateReply, 1);
    assert!(ask(&mut wire, SECOND, Duration::from_millis(390)).is_empty());
    assert_eq!(ask(&mut wire, 2 * SECOND, 10 * SECOND).concat(), [counted(100), counted(100)].concat(), "in order");
    faults.switch_on_times(Fault::MissingReply, 1);
    assert!(ask(&mut wire, 20 * SECOND, 10 * SECOND).is_empty());
    assert_eq!(ask(&mut wire, 40 * SECOND, SECOND).concat(), counted(100));
}

#[test]
fn the_cable_is_pulled_inside_a_long_reply_and_works_again_when_plugged_in() {
    for seed in 0..30 {
        let (mut wire, faults) = wire(600, seed);
        faults.switch_on_times(Fault::UnplugMidSpectrum, 1);
        let mut now = SECOND;
        while wire.plugged() {
            let got = ask(&mut wire, now, SECOND).concat().len();
            assert!(!wire.plugged() || got == 600);
            assert!(wire.plugged() || got < 600, "{got} bytes");
            now += 2 * SECOND;
        }
        assert!(ask(&mut wire, now, SECOND).is_empty(), "nothing passes while it is out");
        faults.plug_in();
        assert!(wire.plugged());
        assert_eq!(ask(&mut wire, now + 5 * SECOND, SECOND).concat(), counted(600));
    }
}

#[test]
fn a_short_reply_does_not_pull_the_cable_of_a_spectrometer_but_that_of_a_laser() {
    for (traffic, holds) in [(Traffic::Spectra, true), (Traffic::ShortReplies, false)] {
        let faults = Faults::none();
        let mut wire = FaultyWire::new(Counter::of(60), traffic, faults.clone(), 3);
        faults.switch_on(Fault::UnplugMidSpectrum);
        for question in 1..40 {
            ask(&mut wire, question * SECOND, SECOND / 2);
        }
        assert_eq!(wire.plugged(), holds, "{traffic:?}");
    }
}

#[test]
fn a_wrong_speed_garbles_both_ways_until_the_host_finds_the_right_one() {
    for seed in 0..20 {
        let (mut wire, faults) = wire(80, seed);
        wire.host_speed(115_200);
        faults.switch_on(Fault::BaudMismatch);
        assert_ne!(ask(&mut wire, SECOND, SECOND).concat(), counted(80));
        assert_ne!(wire.device.heard, b"?");
        let found = SPEEDS.into_iter().zip(2..).filter(|(speed, second)| {
            wire.host_speed(*speed);
            ask(&mut wire, *second * SECOND, SECOND / 2).concat() == counted(80)
        });
        assert_eq!(found.count(), 1, "one speed fits");
        faults.clear();
        wire.host_speed(115_200);
        assert_eq!(ask(&mut wire, 20 * SECOND, SECOND).concat(), counted(80));
    }
}

#[test]
fn a_wire_that_minds_the_speed_passes_only_what_both_ends_run_at_and_another_wire_everything() {
    for minds in [true, false] {
        let mut wire = wire(80, 5).0;
        if minds {
            wire = wire.minding_speed();
        }
        wire.device.speed = Some(19_200);
        for (speed, second) in SPEEDS.into_iter().zip(1..) {
            wire.host_speed(speed);
            let whole = ask(&mut wire, second * SECOND, SECOND / 2).concat() == counted(80);
            assert_eq!(whole, !minds || speed == 19_200, "{speed}");
        }
    }
}

proptest! {
    #[test]
    fn bytes_read_at_their_own_speed_are_themselves(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for speed in SPEEDS {
            prop_assert_eq!(&resample(&bytes, speed, speed), &bytes);
        }
    }

    #[test]
    fn a_reader_at_any_other_speed_ends_and_reads_no_more_than_fits_on_the_line(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        from in 1_u32..2_000_000,
        factor in 0.02_f64..50.0,
    ) {
        let to = (f64::from(from) * factor).max(1.0) as u32;
        let most = bytes.len() as f64 * f64::from(to) / f64::from(from) * 10.0 / 9.5 + 2.0;
        prop_assert!(resample(&bytes, from, to).len() as f64 <= most);
    }
}
