//! A GPS position is taken only from whole, valid sentences, and no fix is no fix.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parcelscope::analyzer::emulator::{
    Device, Fault, Faults, FaultyWire, Gps, Log, MemoryLink, Position, PtyHost, Traffic,
};
use parcelscope::analyzer::gps::{GpsDecoder, GpsReceiver, GpsTime, NoFix, Place};
use parcelscope::analyzer::{AnalyzerError, Clock, SystemClock, VirtualClock};
use parcelscope::casebook::{ClockAgainstGps, Subject};
use parcelscope::session::{Command, Connection, Event, KitChoice, Session, SessionConfig};
use proptest::prelude::*;

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// A sentence with its checksum.
fn sentence(body: &str) -> String {
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{sum:02X}\r\n")
}

const GGA: &str = "GPGGA,101530.00,5006.0480,N,01415.6000,E,1,09,0.9,380.0,M,45.0,M,,";
const RMC: &str = "GPRMC,101530.00,A,5006.0480,N,01415.6000,E,0.0,0.0,241126,,,A";

#[test]
fn a_position_is_read_with_its_age_and_grows_old() {
    let mut decoder = GpsDecoder::default();
    assert_eq!(decoder.place(seconds(0)), Place::NoFix { why: NoFix::Silent });
    assert_eq!(decoder.push(sentence(GGA).as_bytes(), seconds(5)), 1);
    let Place::Fix(fix) = decoder.place(seconds(7)) else { panic!("a fix") };
    assert!((fix.latitude_deg - 50.1008).abs() < 1e-9 && (fix.longitude_deg - 14.26).abs() < 1e-9, "{fix:?}");
    assert_eq!((fix.altitude_m, fix.satellites, fix.age_ms, fix.simulated), (Some(380.0), Some(9), 2_000, false));
    assert!((fix.hdop.unwrap() - 0.9).abs() < 1e-6);
    // RMC moves the position and keeps what only GGA says.
    let moved = RMC.replace("5006.0480,N", "5006.0480,S").replace("01415.6000,E", "01415.6000,W");
    decoder.push(sentence(&moved).as_bytes(), seconds(8));
    let Place::Fix(fix) = decoder.place(seconds(8)) else { panic!("a fix") };
    assert!((fix.latitude_deg + 50.1008).abs() < 1e-9 && (fix.longitude_deg + 14.26).abs() < 1e-9, "{fix:?}");
    assert_eq!((fix.satellites, fix.age_ms), (Some(9), 0));
    assert_eq!(decoder.place(seconds(30)), Place::NoFix { why: NoFix::Silent });
    let json = serde_json::to_value(Place::Fix(fix.clone())).unwrap();
    assert_eq!(serde_json::from_value::<Place>(json).unwrap(), Place::Fix(fix));
}

#[test]
fn the_time_of_a_receiver_comes_from_valid_sentences_only_and_ages() {
    let mut decoder = GpsDecoder::default();
    decoder.push(sentence(GGA).as_bytes(), seconds(1));
    assert_eq!(decoder.time(seconds(1)), None, "GGA has no date");
    decoder.push(sentence(RMC).as_bytes(), seconds(2));
    let time = decoder.time(seconds(5)).expect("a time");
    assert_eq!((time.utc.to_string().as_str(), time.age, time.simulated), ("2026-11-24T10:15:30Z", seconds(3), false));
    assert_eq!(decoder.time(seconds(13)), None, "too old");
    for bad in [RMC.replace(",A,", ",V,"), RMC.replace(",241126,", ",,"), RMC.replace(",,,A", ",,,N")] {
        decoder.push(sentence(RMC).as_bytes(), seconds(20));
        decoder.push(sentence(&bad).as_bytes(), seconds(21));
        assert_eq!(decoder.time(seconds(21)), None, "{bad}");
    }
}

/// The clock was `ahead_ms` ahead of GPS time, two seconds after the sentence came.
fn against(ahead_ms: i64) -> ClockAgainstGps {
    let utc: Timestamp = "2026-11-24T10:15:30Z".parse().unwrap();
    let time = GpsTime { utc, age: seconds(2), simulated: false };
    let clock = Timestamp::from_millisecond(utc.as_millisecond() + 2_000 + ahead_ms).unwrap();
    ClockAgainstGps::of(&time, clock).expect("a fresh time")
}

