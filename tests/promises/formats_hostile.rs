//! Whatever the bytes are, reading them gives spectra that keep their invariants, or a sentence.

use proptest::prelude::*;

use parcelscope::formats::{FormatError, MAX_FILE_BYTES, read_bytes};

use crate::fuzz_corpus::checks::formats::read_and_check;

const REAL_LIKE: [&str; 6] = [
    "ENLIGHTEN Version,4.1\nLabel,a\nLaser Wavelength,784.9\n\nPixel,Wavenumber,Processed\n0,302.00,309.57\n1,303.00,343.56\n",
    "#Acq. time (s)=\t10\n#Laser (nm)=\t785\n#AxisUnit[1]=1/cm\n3513.15\t331.5\r\n3511.88\t335\r\n",
    "File Version;BW\nlaser_wavelength;784,82\nPixel;Wavelength;Wavenumber;Raman Shift;Dark;Reference;Raw data #1;Dark Subtracted #1;\n0; ; ; ;1,0;2,0;3,0;4,0;\n1;8,0;9,0;10,5;1,0;2,0;3,0;4,0;\n",
    "#Wave\t\t#Intensity\r\n3199.4\t59.2\r\n3198.7\t45.3\r\n",
    "\t1\t2\t3\t4\t5\t6\t7\t8\t9\t10\t11\t12\t13\t14\t15\t16\n0\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\n",
    "a,b\n100,5\n101,6\n102,7\n",
];

