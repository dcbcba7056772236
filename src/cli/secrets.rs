//! Secrets from standard input: never an argument, which other programs can see, and not shown on a terminal.

use std::io::{self, BufRead, IsTerminal, Read};

use anyhow::{Context as _, bail};

use crate::casebook::Secret;

use super::output;

/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 4_096;

/// Reads secrets one a line.
pub(super) struct SecretInput {
    /// The buffer of the process, so that lines behind the secret are still there for whoever reads next.
    input: io::Stdin,
}

impl SecretInput {
    pub(super) fn new() -> Self {
        Self { input: io::stdin() }
    }

    /// Names on stderr what is wanted and reads it.
    pub(super) fn read(&mut self, what: &str) -> Result<Secret, anyhow::Error> {
        Ok(Secret::new(&self.line(what)?))
    }

    /// The same as plain text without the end of the line; never empty.
    pub(super) fn text(&mut self, what: &str) -> Result<String, anyhow::Error> {
        let line = self.line(what)?;
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            bail!("no {what} came on standard input; write it there as one line");
        }
        Ok(line.to_owned())
    }

    /// Says something and waits for a line.
    pub(super) fn pause(&mut self, what: &str) -> Result<(), anyhow::Error> {
        output::complain(what);
        let mut line = String::new();
        let read =
            self.input.lock().take(LINE_BYTES_MAX).read_line(&mut line).context("standard input cannot be read")?;
        if read == 0 {
            bail!(
                "standard input has ended, so nobody can say that the sample lies anew; a script gives one line a replicate"
            );
        }
        Ok(())
    }

    fn line(&mut self, what: &str) -> Result<String, anyhow::Error> {
        let hidden = if io::stdin().is_terminal() {
            output::complain(&format!("{what}:"));
            Some(EchoOff::new())
        } else {
            None
        };
        let mut line = String::new();
        let read = self.input.lock().take(LINE_BYTES_MAX).read_line(&mut line);
        drop(hidden);
        let read = read.with_context(|| format!("the {what} cannot be read from standard input"))?;
        if read == 0 {
            bail!("the {what} is missing; give it on standard input, one secret a line");
        }
        Ok(line)
    }
}

/// Keeps what is typed off the screen until it is dropped.
struct EchoOff {
    #[cfg(unix)]
    before: Option<nix::sys::termios::Termios>,
}

#[cfg(unix)]
impl EchoOff {
    fn new() -> Self {
        use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut silent = before.clone();
            silent.local_flags.remove(LocalFlags::ECHO);
            // Where the terminal refuses, the secret is still read.
            let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent);
        }
        Self { before }
    }
}

#[cfg(unix)]
impl Drop for EchoOff {
    fn drop(&mut self) {
        use nix::sys::termios::{SetArg, tcsetattr};
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, before);
        }
    }
}

#[cfg(not(unix))]
impl EchoOff {
    fn new() -> Self {
        Self {}
    }
}