#[test]
fn the_difference_of_the_clock_is_stated_and_a_large_one_warns() {
    for (ahead_ms, words, far) in [
        (0, "agrees with GPS time (+0.0 s", false),
        (-4_900, "agrees with GPS time (-4.9 s", false),
        (5_001, "5 s ahead of GPS time", true),
        (-61_000, "61 s behind GPS time", true),
        (3_600_000, "60 min ahead of GPS time", true),
        (-7 * 86_400_000, "7 days behind GPS time", true),
    ] {
        let compared = against(ahead_ms);
        assert_eq!((compared.ahead_ms, compared.is_far()), (ahead_ms, far));
        assert!(compared.words().contains(words), "{}", compared.words());
        assert_eq!(compared.warning().is_some_and(|w| w.contains(words) && w.contains("set the clock")), far);
    }
    let old = GpsTime { utc: Timestamp::UNIX_EPOCH, age: seconds(11), simulated: false };
    assert_eq!(ClockAgainstGps::of(&old, Timestamp::now()), None);
    for end in [Timestamp::MIN, Timestamp::MAX] {
        let time = GpsTime { utc: end, age: seconds(1), simulated: true };
        for clock in [Timestamp::MIN, Timestamp::MAX] {
            let _ = ClockAgainstGps::of(&time, clock).map(|c| (c.words(), c.warning()));
        }
    }
}

/// The whole way: an emulated receiver on a pseudo-terminal, the session that listens, and the record.
#[cfg(unix)]
#[test]
fn a_scan_records_how_far_the_clock_is_from_the_time_of_the_receiver() {
    for (off, far) in [(0_i64, false), (3_600, true)] {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let start = Timestamp::now().checked_sub(jiff::SignedDuration::from_secs(off)).unwrap();
        let device = Gps::new(Some(Position::AIRPORT), Log::default(), Faults::none()).starting_at(start);
        let host = PtyHost::start("gps", device, clock).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let kit = KitChoice::Emulator { sample: "empty".to_owned(), seed: 1, virtual_time: true };
        let config = SessionConfig::new(dir.path().to_owned(), kit).with_gps(Some(host.path().to_owned()));
        let session = Session::start(config).unwrap();
        let (mut ready, mut placed, mut warned, mut saved) = (false, false, None, None);
        let end = std::time::Instant::now() + seconds(60);
        while saved.is_none() && std::time::Instant::now() < end {
            match session.recv_timeout(Duration::from_millis(20)) {
                Some(Event::Connection(Connection::Ready(_))) => ready = true,
                Some(Event::Place(Place::Fix(_))) => placed = true,
                Some(Event::ClockWarning(warning)) => warned = warning,
                Some(Event::Saved(scan)) => saved = Some(scan),
                _ => {}
            }
            if ready && placed {
                (ready, placed) = (false, false);
                // The time comes with the second sentence.
                std::thread::sleep(seconds(1));
                session.send(Command::Scan { parcel: String::new(), subject: Subject::default() }).unwrap();
            }
        }
        let scan = saved.expect("a record");
        let gps = scan.record.time_source.and_then(|source| source.gps).expect("the clock was compared");
        assert!(gps.simulated && (gps.ahead_ms - off * 1_000).abs() < 5_000, "{gps:?}");
        assert_eq!((gps.is_far(), scan.record.clock_warning().is_some(), warned.is_some()), (far, far, far));
        let words = scan.record.time_source.unwrap().words();
        assert!(
            words.contains(if far { "FAR OFF, 60 min ahead of GPS time" } else { "agrees with GPS time" }),
            "{words}"
        );
    }
}

#[test]
fn what_is_no_fix_is_recorded_as_no_fix() {
    let invalid = [
        GGA.replace(",1,09,", ",0,00,"),
        GGA.replace(",1,09,", ",6,09,"), // dead reckoning
        GGA.replace(",1,09,", ",7,09,"), // typed in by hand
        RMC.replace(",A,", ",V,"),
        RMC.replace(",,,A", ",,,N"),
        RMC.replace(",,,A", ",,,E"),
        "GPGGA,101530.00,,,,,0,00,99.9,,M,,M,,".to_owned(),
        "GPRMC,101530.00,V,,,,,,,241126,,,N".to_owned(),
    ];
    for body in invalid {
        let mut decoder = GpsDecoder::default();
        decoder.push(sentence(GGA).as_bytes(), seconds(1));
        assert_eq!(decoder.push(sentence(&body).as_bytes(), seconds(2)), 1, "{body}");
        assert_eq!(decoder.place(seconds(2)), Place::NoFix { why: NoFix::Searching }, "{body}");
    }
}

