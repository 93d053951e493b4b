//! Which characters and colours the terminal has, as its environment says.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::bar;

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Whether there are colours. Without, what matters is bold or reversed.
    pub(super) has_colour: bool,
    /// Whether there are characters beyond ASCII.
    pub(super) has_unicode: bool,
}

/// Bars of ASCII, lowest first.
const ASCII_BARS: bar::Set<'static> = bar::Set {
    empty: " ",
    one_eighth: ".",
    one_quarter: ".",
    three_eighths: ":",
    half: ":",
    five_eighths: "|",
    three_quarters: "|",
    seven_eighths: "#",
    full: "#",
};

impl Look {
    /// What this process's environment says.
    pub(super) fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// What an environment says; an empty variable is none (no-color.org, locale(7)).
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(&variable).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let terminal = variable("TERM").unwrap_or_default();
        let is_plain = matches!(terminal.as_str(), "" | "dumb" | "vt52" | "vt100" | "vt102" | "vt220");
        Self {
            has_colour: variable("NO_COLOR").is_none() && !is_plain,
            // Those terminals had characters for lines, but not these.
            has_unicode: !is_plain && (locale.ends_with("utf-8") || locale.ends_with("utf8")),
        }
    }

    /// A colour where there are some.
    fn coloured(self, colour: Color) -> Style {
        if self.has_colour { Style::new().fg(colour) } else { Style::new() }
    }

    /// What is well.
    pub(super) fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    /// What may need a look.
    pub(super) fn odd(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// What needs one.
    pub(super) fn bad(self) -> Style {
        self.coloured(Color::Red).add_modifier(if self.has_colour { Modifier::BOLD } else { Modifier::REVERSED })
    }

    /// The curves.
    pub(super) fn curve(self) -> Style {
        self.coloured(Color::Cyan)
    }

    /// What stands beside.
    pub(super) fn aside(self) -> Style {
        // Not a grey: on some palettes it is that of the background.
        if self.has_colour { Style::new().add_modifier(Modifier::DIM) } else { Style::new() }
    }

    /// What is to be seen first.
    pub(super) const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The pane that keys are for.
    pub(super) const fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A line across.
    pub(super) const fn line(self) -> &'static str {
        if self.has_unicode { "─" } else { "-" }
    }

    /// Where something is left out.
    pub(super) const fn mark(self) -> &'static str {
        if self.has_unicode { "…" } else { "~" }
    }

    /// A millionth of a second.
    pub(super) const fn micro(self) -> &'static str {
        if self.has_unicode { "µs" } else { "us" }
    }

    /// The bars of a curve.
    pub(super) const fn bars(self) -> bar::Set<'static> {
        if self.has_unicode { bar::NINE_LEVELS } else { ASCII_BARS }
    }
}
