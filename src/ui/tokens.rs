//! The design tokens: every colour, size, spacing and text size of the window. Nothing else in the window names a colour.

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, Theme};

use crate::identify::Level;

use super::fonts;

/// Smallest side of anything that a gloved finger must hit, points.
pub const TARGET: f32 = 48.0;
/// Height of the ordinary large buttons, points.
pub const BUTTON: f32 = 60.0;
/// Height of fields, points.
pub const FIELD: f32 = 56.0;
/// Width of the left rail, points.
pub const RAIL_WIDTH: f32 = 112.0;
/// Height of the top bar, points.
pub const BAR_HEIGHT: f32 = 56.0;
/// Height of the step bar, points.
pub const STEP_HEIGHT: f32 = 44.0;
/// Space between cards, points.
pub const GAP: f32 = 12.0;
/// Space between a label and what it names, points.
pub const GAP_SMALL: f32 = 6.0;
/// Margin of the content area, points.
pub const MARGIN: f32 = 16.0;
/// Inner margin of a card, points.
pub const CARD_MARGIN: i8 = 14;
/// Corner radius of cards and buttons, points.
pub const RADIUS: u8 = 10;
/// Corner radius of chips and badges, points.
pub const RADIUS_SMALL: u8 = 6;
/// Side of the icon in the verdict banner, points.
pub const VERDICT_ICON: f32 = 84.0;

/// Text size of the verdict, points; readable at arm's length.
pub const TEXT_VERDICT: f32 = 44.0;
/// The word of the verdict never gets smaller than this, however long the names behind it are.
pub const TEXT_VERDICT_LEAST: f32 = 40.0;
/// Names that do not fit behind the word start below it at this size.
pub const TEXT_VERDICT_LONG: f32 = 28.0;
/// Text size on the Scan button.
pub const TEXT_SCAN: f32 = 40.0;
/// Text size of the line below the verdict.
pub const TEXT_LEAD: f32 = 20.0;
/// Text size of headings and large buttons.
pub const TEXT_HEADING: f32 = 18.0;
/// Text size of running text.
pub const TEXT_BODY: f32 = 17.0;
/// Text size of labels and tables.
pub const TEXT_LABEL: f32 = 16.0;
/// Text size of notes and chips; nothing is smaller.
pub const TEXT_NOTE: f32 = 15.0;

/// Corner radius of cards and buttons.
pub const fn corner() -> CornerRadius {
    CornerRadius::same(RADIUS)
}

/// Corner radius of chips and badges.
pub const fn corner_small() -> CornerRadius {
    CornerRadius::same(RADIUS_SMALL)
}

/// The regular font at a size.
pub fn regular(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// The strong font at a size.
pub fn strong(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(fonts::STRONG.into()))
}

/// Text (or mark) and the surface it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Text and marks.
    pub ink: Color32,
    /// Surface.
    pub fill: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const fn pair(ink: u32, fill: u32) -> Pair {
    Pair { ink: rgb(ink), fill: rgb(fill) }
}

const fn series(hex: [u32; 8]) -> [Color32; 8] {
    let [a, b, c, d, e, f, g, h] = hex;
    [rgb(a), rgb(b), rgb(c), rgb(d), rgb(e), rgb(f), rgb(g), rgb(h)]
}