/// Small files of every format, made for the fuzzer and for these tests.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut files: Vec<(String, Vec<u8>)> = ["jcamp", "spc", "opus", "spa", "wdf", "text", "zip"]
        .iter()
        .flat_map(|format| std::fs::read_dir(folder.join(format)).unwrap())
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_of_the_corpus_is_read_whole() {
    let corpus = corpus();
    assert_eq!(corpus.len(), 20);
    for (name, bytes) in corpus {
        let spectra = read_bytes(&bytes, &name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(spectra.iter().all(|s| !s.y.is_empty() && s.defects.is_empty()), "{name}: {spectra:?}");
    }
}

/// Every start of a file, and every file with a single byte changed to each of a few values.
#[test]
fn no_cut_and_no_single_changed_byte_makes_a_reader_panic() {
    for (_, bytes) in corpus() {
        for cut in 0..bytes.len() {
            read_and_check(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            for value in [0, 0xff, b'9', changed[at] ^ 0x80] {
                changed[at] = value;
                read_and_check(&changed);
            }
        }
    }
}

/// Files that promise more than they hold: many spectra without points, endless repeats, tables that share their data.
#[test]
fn promises_without_numbers_do_not_take_memory() {
    let block = "##TITLE=a\n##XYDATA=(X++(Y..Y))\n1As9999\n##END=\n";
    let table = "##PEAK TABLE=(XY..XY)\n1 2\n";
    let long_title = format!("##TITLE={}\n{}##END=\n", "a".repeat(100_000), table.repeat(2_000));
    for text in [block.repeat(2_000), format!("##TITLE=a\n{}##END=\n", table.repeat(20_000)), long_title] {
        read_and_check(text.as_bytes());
    }
    for (name, bytes) in corpus() {
        // Every number of four bytes, made huge.
        for at in (0..bytes.len().saturating_sub(4)).filter(|_| name.contains('.') && !name.ends_with("txt")) {
            let mut changed = bytes.clone();
            changed[at..at + 4].copy_from_slice(&0x000f_ffff_u32.to_le_bytes());
            read_and_check(&changed);
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        read_and_check(&bytes);
    }

    #[test]
    fn arbitrary_tables_never_panic(text in "([-+0-9.,;\t eENn#=\r\n]{0,40}\n){0,40}") {
        read_and_check(text.as_bytes());
    }

    #[test]
    fn damaged_files_never_panic(
        which in any::<proptest::sample::Index>(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 0..8),
        cut in any::<proptest::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let texts = REAL_LIKE.iter().map(|text| text.as_bytes().to_vec());
        let files: Vec<Vec<u8>> = texts.chain(corpus().into_iter().map(|(_, bytes)| bytes)).collect();
        let mut bytes = files[which.index(files.len())].clone();
        for (at, byte, what) in damage {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len().max(1)));
        }
        read_and_check(&bytes);
    }
}

#[test]
fn the_real_like_texts_are_read() {
    for text in REAL_LIKE {
        assert!(read_bytes(text.as_bytes(), "x").is_ok(), "{text}: {:?}", read_bytes(text.as_bytes(), "x"));
    }
}

#[test]
fn empty_files_binary_junk_and_prose_are_told_apart() {
    assert_eq!(read_bytes(b"", "x"), Err(FormatError::Empty));
    assert_eq!(read_bytes(b"\r\n \t\n", "x"), Err(FormatError::Empty));
    assert_eq!(read_bytes(b"\x01\x02\x03\0\0", "x"), Err(FormatError::NotText));
    assert_eq!(read_bytes(b"Dear colleague,\nplease find enclosed.\n", "x"), Err(FormatError::NoTable));
    assert_eq!(read_bytes(b"1\n2\n3\n", "x"), Err(FormatError::NoTable));
}

#[test]
fn a_file_larger_than_any_spectrum_is_refused_before_it_is_looked_at() {
    let bytes = vec![b'1'; MAX_FILE_BYTES as usize + 1];
    assert_eq!(read_bytes(&bytes, "x"), Err(FormatError::TooLarge { megabytes: 101 }));
}

/// A hundred megabytes of every kind of junk, each also behind the mark of every binary format.
#[test]
fn a_hundred_megabytes_of_junk_are_refused_in_less_than_a_second() {
    const JUNK_BYTES: usize = 100_000_000;
    let marks: [&[u8]; 7] =
        [b"", b"\x0a\x0a\xfe\xfe", b"WDF1", b"Spectral Data File", b"PK\x03\x04", b"\x04\x4b\0\0", b"\0\x4d\0\0"];
    for fill in [&b"\0"[..], b"\xff", b"a", b" ", b"\n", b"1 2\n", b"##XYDATA=\n1 2\n"] {
        let mut bytes: Vec<u8> = fill.iter().copied().cycle().take(JUNK_BYTES).collect();
        for mark in marks {
            bytes[..mark.len()].copy_from_slice(mark);
            // The machine may be busy with other tests: the best of a few runs counts.
            let quickest = (0..5)
                .map(|_| {
                    let started = std::time::Instant::now();
                    let result = read_bytes(&bytes, "junk");
                    assert!(result.is_err(), "{mark:?} {fill:?}");
                    started.elapsed()
                })
                .find(|elapsed| elapsed.as_millis() < 1_000);
            assert!(quickest.is_some(), "{mark:?} {fill:?}");
        }
    }
}

/// The largest files that are read or just refused, in a process that gets no more than 256 MB of memory for its data.
#[cfg(target_os = "linux")]
#[test]
fn the_largest_files_are_worked_on_within_256_megabytes() {
    use std::process::Command;
    let folder = tempfile::tempdir().unwrap();
    let row = "2 ".repeat(99);
    let wide = (0..82_000).map(|i| format!("{i} {row}\n")).collect::<Vec<_>>().concat();
    let line = "A".repeat(100);
    let lines = (0..10).map(|i| format!("{}{line}\n", i * 100)).collect::<Vec<_>>().concat();
    let block = format!("##TITLE=a\n##NPOINTS=1000\n##FIRSTX=0\n##LASTX=999\n##XYDATA=(X++(Y..Y))\n{lines}##END=\n");
    let axis = (0..1_000).map(|i| format!(",{}", 400 + i)).collect::<Vec<_>>().concat();
    let rows = format!("{axis}\n{}", format!("a{}\n", ",1".repeat(1_000)).repeat(8_000));
    let mut spc = vec![0; 512];
    (spc[0], spc[1], spc[3], spc[28]) = (4, 0x4b, 0x80, 1);
    spc[4..8].copy_from_slice(&1_000_u32.to_le_bytes());
    spc[16..24].copy_from_slice(&1_000_f64.to_le_bytes());
    spc[24..28].copy_from_slice(&8_000_u32.to_le_bytes());
    spc.resize(512 + 8_000 * 4_032, 0);
    for (name, bytes, code) in [
        ("wide.txt", wide.into_bytes(), 0),
        ("rows.csv", rows.into_bytes(), 0),
        ("many.spc", spc, 0),
        ("many.dx", block.repeat(42_000).into_bytes(), 2),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let output = Command::new("sh")
            .args(["-c", "ulimit -d 262144; exec \"$0\" convert --json \"$1\"", env!("CARGO_BIN_EXE_parcelscope")])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).chars().take(300).collect::<String>();
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
    }
}
