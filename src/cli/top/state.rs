//! What the person has chosen, and what a key changes of it.

use super::figures::Figures;

/// The longest text to look for.
const LONGEST_FILTER: usize = 253;

/// A part of the picture that lists something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pane {
    /// The servers that are asked.
    #[default]
    Upstreams,
    /// The domains that are asked for most.
    Names,
    /// The clients that ask most.
    Clients,
    /// What was detected and withheld.
    Events,
}

/// The order of a pane's rows. Each pane has a usual one and two others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// Servers as configured, names and clients by rate, events by time.
    #[default]
    Usual,
    /// Servers by latency, names and clients by name, events by score.
    Second,
    /// Servers by failures, names and clients by name backwards, events by client.
    Third,
}

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A character.
    Character(char),
    /// The last character shall go.
    Backspace,
    /// It is done.
    Enter,
    /// It shall not be.
    Escape,
    /// The next pane.
    Tab,
    /// The pane before.
    BackTab,
    /// A row up.
    Up,
    /// A row down.
    Down,
    /// Many rows up.
    PageUp,
    /// Many rows down.
    PageDown,
    /// Ctrl-C.
    Interrupt,
}

/// All that is shown, and how.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What is known of the daemon.
    pub(super) figures: Figures,
    /// Where it is asked.
    pub(super) socket: String,
    /// Why there is no answer just now, and for how many seconds there has been none.
    pub(super) lost: Option<(String, u64)>,
    /// Whether the picture stands still.
    pub(super) is_paused: bool,
    /// Whether help is shown instead.
    pub(super) has_help: bool,
    /// The pane that keys are for.
    pub(super) pane: Pane,
    /// Whether it is shown alone.
    pub(super) is_alone: bool,
    /// By pane.
    orders: [Order; Pane::ALL.len()],
    /// Rows that are scrolled past, by pane.
    scrolled: [usize; Pane::ALL.len()],
    /// What clients must have in them.
    pub(super) filter: String,
    /// Whether it is being typed.
    pub(super) is_typing: bool,
}

impl Pane {
    /// All, in their order.
    pub(super) const ALL: [Self; 4] = [Self::Upstreams, Self::Names, Self::Clients, Self::Events];

    /// The one so many places on.
    const fn step(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

impl Order {
    /// The next.
    const fn next(self) -> Self {
        match self {
            Self::Usual => Self::Second,
            Self::Second => Self::Third,
            Self::Third => Self::Usual,
        }
    }

    /// What it is called in a pane.
    pub(super) const fn name(self, pane: Pane) -> &'static str {
        match (pane, self) {
            (Pane::Upstreams, Self::Usual) => "as configured",
            (Pane::Upstreams, Self::Second) => "slowest first",
            (Pane::Upstreams, Self::Third) => "failing first",
            (Pane::Names | Pane::Clients, Self::Usual) => "busiest first",
            (Pane::Names | Pane::Clients, Self::Second) => "by name",
            (Pane::Names | Pane::Clients, Self::Third) => "by name, backwards",
            (Pane::Events, Self::Usual) => "newest first",
            (Pane::Events, Self::Second) => "surest first",
            (Pane::Events, Self::Third) => "by client",
        }
    }
}

impl State {
    /// Of a daemon at this socket, of which nothing is known yet.
    pub(super) fn new(socket: String) -> Self {
        Self { socket, lost: Some(("connecting".to_owned(), 0)), ..Self::default() }
    }

    /// The order of a pane.
    pub(super) const fn order(&self, pane: Pane) -> Order {
        self.orders[pane as usize]
    }

    /// Rows of a pane to leave out at its top, where it has so many and there is room for so many.
    pub(super) fn scrolled(&self, pane: Pane, rows: usize, room: usize) -> usize {
        self.scrolled[pane as usize].min(rows.saturating_sub(room))
    }