#[test]
fn a_sentence_that_is_not_whole_changes_nothing() {
    let good = sentence(GGA);
    let broken = [
        good.replace("5006", "5106"),          // the checksum does not fit
        good.replace('*', ""),                 // none
        good.replace("\r\n", ""),              // not ended
        format!("{GGA}*00\r\n"),               // not begun
        format!("${}\r\n", "x".repeat(5_000)), // endless
        // Sixty minutes of arc and more, the checksum right.
        sentence(&GGA.replace("5006.0480", "5260.0000")),
        sentence(&GGA.replace("01415.6000", "01475.2000")),
        sentence(&RMC.replace("5006.0480", "5275.2000")),
        sentence(&RMC.replace("01415.6000", "01499.9999")),
        "$*00\r\n".to_owned(),
        "$\r\n".to_owned(),
    ];
    for text in broken {
        let mut decoder = GpsDecoder::default();
        assert_eq!(decoder.push(text.as_bytes(), seconds(1)), 0, "{text:.60}");
        assert_eq!(decoder.place(seconds(1)), Place::NoFix { why: NoFix::Silent }, "{text:.60}");
    }
}

#[test]
fn the_emulated_receiver_is_found_by_listening_and_named_as_simulated() {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let (log, faults) = (Log::default(), Faults::none());
    let open = |position| {
        let wire =
            FaultyWire::new(Gps::new(position, log.clone(), faults.clone()), Traffic::ShortReplies, faults.clone(), 1);
        let link = Box::new(MemoryLink::new("gps", wire, Arc::clone(&clock)));
        GpsReceiver::open(link, &clock, &mut || std::ops::ControlFlow::Continue(()))
    };
    let mut receiver = open(Some(Position::AIRPORT)).unwrap();
    receiver.listen(seconds(2)).unwrap();
    let Place::Fix(fix) = receiver.place() else { panic!("a fix") };
    assert!((fix.latitude_deg - Position::AIRPORT.latitude_deg).abs() < 1e-6, "{fix:?}");
    assert!(fix.simulated && fix.age_ms < 1_500 && receiver.place().words().contains("SIMULATED"), "{fix:?}");
    // Sentences with wrong checksums do not keep it alive.
    faults.switch_on(Fault::WrongChecksum);
    receiver.listen(seconds(12)).unwrap();
    assert_eq!(receiver.place(), Place::NoFix { why: NoFix::Silent });
    faults.clear();
    receiver.listen(seconds(2)).unwrap();
    assert!(matches!(receiver.place(), Place::Fix(_)));

    let mut searching = open(None).unwrap();
    searching.listen(seconds(2)).unwrap();
    assert_eq!(searching.place(), Place::NoFix { why: NoFix::Searching });
    faults.switch_on(Fault::MissingReply);
    assert!(matches!(open(None).err(), Some(AnalyzerError::NoReceiver { .. })));
    assert!(log.lines().is_empty(), "nothing is ever sent to a receiver");
}

proptest! {
    #[test]
    fn any_bytes_are_taken_without_a_panic_and_make_no_position(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut decoder = GpsDecoder::default();
        decoder.push(&bytes, seconds(1));
        prop_assert!(!matches!(decoder.place(seconds(1)), Place::Fix(_)));
    }

    #[test]
    fn damaged_fields_with_a_checksum_that_fits_never_panic_and_stay_on_earth(
        at in 0..60_usize, with in "[0-9A-Za-z.,-]{0,6}"
    ) {
        for body in [GGA, RMC] {
            let mut text = body.to_owned();
            let at = at.min(text.len() - 1);
            text.replace_range(at..=at, &with);
            let mut decoder = GpsDecoder::default();
            decoder.push(sentence(&text).as_bytes(), seconds(1));
            if let Place::Fix(fix) = decoder.place(seconds(1)) {
                prop_assert!(fix.latitude_deg.abs() <= 90.0 && fix.longitude_deg.abs() <= 180.0, "{fix:?}");
            }
        }
    }

    #[test]
    fn every_position_is_read_as_the_emulator_writes_it(latitude_deg in -89.9..89.9_f64, longitude_deg in -179.9..179.9_f64) {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
        let position = Position { latitude_deg, longitude_deg, altitude_m: 12.0 };
        let mut link = MemoryLink::new("gps", Gps::new(Some(position), Log::default(), Faults::none()), Arc::clone(&clock));
        let mut receiver = GpsReceiver::open(Box::new(link.clone()), &clock, &mut || std::ops::ControlFlow::Continue(())).unwrap();
        let _ = parcelscope::analyzer::Transport::set_baud(&mut link, 9_600);
        receiver.listen(seconds(1)).unwrap();
        let Place::Fix(fix) = receiver.place() else { panic!("a fix") };
        // A ten-thousandth of a minute is 0.2 m.
        prop_assert!((fix.latitude_deg - latitude_deg).abs() < 2e-6 && (fix.longitude_deg - longitude_deg).abs() < 2e-6, "{fix:?}");
    }
}

