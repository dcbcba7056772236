//! An install that is killed leaves the old pack or the new one, whole, at whichever step of it that happens.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use parcelscope::library::Library;
use parcelscope::library::pack::{Pack, PackContent, PackShelf, sign};
use parcelscope::session::library_in_use;
use rand::{RngExt as _, SeedableRng as _};

use super::packs::{now, shelf, signer, trusting};

/// The steps of an install as they can be seen from outside, each from the moment when its mark is there.
const STEPS: [&str; 5] =
    ["before the copy", "copy and proof", "in its place, not in use", "its use is written", "in use"];

/// What is seen of an install.
struct Watched {
    folder: PathBuf,
    known: usize,
    used: String,
}

impl Watched {
    fn of(data: &Path) -> Self {
        let folder = data.join("packs");
        let used = std::fs::read_to_string(folder.join("current.json")).unwrap();
        let known = Self::packs(&folder);
        Self { folder, known, used }
    }

    fn packs(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.filter(|e| e.path().extension().is_some_and(|x| x == "pack")).count()
    }

    /// The step that the install has reached; each mark is looked for only from the step before on.
    fn step(&self, reached: usize) -> usize {
        let used = || std::fs::read_to_string(self.folder.join("current.json")).unwrap() != self.used;
        let there = |step: usize| match step {
            1 => self.folder.join("incoming.new").exists(),
            2 => Self::packs(&self.folder) > self.known,
            3 => self.folder.join("current.json.new").exists() || used(),
            _ => used(),
        };
        // A step may be over before it is seen: the latest one counts.
        (reached + 1..STEPS.len()).rev().find(|step| there(*step)).unwrap_or(reached)
    }
}

fn install(data: &Path, pack: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    let command = command.arg("--data-dir").arg(data).args(["library", "install"]).arg(pack);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills installs in every step, at a random moment of it: 15 here, 200 with `PARCELSCOPE_LONG=1`.
#[test]
fn an_install_that_is_killed_leaves_the_old_pack_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let key = signer("lab");
    let data = folder.path().join("data");
    let shelf: PackShelf = shelf(&data, &key);
    let path = |version: u32| folder.path().join(format!("{version}.pack"));
    let sign_one = |version: u32| {
        let bundled = Library::bundled().unwrap().as_ref().clone().renamed("killed", &version.to_string());
        sign(&path(version), &PackContent::of_bundled(&bundled, &[], now()), &key).unwrap();
    };
    sign_one(1);
    shelf.install(&path(1), now(), false).unwrap();

    // One that is left alone shows how long each step takes.
    sign_one(2);
    let watched = Watched::of(&data);
    let (mut child, began) = (install(&data, &path(2)), Instant::now());
    let (mut at, mut step) = ([Duration::ZERO; STEPS.len() + 1], 0);
    let status = loop {
        let now = watched.step(step);
        for reached in at.iter_mut().take(now + 1).skip(step + 1) {
            *reached = began.elapsed();
        }
        step = now;
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    at[STEPS.len()] = began.elapsed();
    assert!(status.success() && step + 1 == STEPS.len(), "{status:?} {at:?}");

    let rounds: u32 = if std::env::var_os("PARCELSCOPE_LONG").is_some() { 200 } else { 15 };
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut old = 2;
    // For each step in which the kill was meant to fall: left the old pack, left the new one.
    let mut counts = [[0_u32; 2]; STEPS.len()];
    for round in 3..3 + rounds {
        sign_one(round);
        let meant = (round as usize) % STEPS.len();
        let lasts = at[meant + 1].saturating_sub(at[meant]);
        let wait = lasts.mul_f64(rng.random_range(0.0..1.0));
        let watched = Watched::of(&data);
        let mut child = install(&data, &path(round));
        let mut step = 0;
        while step < meant && child.try_wait().unwrap().is_none() {
            step = watched.step(step);
        }
        let end = Instant::now() + wait;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_micros(20).min(wait));
        }
        // One that has ended meanwhile is killed too late, which is a moment like the others.
        let _ = child.kill();
        child.wait().unwrap();
        let used = library_in_use(&data, now()).unwrap();
        let version: u32 = used.library.identity.version.parse().unwrap();
        assert!(version == old || version == round, "round {round}, {}: {version} after {old}", STEPS[meant]);
        counts[meant][usize::from(version == round)] += 1;
        old = version;
        let file = used.installed.unwrap().file;
        Pack::open(&data.join("packs").join(file), &trusting(&key)).unwrap();
        std::fs::remove_file(path(round)).unwrap();
    }
    println!("{rounds} installs killed, each at a random moment of the step in which it was meant to be:");
    for ((name, [before, after]), pair) in STEPS.iter().zip(counts).zip(at.windows(2)) {
        let lasts = pair[1].saturating_sub(pair[0]);
        println!("  {name:<26} ({lasts:?} long): {before} left the old pack, {after} the new one");
    }
    assert_eq!(counts[STEPS.len() - 1][0], 0, "after its use was written the new pack is in use");
    assert!(counts[0][0] > 0 && counts[STEPS.len() - 1][1] > 0, "{counts:?}");
    let last = 3 + rounds;
    sign_one(last);
    shelf.install(&path(last), now(), false).unwrap();
    let left = std::fs::read_dir(data.join("packs")).unwrap().flatten();
    let left = left.filter(|e| e.file_name().to_string_lossy().ends_with(".new"));
    assert_eq!(left.count(), 0, "the next install clears what a killed one left");
}