    /// Does what a key says; whether to go on. `page` is how many rows a page has, `rows` how many the chosen pane.
    pub(super) fn press(&mut self, key: Key, page: usize, rows: usize) -> bool {
        if key == Key::Interrupt {
            return false;
        }
        if self.is_typing {
            self.type_filter(key);
            return true;
        }
        if std::mem::take(&mut self.has_help) {
            // Any key ends it.
            return key != Key::Character('q');
        }
        let scrolled = &mut self.scrolled[self.pane as usize];
        let last = rows.saturating_sub(1);
        match key {
            Key::Character('q') => return false,
            Key::Character('?' | 'h') => self.has_help = true,
            Key::Character('p' | ' ') => self.is_paused = !self.is_paused,
            Key::Character('s') => {
                let order = &mut self.orders[self.pane as usize];
                *order = order.next();
            }
            Key::Character('/') => self.is_typing = true,
            Key::Tab => self.pane = self.pane.step(1),
            Key::BackTab => self.pane = self.pane.step(Pane::ALL.len() - 1),
            Key::Enter => self.is_alone = !self.is_alone,
            Key::Up => *scrolled = scrolled.saturating_sub(1),
            Key::Down => *scrolled = (*scrolled + 1).min(last),
            Key::PageUp => *scrolled = scrolled.saturating_sub(page),
            Key::PageDown => *scrolled = (*scrolled + page).min(last),
            Key::Escape if self.is_alone => self.is_alone = false,
            Key::Escape => self.filter.clear(),
            Key::Character(_) | Key::Backspace | Key::Interrupt => {}
        }
        true
    }

    /// A key of the text to look for.
    fn type_filter(&mut self, key: Key) {
        match key {
            // What no address and no name of a pod has does not get there either.
            Key::Character(letter) if letter.is_ascii_graphic() && self.filter.len() < LONGEST_FILTER => {
                self.filter.push(letter.to_ascii_lowercase());
            }
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Enter => self.is_typing = false,
            Key::Escape => {
                self.is_typing = false;
                self.filter.clear();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Presses keys one after the other; whether it still goes on.
    fn press(state: &mut State, keys: &[Key]) -> bool {
        keys.iter().all(|&key| state.press(key, 10, 25))
    }

    /// The keys of a text.
    fn keys(text: &str) -> Vec<Key> {
        text.chars().map(Key::Character).collect()
    }

    #[test]
    fn q_and_ctrl_c_end_it() {
        assert!(!press(&mut State::default(), &keys("q")));
        assert!(!press(&mut State::default(), &[Key::Character('/'), Key::Interrupt]));
        assert!(!press(&mut State::default(), &keys("?q")));
        assert!(press(&mut State::default(), &keys("/q")), "it is a letter of the text");
    }

    #[test]
    fn panes_come_round_and_each_has_its_order_and_place() {
        let mut state = State::default();
        assert!(press(
            &mut state,
            &[Key::Character('s'), Key::Down, Key::Tab, Key::PageDown, Key::PageDown, Key::PageDown]
        ));
        assert_eq!(
            (state.pane, state.order(Pane::Upstreams), state.order(Pane::Names)),
            (Pane::Names, Order::Second, Order::Usual)
        );
        assert_eq!((state.scrolled(Pane::Upstreams, 25, 5), state.scrolled(Pane::Names, 25, 5)), (1, 20));
        assert_eq!(state.scrolled(Pane::Names, 3, 5), 0, "fewer rows than there were");
        press(&mut state, &[Key::PageUp, Key::Up]);
        assert_eq!(state.scrolled(Pane::Names, 25, 5), 13);
        press(&mut state, &[Key::BackTab, Key::BackTab]);
        assert_eq!(state.pane, Pane::Events);
        press(&mut state, &[Key::Tab, Key::Character('s'), Key::Character('s')]);
        assert_eq!((state.pane, state.order(Pane::Upstreams)), (Pane::Upstreams, Order::Usual));
    }

    #[test]
    fn a_text_is_typed_corrected_kept_and_forgotten() {
        let mut state = State::default();
        press(&mut state, &keys("/Shop/w\u{1b}\u{7}x\u{202e}"));
        press(&mut state, &[Key::Backspace]);
        assert_eq!((state.filter.as_str(), state.is_typing), ("shop/w", true));
        press(&mut state, &[Key::Enter, Key::Character('p')]);
        assert_eq!((state.filter.as_str(), state.is_typing, state.is_paused), ("shop/w", false, true));
        press(&mut state, &[Key::Enter, Key::Escape]);
        assert_eq!((state.filter.as_str(), state.is_alone), ("shop/w", false), "first the pane");
        press(&mut state, &[Key::Escape]);
        assert_eq!(state.filter, "");
        press(&mut state, &keys(&format!("/{}", "a".repeat(1000))));
        assert_eq!(state.filter.len(), LONGEST_FILTER);
    }
}