/// A receiver whose line runs at the speed that the test says.
struct AtSpeed(Gps, Arc<AtomicU32>);

impl Device for AtSpeed {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.0.receive(bytes, now);
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        self.0.transmit_at_most(now, most)
    }

    fn next_due(&self) -> Option<Duration> {
        self.0.next_due()
    }

    fn line_speed(&self) -> Option<u32> {
        Some(self.1.load(Ordering::SeqCst))
    }
}

/// A receiver on a pseudo-terminal that is understood only at its own speed, as on a real line.
#[cfg(unix)]
fn receiver_at(baud: &Arc<AtomicU32>) -> PtyHost {
    let gps = Gps::new(Some(Position::AIRPORT), Log::default(), Faults::none());
    let device = AtSpeed(gps, Arc::clone(baud));
    let wire = FaultyWire::new(device, Traffic::ShortReplies, Faults::none(), 1).minding_speed();
    PtyHost::start("gps", wire, Arc::new(SystemClock::start())).unwrap()
}

#[cfg(unix)]
#[test]
fn a_receiver_at_any_usual_line_speed_is_waited_for_and_its_place_goes_into_the_record() {
    for baud in [4_800, 115_200] {
        let host = receiver_at(&Arc::new(AtomicU32::new(baud)));
        let dir = tempfile::tempdir().unwrap();
        let program = |args: &[&str]| {
            let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_parcelscope"));
            program.arg("--data-dir").arg(dir.path()).args(args).output().unwrap()
        };
        let port = host.present_path().unwrap();
        let output = program(&["scan", "--port", "emulator", "--seed", "1", "--gps-port", &port]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("SIMULATED position 50.10080, 14.26000"), "{baud}: {said}");
        let shown = program(&["casebook", "show", "1", "--json"]);
        let record: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        let place = &record["record"]["acquisition"]["conditions"]["place"];
        assert_eq!(place["state"], "fix", "{baud}: {place}");
    }
}

#[cfg(unix)]
#[test]
fn a_receiver_that_comes_back_at_another_line_speed_is_found_again() {
    let baud = Arc::new(AtomicU32::new(9_600));
    let host = receiver_at(&baud);
    let dir = tempfile::tempdir().unwrap();
    let kit = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 1, virtual_time: true };
    let session = Session::start(SessionConfig::new(dir.path().to_owned(), kit).with_gps(host.present_path())).unwrap();
    let until = |what: &str, wanted: &dyn Fn(&Place) -> bool| {
        let (end, mut seen) = (Instant::now() + seconds(90), Vec::new());
        while Instant::now() < end {
            if let Some(Event::Place(place)) = session.recv_timeout(Duration::from_millis(20)) {
                if wanted(&place) {
                    return seen;
                }
                seen.push(place);
            }
        }
        panic!("no {what}: {seen:?}");
    };
    let before = until("position", &|place| matches!(place, Place::Fix(_)));
    let no_receiver = Place::NoFix { why: NoFix::NoReceiver };
    assert!(!before.contains(&no_receiver), "a receiver that is still looked for is not missing: {before:?}");
    baud.store(4_800, Ordering::SeqCst);
    until("silence", &|place| *place == Place::NoFix { why: NoFix::Silent });
    until("position at the new speed", &|place| matches!(place, Place::Fix(_)));
}

#[cfg(unix)]
#[test]
fn a_scan_says_where_it_was_made_or_that_nobody_knows() {
    use super::foreign_client::emulator;
    let (_receiver, port) = emulator("gps", &[]);
    let dir = tempfile::tempdir().unwrap();
    for (port, words) in
        [(port.as_str(), "SIMULATED position 50.10080, 14.26000, 9 satellites"), ("/dev/none", "no position")]
    {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_parcelscope"))
            .arg("--data-dir")
            .arg(dir.path())
            .args(["scan", "--port", "emulator", "--seed", "1", "--gps-port", port])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains(words), "{said}");
        let shown = std::process::Command::new(env!("CARGO_BIN_EXE_parcelscope"))
            .arg("--data-dir")
            .arg(dir.path())
            .args(["casebook", "show", if port == "/dev/none" { "2" } else { "1" }, "--json"])
            .output()
            .unwrap();
        let record: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        let place = &record["record"]["acquisition"]["conditions"]["place"];
        if port == "/dev/none" {
            assert_eq!((&place["state"], &place["why"]), (&"no-fix".into(), &"no-receiver".into()), "{place}");
        } else {
            assert_eq!((&place["state"], &place["simulated"]), (&"fix".into(), &true.into()), "{place}");
            assert!(place["age_ms"].as_u64().unwrap() < 10_000, "{place}");
        }
    }
}
