//! The kit as the session's kit thread uses it.

use std::sync::Arc;

use crate::analyzer::Acquisition;
use crate::library::Library;

use super::shared::Shared;
use super::{KitChoice, KitStatus};

/// How an acquisition ends without a spectrum. The sentences say what to do.
pub(super) enum Ended {
    /// The user cancelled it; the laser is off.
    Cancelled,
    /// It failed; the kit is still there.
    Failed(String),
    /// It failed and the kit must be connected again.
    Lost(String),
}

/// A connected kit.
pub(super) struct KitLink {
    never: std::convert::Infallible,
}

impl KitLink {
    pub(super) fn connect(_: &KitChoice, _: &str, _: Option<Arc<Library>>) -> Result<Self, String> {
        Err("no driver is built in yet".to_owned())
    }

    pub(super) fn status(&mut self) -> Result<KitStatus, String> {
        match self.never {}
    }

    pub(super) fn set_sample(&mut self, _: &str) -> Result<(), String> {
        match self.never {}
    }

    pub(super) fn acquire(&mut self, _: &Shared) -> Result<Acquisition, Ended> {
        match self.never {}
    }
}
