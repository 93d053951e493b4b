//! Pictures of a daemon that does much, in all sizes, with and without colours; and that nothing of a stranger's reaches the terminal.
//!
//! The pictures are files beside this one. After a change, `NODENS_WRITE=1 cargo nextest run --lib -E 'test(top::)'` writes them anew; look at
//! them.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use super::look::Look;
use super::panes;
use super::state::{Key, Pane, State};
use super::text;
use super::view;
use crate::control::admin::protocol::{Blocks, CacheFigures, Detection, Latency, Server, Sources, Stats, Top};

/// A terminal of these days.
const FULL: Look = Look { has_colour: true, has_unicode: true };

/// One with ASCII and no colours.
const PLAIN: Look = Look { has_colour: false, has_unicode: false };

/// A server that does its work.
fn server(group: &str, address: &str, second: u64) -> Server {
    Server {
        group: group.to_owned(),
        address: address.to_owned(),
        state: "up".to_owned(),
        latency_ms: Some(12.4),
        latency_95_ms: Some(31.0),
        connections: 2,
        exchanges: 30 * second,
        reused: 29 * second,
        opened: second,
        ..Server::default()
    }
}

/// A domain or a client.
fn top(what: &str, rate: f64, pod: Option<(&str, &str)>) -> Top {
    let (namespace, pod) = pod.map(|(namespace, pod)| (namespace.to_owned(), pod.to_owned())).unzip();
    Top { what: what.to_owned(), queries_per_second: rate, share: rate / 3000.0, namespace, pod }
}

/// What a daemon answers so many seconds after it was looked at first.
fn stats(second: u64) -> Stats {
    let rate = 2000 + 300 * (second % 7);
    let bounds = vec![0.0001, 0.0002, 0.0005, 0.001, 0.01, 0.05, 0.1];
    let counts = [1700, 250, 30, 10, 5, 4, 1, 0].map(|each| each * second).to_vec();
    let down = Server {
        state: "down".to_owned(),
        retry_in_ms: Some(4200),
        latency_ms: None,
        failures: 3 * second,
        ..server("internet", "tls://[2606:4700:4700::1111]:853", 0)
    };
    Stats {
        version: "0.1.0".to_owned(),
        uptime_seconds: 270_000 + second,
        time: 1_795_754_000.0 + second as f64,
        queries: (0..second).map(|second| 2000 + 300 * (second % 7)).sum::<u64>() + rate,
        answers: Sources { hits: 1900 * second, denials: 60 * second, forwarded: 40 * second, ..Sources::default() },
        latency: Latency { bounds, counts, sum: 0.0 },
        waiting: 7,
        shed: 2 * second,
        cache: CacheFigures { bytes: [7_300_000, 410_000], ..CacheFigures::default() },
        blocks: Blocks { names: 3 * (second / 20), rebinding: second / 30, ..Blocks::default() },
        upstreams: vec![
            server("internet", "tls://1.1.1.1:853", second),
            down,
            server("cluster-dns", "tcp://10.96.0.11:53", second),
        ],
        top_names: vec![
            top("api.shop.svc.cluster.local.", 912.0, None),
            top("metadata.google.internal.", 301.5, None),
            top("a-bucket-with-a-long-name.s3.eu-central-1.amazonaws.com.", 88.0, None),
            top("example.com.", 7.25, None),
            top("example.net.", 0.04, None),
        ],
        top_clients: vec![
            top("10.244.1.7", 1450.0, Some(("shop", "cart-6f9b7c8d4-x2x9k"))),
            top("10.244.1.9", 802.0, Some(("payments-production", "settlement-worker-5c9d6bb4f8-q8z7j"))),
            top("192.0.2.7", 44.0, None),
        ],
        detections: vec![Detection {
            at: 1_795_754_000,
            last: 1_795_754_031,
            rule: "burst".to_owned(),
            client: "10.244.1.7".to_owned(),
            namespace: Some("shop".to_owned()),
            pod: Some("cart-6f9b7c8d4-x2x9k".to_owned()),
            domain: "tunnel.example.".to_owned(),
            score: 97,
            reasons: vec![
                "412 distinct names of 52 encoded characters under tunnel.example in 60 s".to_owned(),
                "none cached, 71 % TXT".to_owned(),
            ],
            action: "observed".to_owned(),
            count: 412,
        }],
        rcodes: BTreeMap::new(),
        ..Stats::default()
    }
}

