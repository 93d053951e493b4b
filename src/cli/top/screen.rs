//! The terminal, the keys and the socket: what of `nodens top` is not pure.
//!
//! The socket is asked by a thread of its own, so that keys are heeded while the daemon is slow, and another waits for signals: the terminal
//! is given back as it was however this ends, by a key, a signal or a panic (ratatui's hook).

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::runtime::Builder;

use super::look::Look;
use super::panes;
use super::state::{Key, State};
use super::view;
use crate::control::admin::client::{Client, Fault};
use crate::control::admin::protocol::{Request, Stats};
use crate::supervisor::signals::Signals;
use crate::sys::clock;

/// How long a key may be waited for before answers and signals are looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Keys that are heeded between two pictures.
const KEYS_AT_ONCE: usize = 64;

/// News from the other threads.
#[derive(Debug)]
enum News {
    /// An answer.
    Stats(Box<Stats>),
    /// Why there is none.
    Lost(String),
    /// A signal says to stop.
    Stop,
}

/// Shows the daemon at `socket` until a key or a signal says to stop.
///
/// # Errors
///
/// When the terminal cannot be written to or read from.
pub(super) fn show(socket: &Path, every: Duration, look: Look) -> io::Result<()> {
    // A picture that is late is of no use: one at a time.
    let (sender, news) = sync_channel(1);
    heed_signals(sender.clone());
    let path = socket.to_owned();
    thread::Builder::new().name("asker".to_owned()).spawn(move || ask(&path, every, &sender))?;
    let mut terminal = ratatui::try_init()?;
    let outcome = follow(&mut terminal, &news, State::new(socket.display().to_string()), look);
    ratatui::restore();
    outcome
}

/// Draws what is new, and does what keys say.
fn follow(terminal: &mut DefaultTerminal, news: &Receiver<News>, mut state: State, look: Look) -> io::Result<()> {
    let mut page = 1;
    let mut heard = clock::now();
    let mut drawn_for = None;
    loop {
        let mut is_new = false;
        while let Ok(said) = news.try_recv() {
            is_new = true;
            match said {
                News::Stop => return Ok(()),
                News::Lost(why) => state.lost = Some((why, 0)),
                News::Stats(stats) => {
                    (heard, state.lost) = (clock::now(), None);
                    if !state.is_paused {
                        state.figures.take(*stats);
                    }
                }
            }
        }
        let silence = clock::now().since(heard).as_secs();
        if let Some((_, seconds)) = &mut state.lost {
            *seconds = silence;
        }
        is_new |= event::poll(if is_new { Duration::ZERO } else { GLANCE })?;
        for _ in 0..KEYS_AT_ONCE {
            if !event::poll(Duration::ZERO)? {
                break;
            }
            if let Event::Key(pressed) = event::read()?
                && let Some(key) = meaning(&pressed)
            {
                let rows = panes::count(&state, state.pane);
                if !state.press(key, page, rows) {
                    return Ok(());
                }
            }
        }
        // Without news the picture changes with the seconds of silence alone.
        let shown = state.lost.is_some().then_some(silence);
        if is_new || shown != drawn_for {
            drawn_for = shown;
            terminal.draw(|frame| page = view::show(frame, &state, look))?;
        }
    }
}

/// What a key means here.
fn meaning(pressed: &KeyEvent) -> Option<Key> {
    if pressed.kind == KeyEventKind::Release {
        return None;
    }
    let control = pressed.modifiers.contains(KeyModifiers::CONTROL);
    Some(match pressed.code {
        KeyCode::Char('c' | 'd') if control => Key::Interrupt,
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(letter) => Key::Character(letter),
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    })
}

/// Asks again and again; tries a socket that is gone for as long as it takes.
fn ask(socket: &Path, every: Duration, news: &SyncSender<News>) {
    let mut client: Option<Client> = None;
    loop {
        let begun = clock::now();
        let answer = match client.take() {
            Some(client) => Ok(client),
            None => Client::connect(socket).map_err(Fault::Connection),
        }
        .and_then(|mut asked| {
            let stats = asked.ask::<Box<Stats>>(&Request::Stats)?;
            client = Some(asked);
            Ok(stats)
        });
        let said = match answer {
            Ok(stats) => News::Stats(stats),
            Err(Fault::Connection(error)) => News::Lost(format!("{}: {error}", socket.display())),
            Err(Fault::Refused(why)) => News::Lost(why),
            Err(Fault::Strange(why)) => News::Lost(format!("a daemon of another version: {why}")),
        };
        if news.send(said).is_err() {
            // Nobody looks any more.
            return;
        }
        thread::park_timeout(every.saturating_sub(clock::now().since(begun)));
    }
}

/// Tells of a signal that says to stop. Where that cannot be, they end the process as they always do.
fn heed_signals(news: SyncSender<News>) {
    let wait = move || {
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let Ok(mut signals) = Signals::new() else { return };
            // A terminal that hangs up is gone, too: here nothing is read again.
            signals.next().await;
        });
        let _ = news.send(News::Stop);
    };
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(wait);
}
