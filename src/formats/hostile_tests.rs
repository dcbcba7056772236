//! Whatever the bytes are, reading them gives spectra that keep their invariants, or a sentence.

use proptest::prelude::*;

use super::{FormatError, MAX_FILE_BYTES, read_bytes, stem};

const REAL_LIKE: [&str; 6] = [
    "ENLIGHTEN Version,4.1\nLabel,a\nLaser Wavelength,784.9\n\nPixel,Wavenumber,Processed\n0,302.00,309.57\n1,303.00,343.56\n",
    "#Acq. time (s)=\t10\n#Laser (nm)=\t785\n#AxisUnit[1]=1/cm\n3513.15\t331.5\r\n3511.88\t335\r\n",
    "File Version;BW\nlaser_wavelength;784,82\nPixel;Wavelength;Wavenumber;Raman Shift;Dark;Reference;Raw data #1;Dark Subtracted #1;\n0; ; ; ;1,0;2,0;3,0;4,0;\n1;8,0;9,0;10,5;1,0;2,0;3,0;4,0;\n",
    "#Wave\t\t#Intensity\r\n3199.4\t59.2\r\n3198.7\t45.3\r\n",
    "\t1\t2\t3\t4\t5\t6\t7\t8\t9\t10\t11\t12\t13\t14\t15\t16\n0\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\n",
    "a,b\n100,5\n101,6\n102,7\n",
];

/// Reads, and where that works checks what every caller relies on.
fn read_and_check(bytes: &[u8]) {
    match read_bytes(bytes, "folder/name.txt") {
        Ok(spectra) => {
            assert!(!spectra.is_empty());
            for spectrum in spectra {
                assert_eq!(spectrum.x.len(), spectrum.y.len());
                assert!(spectrum.x.iter().chain(&spectrum.y).all(|v| v.is_finite()));
                assert!(spectrum.saturated.iter().all(|i| *i < spectrum.x.len()));
                if let Err(error) = spectrum.to_spectrum() {
                    assert!(error.to_string().len() > 20);
                }
            }
        }
        Err(error) => assert!(error.to_string().len() > 20),
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
        which in 0..REAL_LIKE.len(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 0..8),
        cut in any::<proptest::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = REAL_LIKE[which].as_bytes().to_vec();
        for (at, byte, what) in damage {
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
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

#[test]
fn a_title_is_the_name_without_folder_and_ending() {
    for (name, title) in [("a/b.c.txt", "b.c"), (r"C:\x\tea.csv", "tea"), (".hidden", ".hidden"), ("plain", "plain")] {
        assert_eq!(stem(name), title);
    }
}