/// The colours of one theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Content area; ink is the ordinary text.
    pub page: Pair,
    /// Cards and fields; ink is the ordinary text.
    pub card: Pair,
    /// Quieter text that still must be read; valid on page, card and rail.
    pub mute: Color32,
    /// Lines and borders of fields.
    pub line: Color32,
    /// Grid lines in plots: marks that only guide the eye.
    pub grid: Color32,
    /// The left rail.
    pub rail: Pair,
    /// The top bar.
    pub bar: Pair,
    /// Main buttons and the present step.
    pub accent: Pair,
    /// Main button under the pointer.
    pub accent_hover: Color32,
    /// Other buttons under the pointer.
    pub hover: Color32,
    /// A step that is done, a selected row.
    pub done: Pair,
    /// A step still to come; a button that cannot be pressed.
    pub rest: Pair,
    /// The EMULATED ANALYZER badge.
    pub badge: Pair,
    /// The measured trace.
    pub trace_scan: Color32,
    /// The reference's trace.
    pub trace_reference: Color32,
    /// Up to eight curves that are looked at together; the dashed ones among them tell them apart without colour.
    pub series: [Color32; 8],
    /// Lamp: laser off.
    pub lamp_off: Color32,
    /// Lamp: laser warming up or on.
    pub lamp_on: Pair,
    /// Lamp: laser fault or unknown.
    pub lamp_unknown: Pair,
    alarm: Pair,
    alert: Pair,
    none_detected: Pair,
    inconclusive: Pair,
}

/// Day: dark on light.
pub const DAY: Tokens = Tokens {
    page: pair(0x0016_191d, 0x00f4_f5f2),
    card: pair(0x0016_191d, 0x00ff_ffff),
    mute: rgb(0x0043_4a52),
    line: rgb(0x007d_858d),
    grid: rgb(0x00dd_e1e4),
    rail: pair(0x0016_191d, 0x00e7_e9e6),
    bar: pair(0x00ff_ffff, 0x0016_191d),
    accent: pair(0x00ff_ffff, 0x000b_4f8a),
    accent_hover: rgb(0x0008_4174),
    hover: rgb(0x00e9_eff5),
    done: pair(0x0016_191d, 0x00db_e7f2),
    rest: pair(0x0043_4a52, 0x00e5_e8e4),
    badge: pair(0x0016_191d, 0x00ff_d84d),
    trace_scan: rgb(0x0016_191d),
    trace_reference: rgb(0x000b_68b8),
    series: series([
        0x000b_68b8,
        0x001b_7837,
        0x0076_2a83,
        0x008c_510a,
        0x0001_665e,
        0x00c5_1b7d,
        0x0016_191d,
        0x006b_6b00,
    ]),
    lamp_off: rgb(0x005f_d38a),
    lamp_on: pair(0x0016_191d, 0x00ff_d84d),
    lamp_unknown: pair(0x0016_191d, 0x00ff_a62b),
    alarm: pair(0x008f_0f1b, 0x00fb_e9ea),
    alert: pair(0x0066_3800, 0x00fd_f1dd),
    none_detected: pair(0x0017_3f66, 0x00e6_eff8),
    inconclusive: pair(0x003d_424a, 0x00ec_eef0),
};

/// Night: for darkness, light on dark.
pub const NIGHT: Tokens = Tokens {
    page: pair(0x00f0_f2f4, 0x000e_1114),
    card: pair(0x00f0_f2f4, 0x0017_1b1f),
    mute: rgb(0x00b6_bec6),
    line: rgb(0x006d_7680),
    grid: rgb(0x002b_3238),
    rail: pair(0x00f0_f2f4, 0x0012_161a),
    bar: pair(0x00ff_ffff, 0x0000_0000),
    accent: pair(0x0007_182a, 0x008c_c4ff),
    accent_hover: rgb(0x00a9_d3ff),
    hover: rgb(0x0023_2b33),
    done: pair(0x00f0_f2f4, 0x001d_3147),
    rest: pair(0x00b6_bec6, 0x0022_282e),
    badge: pair(0x0016_191d, 0x00ff_d84d),
    trace_scan: rgb(0x00f0_f2f4),
    trace_reference: rgb(0x004d_a3f5),
    series: series([
        0x004d_a3f5,
        0x006f_cf7f,
        0x00c7_92ea,
        0x00d9_a05b,
        0x004d_d0c4,
        0x00f4_8fd1,
        0x00f0_f2f4,
        0x00d4_d45a,
    ]),
    lamp_off: rgb(0x005f_d38a),
    lamp_on: pair(0x0016_191d, 0x00ff_d84d),
    lamp_unknown: pair(0x0016_191d, 0x00ff_a62b),
    alarm: pair(0x00ff_b9bd, 0x003d_1014),
    alert: pair(0x00ff_cf8a, 0x0035_2408),
    none_detected: pair(0x00ad_d4ff, 0x0010_263c),
    inconclusive: pair(0x00d3_d8dd, 0x0026_2b31),
};

