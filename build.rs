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
    println!("cargo:rerun-if-changed=build.rs");

    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&substances)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    files.sort();

    let mut code = String::new();
    for (constant, file) in [("LIBRARY", "library.toml"), ("GROUPS", "groups.toml"), ("SOURCES", "sources.toml")] {
        writeln!(code, "const {constant}: &str = include_str!({:?});", text(&root.join(file))?)?;
    }
    writeln!(code, "const SUBSTANCES: &[(&str, &str)] = &[")?;
    for path in &files {
        let name = path.file_name().ok_or("a library file without a name")?.to_string_lossy();
        writeln!(code, "    ({name:?}, include_str!({:?})),", text(path)?)?;
    }
    writeln!(code, "];")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("bundled_library.rs"), code)?;
    Ok(())
}

/// The path as text, so that it can stand in generated code.
fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("the path {} is not UTF-8; build in another folder", path.display()))
}