/// A person's screen after a minute.
fn watched() -> State {
    let mut state = State::new("/run/nodens/control".to_owned());
    state.lost = None;
    for second in 1..=60 {
        state.figures.take(stats(second));
    }
    state
}

/// A screen of this size.
fn draw(state: &State, width: u16, height: u16, look: Look) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let drawn = terminal.draw(|frame| {
        view::show(frame, state, look);
    });
    drawn.unwrap();
    terminal
}

/// Its characters.
fn characters(state: &State, width: u16, height: u16, look: Look) -> String {
    let terminal = draw(state, width, height, look);
    let symbols: Vec<_> = terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect();
    symbols.chunks(usize::from(width)).map(|line| line.concat().trim_end().to_owned() + "\n").collect()
}

/// That a screen is the picture of this name.
#[track_caller]
fn is_picture(name: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/top/tests").join(name).with_extension("txt");
    if std::env::var_os("NODENS_WRITE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == drawn, "{name} is not what it was:\n{drawn}");
}

/// Presses keys one after the other.
fn press(state: &mut State, keys: &str) {
    for letter in keys.chars() {
        let key = match letter {
            '\t' => Key::Tab,
            '\n' => Key::Enter,
            other => Key::Character(other),
        };
        let rows = panes::count(state, state.pane);
        assert!(state.press(key, 10, rows));
    }
}

#[test]
fn every_size_has_its_picture() {
    for (name, width, height) in [("80x24", 80, 24), ("120x40", 120, 40), ("60x20", 60, 20)] {
        is_picture(name, &characters(&watched(), width, height, FULL));
    }
    is_picture("80x24-ascii", &characters(&watched(), 80, 24, PLAIN));
}

#[test]
fn a_pane_alone_shows_whole_sentences() {
    let mut state = watched();
    press(&mut state, "\t\t\t\n");
    assert_eq!(state.pane, Pane::Events);
    is_picture("alone", &characters(&state, 80, 24, FULL));
}

#[test]
fn a_client_is_looked_for_by_namespace() {
    let mut state = watched();
    press(&mut state, "/payments");
    assert!(characters(&state, 80, 24, FULL).contains("client: payments_"));
    press(&mut state, "\n");
    let drawn = characters(&state, 80, 24, FULL);
    assert!(drawn.contains("payments-production/settle") && !drawn.contains("cart-6f9b7c8d4"), "{drawn}");
}

#[test]
fn orders_change_what_is_first() {
    let mut state = watched();
    let first = |state: &State| panes::upstreams(state)[0].address.clone();
    assert_eq!(first(&state), "tls://1.1.1.1:853");
    press(&mut state, "ss");
    assert_eq!(first(&state), "tls://[2606:4700:4700::1111]:853", "failing first");
    press(&mut state, "\ts");
    assert_eq!(panes::names(&state)[0].what, "a-bucket-with-a-long-name.s3.eu-central-1.amazonaws.com.");
    press(&mut state, "\tss");
    assert_eq!(panes::client(panes::clients(&state)[0]), "shop/cart-6f9b7c8d4-x2x9k");
}

#[test]
fn silence_is_shown_and_so_is_a_pause() {
    let mut state = watched();
    state.lost = Some(("/run/nodens/control: No such file or directory (os error 2)".to_owned(), 12));
    let drawn = characters(&state, 80, 24, FULL);
    assert!(drawn.contains("no answer for 12 s") && drawn.contains("No such file"), "{drawn}");
    assert!(drawn.contains("tls://1.1.1.1:853"), "what was known last stays");
    state.lost = None;
    press(&mut state, "p");
    assert!(characters(&state, 80, 24, FULL).contains("paused"));
    let mut fresh = State::new("/nowhere".to_owned());
    fresh.lost = Some(("/nowhere: No such file or directory (os error 2)".to_owned(), 3));
    assert!(characters(&fresh, 80, 24, FULL).contains("/nowhere: No such file"));
    press(&mut state, "?");
    assert!(characters(&state, 80, 24, FULL).contains("Tab, Shift-Tab"));
}

#[test]
fn without_colours_what_matters_is_bold_or_reversed() {
    let terminal = draw(&watched(), 80, 24, PLAIN);
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert!(cells.iter().all(|cell| cell.symbol().bytes().all(|byte| (b' '..=b'~').contains(&byte))));
    let reversed: String =
        cells.iter().filter(|cell| cell.modifier.contains(Modifier::REVERSED)).map(|cell| cell.symbol()).collect();
    assert!(reversed.contains("down 5s") && reversed.contains("burst 97"), "{reversed}");
}

#[test]
fn the_environment_says_what_a_terminal_can() {
    let look = |pairs: &[(&str, &str)]| {
        Look::of(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    };
    assert_eq!(look(&[("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")]), FULL);
    assert_eq!(look(&[("TERM", "xterm"), ("LANG", "C.utf8"), ("LC_ALL", "C")]), Look { has_unicode: false, ..FULL });
    assert_eq!(
        look(&[("TERM", "linux"), ("LC_CTYPE", "C.UTF-8"), ("NO_COLOR", "1")]),
        Look { has_colour: false, ..FULL }
    );
    for terminal in ["dumb", "vt100", "vt220"] {
        assert_eq!(look(&[("TERM", terminal), ("LANG", "C.UTF-8")]), PLAIN);
    }
    assert_eq!(look(&[]), PLAIN);
}

#[test]
fn numbers_are_written_as_people_read_them() {
    assert_eq!([0, 999, 1000, 1_234_567].map(text::number), ["0", "999", "1,000", "1,234,567"]);
    assert_eq!(
        [0.0, 0.01, 7.25, 12.6, 99_999.4, 123_456.0, 12_345_678.0, f64::NAN, -1.0].map(text::rate),
        ["0", "<0.1", "7.2", "13", "99,999", "123k", "12M", "-", "-"]
    );
    assert_eq!([0.0, 0.5, 0.9994, 0.999_99, 1.0].map(text::percent), ["0.0%", "50.0%", "99.9%", "99.9%", "100%"]);
    assert_eq!(
        [0.000_012, 0.001_234, 0.0123, 0.123, 1.23].map(|seconds| text::duration(seconds, "us")),
        ["12 us", "1.23 ms", "12.3 ms", "123 ms", "1.2 s"]
    );
    assert_eq!([59, 3_661, 270_000].map(text::age), ["00:00:59", "01:01:01", "3d 03:00"]);
    assert_eq!(text::safe("a\u{1b}[2J\u{202e}\\009\n"), "a\\027[2J\\226\\128\\174\\009\\010");
    assert_eq!(text::cut("abcdef", 4, "~"), "abc~");
    assert_eq!(text::cut("abcdef", 0, "~"), "");
    assert_eq!(
        (0..8).map(|width| text::cut_within("abcdefg", width, "~")).collect::<Vec<_>>(),
        ["", "~", "a~", "a~g", "ab~g", "ab~fg", "abc~fg", "abcdefg"]
    );
    assert_eq!([9_999, 888 << 10, 7_710_000, 123 << 20].map(text::bytes), ["9,999 B", "888 KiB", "7.4 MiB", "123 MiB"]);
}

proptest! {
    #[test]
    fn no_control_character_of_a_stranger_reaches_the_terminal(
        words in prop::collection::vec("(\\PC|\\p{Cc}|\u{1b}\\[2J|\u{202e}){0,40}", 12),
        width in 1..140_u16,
        height in 1..60_u16,
        alone in any::<bool>(),
    ) {
        let mut state = watched();
        let mut stats = stats(61);
        let word = |at: usize| words[at].clone();
        stats.version = word(0);
        (stats.upstreams[0].address, stats.upstreams[0].group, stats.upstreams[0].state) = (word(1), word(2), word(3));
        (stats.top_names[0].what, stats.top_clients[0].what) = (word(4), word(5));
        (stats.top_clients[0].namespace, stats.top_clients[0].pod) = (Some(word(6)), Some(word(7)));
        let found = &mut stats.detections[0];
        (found.rule, found.domain, found.action, found.reasons) = (word(8), word(9), word(10), vec![word(11)]);
        (found.client, found.pod) = (word(5), Some(word(7)));
        state.figures.take(stats);
        state.lost = Some((word(0), 1));
        if alone {
            press(&mut state, "\t\t\t\n");
        }
        for symbol in draw(&state, width, height, PLAIN).backend().buffer().content().iter().map(|cell| cell.symbol()) {
            prop_assert!(symbol.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{symbol:?}");
        }
    }
}