impl Tokens {
    /// The tokens of a theme.
    pub const fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &DAY,
            Theme::Dark => &NIGHT,
        }
    }

    /// The colours of a verdict. Red belongs to *alarm* alone, amber to *alert*, blue to *nothing listed detected*.
    pub const fn level(&self, level: Level) -> Pair {
        match level {
            Level::Alarm => self.alarm,
            Level::Alert => self.alert,
            Level::Inconclusive => self.inconclusive,
            Level::NoneDetected => self.none_detected,
        }
    }

    /// Colours of a warning that is not a verdict: something to read before going on.
    pub const fn caution(&self) -> Pair {
        self.alert
    }
}

/// The tokens of the theme that `ui` is drawn in.
pub fn tokens(ui: &egui::Ui) -> &'static Tokens {
    Tokens::of(if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light })
}

/// Gives egui's own widgets (text fields, scroll bars, plots) the look of the tokens in both themes.
pub fn apply(ctx: &egui::Context) {
    for theme in [Theme::Light, Theme::Dark] {
        let t = Tokens::of(theme);
        ctx.style_mut_of(theme, |style| {
            use egui::TextStyle::{Body, Button, Heading, Monospace, Small};
            style.text_styles = [
                (Small, regular(TEXT_NOTE)),
                (Body, regular(TEXT_BODY)),
                (Button, regular(TEXT_BODY)),
                (Monospace, regular(TEXT_LABEL)),
                (Heading, strong(TEXT_HEADING)),
            ]
            .into();
            style.spacing.item_spacing = egui::vec2(GAP, GAP_SMALL);
            // Rows of text are as high as their text; what can be pressed makes itself as large as a target.
            style.spacing.interact_size = egui::vec2(TARGET, TEXT_BODY);
            style.spacing.menu_margin = Margin::same(CARD_MARGIN);
            style.spacing.scroll = egui::style::ScrollStyle::solid();
            // Nothing on an instrument slides or fades: what is on the screen is what is.
            style.animation_time = 0.0;
            style.scroll_animation = egui::style::ScrollAnimation::none();
            style.interaction.selectable_labels = false;
            let v = &mut style.visuals;
            // What cannot be pressed has its own colours and must still be read.
            v.disabled_alpha = 1.0;
            v.panel_fill = t.page.fill;
            v.window_fill = t.card.fill;
            v.window_stroke = Stroke::new(2.0, t.line);
            v.window_corner_radius = corner();
            v.menu_corner_radius = corner();
            v.extreme_bg_color = t.card.fill;
            v.text_edit_bg_color = Some(t.card.fill);
            v.faint_bg_color = t.rest.fill;
            v.weak_text_color = Some(t.mute);
            v.selection.bg_fill = t.done.fill;
            v.selection.stroke = Stroke::new(2.0, t.done.ink);
            v.text_cursor.stroke = Stroke::new(2.0, t.card.ink);
            let w = &mut v.widgets;
            for (state, stroke) in [
                (&mut w.noninteractive, Stroke::new(1.0, t.grid)),
                (&mut w.inactive, Stroke::new(2.0, t.line)),
                (&mut w.hovered, Stroke::new(2.0, t.card.ink)),
                (&mut w.active, Stroke::new(2.0, t.card.ink)),
                (&mut w.open, Stroke::new(2.0, t.card.ink)),
            ] {
                state.bg_stroke = stroke;
                state.fg_stroke = Stroke::new(2.0, t.card.ink);
                state.corner_radius = CornerRadius::same(8);
                state.expansion = 0.0;
            }
            w.inactive.bg_fill = t.line;
            w.hovered.bg_fill = t.mute;
            w.active.bg_fill = t.mute;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2 defines it.
    fn luminance(c: Color32) -> f64 {
        let part = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(c.r()) + 0.7152 * part(c.g()) + 0.0722 * part(c.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn contrast_formula_gives_the_known_ends() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 0.01);
        assert!((contrast(Color32::WHITE, Color32::WHITE) - 1.0).abs() < 0.01);
    }

    #[test]
    fn every_text_has_a_contrast_of_seven_to_one_in_both_themes() {
        for (theme, t) in [("day", DAY), ("night", NIGHT)] {
            let pairs = [
                ("page", t.page),
                ("card", t.card),
                ("rail", t.rail),
                ("bar", t.bar),
                ("accent", t.accent),
                ("accent under the pointer", Pair { ink: t.accent.ink, fill: t.accent_hover }),
                ("button under the pointer", Pair { ink: t.card.ink, fill: t.hover }),
                ("done", t.done),
                ("rest", t.rest),
                ("badge", t.badge),
                ("lamp on", t.lamp_on),
                ("lamp unknown", t.lamp_unknown),
                ("mute on page", Pair { ink: t.mute, fill: t.page.fill }),
                ("mute on card", Pair { ink: t.mute, fill: t.card.fill }),
                ("mute on rail", Pair { ink: t.mute, fill: t.rail.fill }),
                ("mute on done", Pair { ink: t.mute, fill: t.done.fill }),
                ("alarm", t.level(Level::Alarm)),
                ("alert", t.level(Level::Alert)),
                ("inconclusive", t.level(Level::Inconclusive)),
                ("none detected", t.level(Level::NoneDetected)),
            ];
            for (name, p) in pairs {
                let c = contrast(p.ink, p.fill);
                assert!(c >= 7.0, "{name} in {theme}: {c:.2}");
            }
        }
    }

    #[test]
    fn ordinary_text_on_every_verdict_surface_has_a_contrast_of_seven_to_one() {
        for t in [DAY, NIGHT] {
            for level in [Level::Alarm, Level::Alert, Level::Inconclusive, Level::NoneDetected] {
                assert!(contrast(t.card.ink, t.level(level).fill) >= 7.0);
            }
        }
    }

    #[test]
    fn every_mark_has_a_contrast_of_three_to_one_in_both_themes() {
        for (theme, t) in [("day", DAY), ("night", NIGHT)] {
            let marks = [
                ("line on card", t.line, t.card.fill),
                ("line on page", t.line, t.page.fill),
                ("scan", t.trace_scan, t.card.fill),
                ("reference", t.trace_reference, t.card.fill),
                ("lamp off", t.lamp_off, t.bar.fill),
                ("lamp on", t.lamp_on.fill, t.bar.fill),
                ("lamp unknown", t.lamp_unknown.fill, t.bar.fill),
            ];
            let curves = t.series.iter().map(|curve| ("a curve of several", *curve, t.card.fill));
            for (name, a, b) in marks.into_iter().chain(curves) {
                let c = contrast(a, b);
                assert!(c >= 3.0, "{name} in {theme}: {c:.2}");
            }
        }
    }

    #[test]
    fn red_belongs_to_alarm_alone() {
        for t in [DAY, NIGHT] {
            let reddish = |p: Pair| {
                let (r, g, b) = (f64::from(p.ink.r()), f64::from(p.ink.g()), f64::from(p.ink.b()));
                r > 1.3 * g && r > 1.3 * b && (g - b).abs() < 0.2 * r
            };
            assert!(reddish(t.level(Level::Alarm)));
            for level in [Level::Alert, Level::Inconclusive, Level::NoneDetected] {
                assert!(!reddish(t.level(level)), "{level:?}");
            }
        }
    }
}
