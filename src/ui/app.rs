//! The window's content: takes events in, draws the present screen, sends commands out. It draws into any
//! [`egui::Ui`], so that tests drive it without a window.

use std::sync::Arc;
use std::time::Duration;

use egui::{Align, CentralPanel, Context, Event as Input, Frame, Key, Layout, Rect, Theme, Ui, UiBuilder};

use crate::session::Colours;

use super::link::SessionLink;
use super::model::{Model, Phase, Saved, Screen};
use super::screens::{
    AnswerTab, Clock, ReadyState, answer_page, device_page, failed_page, library_page, rail, ready_page, records_page,
    scanning_page, top_bar, write_buttons,
};
use super::tokens::tokens;
use super::widgets::{Button, Look, step_bar};
use super::{fonts, tokens as design};

/// Most events taken in before a frame is drawn; the rest waits for the next one.
const EVENTS_PER_FRAME: usize = 64;
/// How often the kit's library is looked for until it is there.
const LIBRARY_POLL: Duration = Duration::from_millis(50);

/// Tells the window the time of day.
pub type WallClock = Box<dyn Fn() -> Clock>;

/// The whole window.
pub struct App {
    link: Option<Box<dyn SessionLink>>,
    model: Model,
    clock: WallClock,
    operator: String,
    ready: ReadyState,
    answer_tab: AnswerTab,
    record_tab: AnswerTab,
}

impl App {
    /// A window over a session. `operator` is the name that goes into the records of this session.
    pub fn new(link: Box<dyn SessionLink>, operator: &str, clock: WallClock) -> Self {
        Self {
            link: Some(link),
            model: Model::new(),
            clock,
            operator: operator.to_owned(),
            ready: ReadyState::default(),
            answer_tab: AnswerTab::default(),
            record_tab: AnswerTab::default(),
        }
    }

    /// Gives a context the fonts and the look of the program. Once, before the first frame.
    pub fn set_up(ctx: &Context, colours: Colours) {
        ctx.set_fonts(fonts::definitions());
        design::apply(ctx);
        ctx.set_theme(match colours {
            Colours::Day => Theme::Light,
            Colours::Night => Theme::Dark,
        });
    }

    /// What the window knows.
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Takes in what the session reported. Runs before every frame, and while the window is hidden.
    pub fn logic(&mut self, ctx: &Context) {
        let Some(link) = &self.link else { return };
        match (link.library(), &self.model.library) {
            (Some(library), Some(known)) if Arc::ptr_eq(&library, known) => {}
            (Some(library), _) => {
                self.ready.set_library(&library);
                self.model.use_library(library);
            }
            (None, _) => ctx.request_repaint_after(LIBRARY_POLL),
        }
        self.model.pack = link.pack_note();
        for _ in 0..EVENTS_PER_FRAME {
            let Some(event) = link.try_recv() else { return };
            self.model.apply(event);
        }
        ctx.request_repaint();
    }

    /// Ends the session: a running scan is cancelled, the laser is commanded off, open records are written.
    pub fn shut_down(&mut self) {
        self.link = None;
    }

    /// Draws a frame and sends what the user asked for.
    pub fn show(&mut self, ui: &mut Ui) {
        let clock = (self.clock)();
        ui.ctx().request_repaint_after(Duration::from_secs(clock.seconds_left.max(1)));
        self.keyboard(ui);
        let operator = self.model.gate.operator().unwrap_or(&self.operator).to_owned();
        top_bar(ui, &mut self.model, &operator, &clock);
        rail(ui, &mut self.model);
        let fill = tokens(ui).page.fill;
        CentralPanel::default().frame(Frame::new().fill(fill)).show(ui, |ui| {
            let content = ui.max_rect();
            if self.model.gate.is_shut() {
                let scanning = self.model.scanning();
                if let Some(command) = self.model.gate.show(ui, scanning) {
                    self.model.send(command);
                }
                return;
            }
            match self.model.screen {
                Screen::Scan => self.scan_screen(ui, content),
                Screen::Records => records_page(ui, content, &mut self.model, &mut self.record_tab),
                Screen::Library => library_page(ui, content, &mut self.model),
                Screen::Device => device_page(ui, content, &mut self.model),
            }
        });
        self.send_commands();
    }

    fn send_commands(&mut self) {
        for command in self.model.take_commands() {
            let sent = match &self.link {
                Some(link) => link.send(command.clone()),
                None => Err("The program is closing.".to_owned()),
            };
            if let Err(why) = sent {
                self.model.refused(&command, why);
            }
        }
    }

    /// Space starts, Esc stops, and what a barcode scanner types finds its field by itself.
    fn keyboard(&mut self, ui: &Ui) {
        let free = ui.memory(|m| m.focused().is_none()) && !egui::Popup::is_any_open(ui.ctx());
        if ui.input(|i| i.key_pressed(Key::Escape)) {
            // Each of them does nothing where it is not what runs.
            self.model.cancel();
            self.model.stop_aiming();
            self.model.cancel_standard();
        }
        if ui.input(|i| !i.events.is_empty())
            && let Some(command) = self.model.gate.touched()
        {
            self.model.send(command);
        }
        if self.model.gate.is_shut()
            || self.model.screen != Screen::Scan
            || !matches!(self.model.phase, Phase::Idle(_))
            || !free
        {
            return;
        }
        // First: a fast scanner's whole barcode may arrive in one frame, blanks included, and must start nothing.
        let types = ui.input(|i| i.events.iter().any(|e| matches!(e, Input::Text(text) if !text.trim().is_empty())));
        if types {
            // The field is drawn later in this frame and takes the text itself, at its end.
            let id = ReadyState::parcel_id();
            ui.memory_mut(|m| m.request_focus(id));
            let end = egui::text::CCursor::new(egui::text::CharIndex(self.model.parcel.chars().count()));
            let mut state = egui::TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
            state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
            egui::TextEdit::store_state(ui.ctx(), id, state);
        } else if ui.input(|i| i.key_pressed(Key::Space)) {
            self.model.start_scan();
        }
    }

    fn scan_screen(&mut self, ui: &mut Ui, content: Rect) {
        match &self.model.phase {
            Phase::Idle(_) => ready_page(ui, content, &mut self.model, &mut self.ready),
            Phase::Scanning { .. } => {
                // The next answer opens on its first list, whatever the last one showed.
                self.answer_tab = AnswerTab::default();
                scanning_page(ui, content, &mut self.model);
            }
            Phase::Failed(_) => failed_page(ui, content, &mut self.model),
            Phase::Answered { view, saved } => {
                let places = answer_page(ui, content, view, saved, &mut self.answer_tab);
                let saved_as = match saved {
                    Saved::Yes(id) => Some((*id, view.level)),
                    Saved::Pending | Saved::No(_) => None,
                };
                step_bar(ui, places.steps, self.model.step());
                let actions = UiBuilder::new().max_rect(places.actions).layout(Layout::left_to_right(Align::Center));
                ui.scope_builder(actions, |ui| {
                    let height = places.actions.height();
                    if ui.add(Button::new("Next parcel", Look::Main).size(170.0, height)).clicked() {
                        self.model.next_parcel();
                    }
                    if ui.add(Button::new("Scan another spot", Look::Plain).size(170.0, height)).clicked() {
                        self.model.another_spot();
                    }
                    if let Some((id, level)) = saved_as {
                        ui.spacing_mut().item_spacing.x = 8.0;
                        write_buttons(ui, &mut self.model, id, level, height);
                    }
                });
            }
        }
    }
}
