//! Who is signed in, as the window knows it, and the page that asks.

use std::time::{Duration, Instant};

use egui::{Id, Key, Label, RichText, TextEdit, Ui, Vec2};

use crate::casebook::{Actor, Secret};
use crate::session::Command;

use super::tokens;
use super::widgets::{Button, Look};

/// How often the session hears that the user is there.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Width of the fields.
const FIELD_WIDTH: f32 = 360.0;

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
        }
    }

    /// True while the window shows nothing but the question who is there.
    pub const fn is_shut(&self) -> bool {
        self.enrolled && self.actor.is_none()
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
    pub const fn set_enrolled(&mut self, enrolled: bool) {
        self.enrolled = enrolled;
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
        let t = tokens::tokens(ui);
        let text = |s: &str, size| RichText::new(s).font(tokens::regular(size)).color(t.page.ink);
        let mut send = false;
        ui.vertical_centered(|ui| {
            ui.add_space(80.0);
            ui.add(Label::new(text("Sign in", 19.0).font(tokens::strong(24.0))));
            ui.add_space(16.0);
            if scanning {
                ui.add(Label::new(text("A scan goes on and will be recorded. Esc stops it.", tokens::TEXT_LABEL)));
                ui.add_space(8.0);
            }
            ui.add(Label::new(text("Name, or scan the badge", tokens::TEXT_LABEL)));
            let (name_id, secret_id) = (Id::unique("sign-in name"), Id::unique("sign-in secret"));
            let field =
                |text, id| TextEdit::singleline(text).id(id).char_limit(1_024).min_size(Vec2::new(FIELD_WIDTH, 44.0));
            let name = ui.add(field(&mut self.name, name_id).desired_width(FIELD_WIDTH));
            name.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Account name"));
            if name.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
                // A badge scanner ends with Enter.
                ui.memory_mut(|m| m.request_focus(secret_id));
            } else if ui.memory(|m| m.focused().is_none()) {
                ui.memory_mut(|m| m.request_focus(name_id));
            }
            ui.add_space(8.0);
            ui.add(Label::new(text("PIN or passphrase", tokens::TEXT_LABEL)));
            let secret = ui.add(field(&mut self.secret, secret_id).password(true).desired_width(FIELD_WIDTH));
            secret.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Account secret"));
            send |= secret.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            ui.add_space(16.0);
            send |= ui.add(Button::new("Sign in", Look::Main).name("Sign in now").size(170.0, 52.0)).clicked();
            if let Some(note) = &self.note {
                ui.add_space(12.0);
                ui.add(Label::new(text(note, tokens::TEXT_LABEL)).wrap());
            }
        });
        if !send || self.waiting || self.name.trim().is_empty() || self.secret.is_empty() {
            return None;
        }
        self.waiting = true;
        self.note = None;
        Some(Command::SignIn { name: self.name.clone(), secret: Secret::new(&std::mem::take(&mut self.secret)) })
    }
}
