//! Collects the files of `spectra-library/` into one table of `include_str!`, so that the library is part of the binary.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("spectra-library");
    let substances = root.join("substances");
    // Watching the folder notices new and removed files; `include_str!` itself notices changed ones.
    println!("cargo:rerun-if-changed={}", substances.display());
    println!("cargo:rerun-if-changed={}", root.join("LICENSES").display());
    println!("cargo:rerun-if-changed=build.rs");

    let mut code = String::new();
    for (constant, file) in [("LIBRARY", "library.toml"), ("GROUPS", "groups.toml"), ("SOURCES", "sources.toml")] {
        writeln!(code, "const {constant}: &str = include_str!({:?});", text(&root.join(file))?)?;
    }
    writeln!(code, "const SUBSTANCES: &[(&str, &str)] = &[")?;
    for path in listing(&substances, "toml")? {
        let name = path.file_name().ok_or("a library file without a name")?.to_string_lossy();
        writeln!(code, "    ({name:?}, include_str!({:?})),", text(&path)?)?;
    }
    writeln!(code, "];")?;
    writeln!(code, "const NOTICES: &[(&str, &str)] = &[")?;
    for path in listing(&root.join("LICENSES"), "txt")? {
        let name = path.file_name().ok_or("a licence file without a name")?.to_string_lossy();
        writeln!(code, "    ({:?}, include_str!({:?})),", format!("LICENSES/{name}"), text(&path)?)?;
    }
    writeln!(code, "];")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("bundled_library.rs"), code)?;
    Ok(())
}

/// The path as text, so that it can stand in generated code.
fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("the path {} is not UTF-8; build in another folder", path.display()))
}

/// The files of a folder with this ending, sorted by name.
fn listing(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
