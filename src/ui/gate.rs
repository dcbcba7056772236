//! Who is signed in, as the window knows it, and the page that asks.

use std::time::{Duration, Instant};

use egui::{Id, Label, Rect, RichText, Ui, pos2, vec2};

use crate::casebook::{Actor, Secret};
use crate::session::Command;

use super::tokens::{self, TARGET, tokens};
use super::widgets::{Button, Look, card, line_field, note, paragraph, secret_field};
use super::words;

/// How often the session hears that the user is there.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Width of the card.
const WIDTH: f32 = 520.0;
/// Names of the fields.
const NAME: &str = "Account name";
const SECRET: &str = "Account secret";
const AGAIN: &str = "Account secret again";

/// The lock of the window.
#[derive(Debug, Default)]
pub struct Gate {
    enrolled: bool,
    actor: Option<Actor>,
    name: String,
    secret: String,
    waiting: bool,
    note: Option<String>,
    told: Option<Instant>,
    /// What is typed to enrol the first administrator, again; `None` while nobody enrols.
    again: Option<String>,
}

impl Gate {
    /// A gate that is open until the session says that accounts are enrolled.
    pub const fn new() -> Self {
        Self {
            enrolled: false,
            actor: None,
            name: String::new(),
            secret: String::new(),
            waiting: false,
            note: None,
            told: None,
            again: None,
        }
    }

    /// True while the window shows nothing but the question who is there.
    pub const fn is_shut(&self) -> bool {
        (self.enrolled && self.actor.is_none()) || self.again.is_some()
    }

    /// True where the first administrator can be enrolled.
    pub const fn can_enrol(&self) -> bool {
        !self.enrolled && self.again.is_none()
    }

    /// Asks for the first administrator.
    pub fn begin_enrolment(&mut self) {
        if self.can_enrol() {
            *self = Self { again: Some(String::new()), ..Self::new() };
        }
    }

    /// Who is named in the top bar; `None` while no account is enrolled.
    pub fn operator(&self) -> Option<&str> {
        self.enrolled.then(|| self.actor.as_ref().map_or("signed out", Actor::name))
    }

    /// Who is signed in.
    pub const fn actor(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    /// True when somebody can sign out.
    pub const fn can_sign_out(&self) -> bool {
        self.actor.is_some()
    }

    /// The casebook said whether accounts are enrolled.
    pub fn set_enrolled(&mut self, enrolled: bool) {
        self.enrolled = enrolled;
        if enrolled {
            self.again = None;
        }
    }

    /// Somebody signed in.
    pub fn signed_in(&mut self, actor: Actor) {
        *self = Self { enrolled: true, actor: Some(actor), ..Self::new() };
    }

    /// Nobody signed in; why.
    pub fn refused(&mut self, why: String) {
        self.waiting = false;
        self.note = Some(why);
    }

    /// Nobody is signed in any more.
    pub fn signed_out(&mut self, idle: bool) {
        let note = idle.then(|| "Locked because nobody touched the program for a while.".to_owned());
        *self = Self { enrolled: true, note, ..Self::new() };
    }

    /// Says that the user did something, now and then.
    pub fn touched(&mut self) -> Option<Command> {
        self.actor.as_ref()?;
        let now = Instant::now();
        if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(Command::Active)
    }

    /// Draws the question; gives the command once it is answered. `scanning` says that a scan goes on behind it.
    pub fn show(&mut self, ui: &mut Ui, scanning: bool) -> Option<Command> {
        let content = ui.max_rect();
        let enrols = self.again.is_some();
        let height = if enrols { 468.0 } else { 376.0_f32 };
        let size = vec2(WIDTH.min(content.width() - 32.0), height.min(content.height() - 16.0));
        let top = content.min.y + ((content.height() - size.y) * 0.35).max(8.0);
        let place = Rect::from_min_size(pos2(content.center().x - size.x / 2.0, top), size);
        let title = if enrols { "Enrol the first administrator" } else { "Sign in" };
        let (mut send, mut close) = (false, false);
        card(ui, place, title, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            let t = tokens(ui);
            ui.add(Label::new(RichText::new(title).font(tokens::strong(24.0)).color(t.card.ink)));
            if scanning {
                paragraph(ui, "A scan goes on and will be recorded. Esc stops it.");
            } else if enrols {
                note(
                    ui,
                    "From then on everybody signs in, and real kits can be scanned. The administrator enrols the others and does not scan. There is no default passphrase, and nobody can tell it to you again.",
                );
            }
            send = self.fields(ui);
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                let (words, name) = if enrols { ("Enrol", "Enrol now") } else { ("Sign in", "Sign in now") };
                let button = Button::new(words, Look::Main).name(name).size(170.0, TARGET);
                send |= ui.add_enabled(!self.waiting, button).clicked();
                if enrols {
                    close =
                        ui.add(Button::new("Cancel", Look::Plain).name("Do not enrol").size(110.0, TARGET)).clicked();
                }
                if self.waiting {
                    note(ui, "Checking");
                }
            });
            if let Some(why) = &self.note {
                paragraph(ui, &words::sentence(why));
            }
        });
        if close {
            *self = Self::new();
            return None;
        }
        if !send || self.waiting { None } else { self.answered() }
    }

    /// The fields; true when Enter was pressed in the last one. A badge scanner ends with Enter.
    fn fields(&mut self, ui: &mut Ui) -> bool {
        let width = ui.available_width();
        let enrols = self.again.is_some();
        note(ui, if enrols { "Name" } else { "Name, or scan the badge" });
        let named = line_field(ui, width, "", NAME, &mut self.name);
        note(ui, if enrols { "Passphrase, at least 12 characters" } else { "PIN or passphrase" });
        let typed = secret_field(ui, width, "", SECRET, &mut self.secret);
        let mut send = typed && !enrols;
        if let Some(again) = &mut self.again {
            note(ui, "The same again");
            send = secret_field(ui, width, "", AGAIN, again);
        }
        let next = match (named, typed && enrols) {
            (true, _) => Some(SECRET),
            (false, true) => Some(AGAIN),
            (false, false) => ui.memory(|m| m.focused().is_none()).then_some(NAME),
        };
        if let Some(next) = next.filter(|_| !send) {
            ui.memory_mut(|m| m.request_focus(Id::unique(next)));
        }
        send
    }

    fn answered(&mut self) -> Option<Command> {
        if self.name.trim().is_empty() || self.secret.is_empty() {
            self.note = Some("Type both the name and the secret".to_owned());
            return None;
        }
        let name = self.name.trim().to_owned();
        if let Some(again) = &mut self.again {
            if *again != self.secret {
                self.note = Some("The two passphrases are not the same; type both again".to_owned());
                again.clear();
                self.secret.clear();
                return None;
            }
            again.clear();
        }
        self.waiting = true;
        self.note = None;
        let secret = Secret::new(&std::mem::take(&mut self.secret));
        let enrols = self.again.is_some();
        Some(if enrols { Command::EnrolFirst { name, secret } } else { Command::SignIn { name, secret } })
    }
}
