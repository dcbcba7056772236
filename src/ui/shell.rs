//! The real window around the [`App`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use egui::{IconData, ViewportBuilder, ViewportCommand};
use thiserror::Error;

use crate::session::{KitChoice, SessionConfig, Settings, UNENROLLED};

use super::app::App;
use super::link::RunningSession;
use super::screens::Clock;

/// How to open the window.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowConfig {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The kit to scan with.
    pub kit: KitChoice,
}

/// Why there is no window.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UiError {
    /// No display server answers.
    #[error(
        "no screen was found to open the window on; log in to a desktop (X11 or Wayland), or use the command line: 'parcelscope --help' lists the commands"
    )]
    NoDisplay,
    /// The display cannot draw with OpenGL.
    #[error(
        "the screen cannot draw the window with OpenGL ({0}); install the graphics driver (on Debian: libgl1 and libgl1-mesa-dri), or use the command line"
    )]
    NoGraphics(String),
    /// The session cannot start.
    #[error("the program could not start its threads ({0}); close other programs and try again")]
    Session(io::Error),
    /// Anything else.
    #[error("the window could not be opened: {0}; the command line works without one")]
    Window(String),
}

impl From<eframe::Error> for UiError {
    fn from(error: eframe::Error) -> Self {
        match error {
            eframe::Error::WinitEventLoop(_) => Self::NoDisplay,
            eframe::Error::Glutin(e) => Self::NoGraphics(e.to_string()),
            eframe::Error::NoGlutinConfigs(_, e) => Self::NoGraphics(e.to_string()),
            eframe::Error::OpenGL(e) => Self::NoGraphics(e.to_string()),
            eframe::Error::AppCreation(e) => match e.downcast::<io::Error>() {
                Ok(e) => Self::Session(*e),
                Err(e) => Self::Window(e.to_string()),
            },
            other @ eframe::Error::Winit(_) => Self::Window(other.to_string()),
        }
    }
}

/// Opens the window and returns when it was closed. The session has ended then and the laser was commanded off.
pub fn run(config: WindowConfig) -> Result<(), UiError> {
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("Parcelscope")
            .with_app_id("parcelscope")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([1000.0, 560.0])
            .with_icon(icon()),
        renderer: eframe::Renderer::Glow,
        ..eframe::NativeOptions::default()
    };
    eframe::run_native(
        "parcelscope",
        options,
        Box::new(move |cc| {
            App::set_up(&cc.egui_ctx, Settings::of(&config.data_dir).colours);
            let ctx = cc.egui_ctx.clone();
            let session =
                SessionConfig::new(config.data_dir, config.kit).with_waker(Box::new(move || ctx.request_repaint()));
            let link = RunningSession::start(session)?;
            let terminated = Arc::new(AtomicBool::new(false));
            let signals = watch_signals(&cc.egui_ctx, &terminated)?;
            let app = App::new(Box::new(link), UNENROLLED, Box::new(wall_clock));
            Ok(Box::new(Shell { app, terminated, signals }))
        }),
    )?;
    Ok(())
}

/// The five lines between eframe and the [`App`].
struct Shell {
    app: App,
    terminated: Arc<AtomicBool>,
    signals: SignalWatch,
}

impl eframe::App for Shell {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        if self.terminated.swap(false, Ordering::SeqCst) {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        self.app.logic(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.app.show(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.app.shut_down();
        self.signals.stop();
    }
}

/// Local time of day.
fn wall_clock() -> Clock {
    let now = jiff::ZonedDateTime::now();
    Clock {
        text: now.strftime("%H:%M").to_string(),
        seconds_left: 60 - u64::try_from(now.second()).unwrap_or(0).min(59),
    }
}

/// The thread that waits for SIGTERM, SIGINT and SIGHUP and closes the window in order.
#[cfg(unix)]
struct SignalWatch {
    handle: signal_hook::iterator::Handle,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[cfg(unix)]
fn watch_signals(ctx: &egui::Context, terminated: &Arc<AtomicBool>) -> io::Result<SignalWatch> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let handle = signals.handle();
    let (ctx, terminated) = (ctx.clone(), Arc::clone(terminated));
    let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            terminated.store(true, Ordering::SeqCst);
            ctx.request_repaint();
        }
    })?;
    Ok(SignalWatch { handle, thread: Some(thread) })
}

#[cfg(unix)]
impl SignalWatch {
    fn stop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that waits for signals ended by a panic");
        }
    }
}

/// Systems without signals close windows by themselves.
#[cfg(not(unix))]
struct SignalWatch;

#[cfg(not(unix))]
fn watch_signals(_ctx: &egui::Context, _terminated: &Arc<AtomicBool>) -> io::Result<SignalWatch> {
    Ok(SignalWatch)
}

#[cfg(not(unix))]
impl SignalWatch {
    fn stop(&mut self) {}
}

/// The program's icon: a white trace on the accent colour, drawn here so that there is no picture to keep in step.
fn icon() -> IconData {
    const SIDE: u32 = 64;
    const TRACE: [(f32, f32); 7] =
        [(4.0, 36.0), (17.0, 36.0), (24.0, 14.0), (35.0, 54.0), (43.0, 27.0), (48.0, 36.0), (60.0, 36.0)];
    let accent = super::tokens::DAY.accent;
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let at = egui::pos2(x as f32 + 0.5, y as f32 + 0.5);
            let distance = TRACE
                .windows(2)
                .filter_map(|w| Some(((*w.first()?).into(), (*w.last()?).into())))
                .map(|(a, b): (egui::Pos2, egui::Pos2)| {
                    let along = ((at - a).dot(b - a) / (b - a).length_sq()).clamp(0.0, 1.0);
                    (at - (a + (b - a) * along)).length()
                })
                .fold(f32::INFINITY, f32::min);
            let ink = (3.0 - distance).clamp(0.0, 1.0);
            let mixed = accent.fill.lerp_to_gamma(accent.ink, ink);
            rgba.extend_from_slice(&mixed.to_array());
        }
    }
    IconData { rgba, width: SIDE, height: SIDE }
}
