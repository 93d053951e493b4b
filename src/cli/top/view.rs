//! All that is known and chosen, as a picture of whatever size.
//!
//! From top to bottom: one line about the daemon, two curves with the percentiles beside them, servers, names and clients, what has happened,
//! and one line about keys. Where there is little room, names and clients take turns, then the curves go.

use std::time::Duration;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Sparkline, Widget as _};

use super::figures::{Happening, Note};
use super::look::Look;
use super::panes;
use super::state::{Pane, State};
use super::table::{Cell, Column, draw, put};
use super::text::{age, bytes, clock, cut, duration, number, percent, rate, safe, whole};
use crate::control::admin::protocol::{Server, Stats, Top};

/// The narrowest picture in which names and clients stand side by side.
const SIDE_BY_SIDE: u16 = 72;

/// The lowest picture with curves.
const WITH_CURVES: u16 = 16;

/// Lines of the curves, with their title.
const CURVE_LINES: u16 = 4;

/// Columns of the percentiles.
const FIGURES_WIDTH: u16 = 26;

/// Lines that something may take that has happened, where it is shown alone: the longest reasons have four at 80 columns.
const MOST_LINES: u16 = 8;

/// What is shown of a server.
const SERVER_COLUMNS: [Column; 9] = [
    Column { title: "server", width: 18, is_number: false, keeps_end: true, rank: 0 },
    Column { title: "group", width: 11, is_number: false, keeps_end: false, rank: 7 },
    Column { title: "state", width: 9, is_number: false, keeps_end: false, rank: 0 },
    Column { title: "latency", width: 8, is_number: true, keeps_end: false, rank: 1 },
    Column { title: "95 of 100", width: 9, is_number: true, keeps_end: false, rank: 8 },
    Column { title: "asked/s", width: 7, is_number: true, keeps_end: false, rank: 2 },
    Column { title: "conns", width: 5, is_number: true, keeps_end: false, rank: 5 },
    Column { title: "reuse", width: 5, is_number: true, keeps_end: false, rank: 6 },
    Column { title: "fails/s", width: 7, is_number: true, keeps_end: false, rank: 3 },
];

/// What is shown of a domain.
const NAME_COLUMNS: [Column; 3] = [
    Column { title: "domain", width: 20, is_number: false, keeps_end: true, rank: 0 },
    Column { title: "asked/s", width: 7, is_number: true, keeps_end: false, rank: 0 },
    Column { title: "share", width: 6, is_number: true, keeps_end: false, rank: 1 },
];

/// What is shown of a client.
const CLIENT_COLUMNS: [Column; 4] = [
    Column { title: "client", width: 20, is_number: false, keeps_end: false, rank: 0 },
    Column { title: "address", width: 15, is_number: false, keeps_end: false, rank: 2 },
    Column { title: "asks/s", width: 7, is_number: true, keeps_end: false, rank: 0 },
    Column { title: "share", width: 6, is_number: true, keeps_end: false, rank: 1 },
];

/// The keys, as the last line tells them.
const KEYS: &str = " q quit  Tab pane  Enter alone  s order  / client  p pause  ? help";

/// What help says.
const HELP: &[&str] = &[
    "q, Ctrl-C       quit",
    "Tab, Shift-Tab  next pane, the pane before; its title is marked",
    "Enter           that pane alone, and back",
    "up, down, PgUp, PgDn  scroll it",
    "s               its order",
    "/               only clients with this text in address, namespace or pod; Escape: all",
    "p               pause: the picture stands still",
    "",
    "Hit rate: of what memory or a server answered, the part from memory; expired answers and",
    "denials are hits. Latency, rates of servers and reuse: the last ten looks. Names and",
    "clients: the last minute, estimated. reuse: queries that found a connection open.",
];

/// Draws everything; the rows that the chosen pane has room for.
pub(super) fn show(frame: &mut Frame<'_>, state: &State, look: Look) -> usize {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.height < 3 || area.width < 20 {
        put(buffer, area, 0, 0, "too small", Style::new());
        return 1;
    }
    let mut page = 1;
    let line = |y| Rect { x: area.x, y: area.y + y, width: area.width, height: 1 };
    head(buffer, line(0), state, look);
    foot(buffer, line(area.height - 1), state, look);
    let mut rest = Rect { y: area.y + 1, height: area.height - 2, ..area };
    if state.has_help {
        for (y, text) in (0..).zip(HELP) {
            put(buffer, rest, 1, y, &cut(text, usize::from(rest.width) - 1, look.mark()), Style::new());
        }
        return page;
    }
    let Some(stats) = state.figures.last() else {
        let text = state.lost.as_ref().map_or("no answer yet", |(why, _)| why);
        put(buffer, rest, 1, 1, &safe(text), Style::new());
        return page;
    };
    if area.height >= WITH_CURVES {
        curves(buffer, take(&mut rest, CURVE_LINES), state, stats, look);
    }
    for (pane, area) in places(rest, state) {
        let room = usize::from(area.height.saturating_sub(2));
        if pane == state.pane {
            page = room.max(1);
        }
        list(buffer, area, state, pane, look);
    }
    page
}

/// Cuts lines off the top.
fn take(rest: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(rest.height);
    let top = Rect { height: lines, ..*rest };
    (rest.y, rest.height) = (rest.y + lines, rest.height - lines);
    top
}

/// Which panes there is room for, and where.
fn places(mut rest: Rect, state: &State) -> Vec<(Pane, Rect)> {
    if state.is_alone {
        return vec![(state.pane, rest)];
    }
    // As many lines as it needs, a third of all at most; a title and a head above the rows.
    let servers = u16::try_from(panes::upstreams(state).len()).unwrap_or(u16::MAX);
    let lines = servers.max(1).saturating_add(2).min((rest.height / 3).max(3));
    let upstreams = take(&mut rest, lines);
    let lines = (rest.height * 3 / 5).max(3);
    let middle = take(&mut rest, lines);
    let mut places = vec![(Pane::Upstreams, upstreams)];
    if rest.width >= SIDE_BY_SIDE {
        // Pods have longer names than domains.
        let left = Rect { width: middle.width * 2 / 5, ..middle };
        let right = Rect { x: left.x + left.width + 1, width: middle.width - left.width - 1, ..middle };
        places.extend([(Pane::Names, left), (Pane::Clients, right)]);
    } else {
        places.push((if state.pane == Pane::Names { Pane::Names } else { Pane::Clients }, middle));
    }
    places.push((Pane::Events, rest));
    places
}

/// The line about the daemon.
fn head(buffer: &mut Buffer, area: Rect, state: &State, look: Look) {
    let width = usize::from(area.width);
    let (left, time) = match state.figures.last() {
        None => (format!(" nodens at {}", safe(&state.socket)), String::new()),
        Some(stats) => (
            format!(" nodens {}  up {}  {}", safe(&stats.version), age(stats.uptime_seconds), safe(&state.socket)),
            clock(Duration::try_from_secs_f64(stats.time).unwrap_or_default()) + " UTC ",
        ),
    };
    let (right, style) = match &state.lost {
        Some((_, seconds)) if state.figures.last().is_some() => (format!("no answer for {seconds} s "), look.bad()),
        _ if state.is_paused => ("paused ".to_owned(), look.odd()),
        _ => (time, Style::new()),
    };
    put(buffer, area, 0, 0, &cut(&left, width.saturating_sub(right.len() + 1), look.mark()), look.strong());
    put(buffer, area, width.saturating_sub(right.len()), 0, &right, style);
}

/// The line about keys, or what is being typed, or why there is no answer.
fn foot(buffer: &mut Buffer, area: Rect, state: &State, look: Look) {
    let width = usize::from(area.width);
    let (text, style) = match &state.lost {
        _ if state.is_typing => (format!(" client: {}_", state.filter), look.strong()),
        Some((why, _)) if state.figures.last().is_some() => (format!(" {}", safe(why)), look.bad()),
        _ if state.has_help => (" any key: back".to_owned(), look.aside()),
        _ => (KEYS.to_owned(), look.aside()),
    };
    put(buffer, area, 0, 0, &cut(&text, width, look.mark()), style);
}

/// A pane's title in a line across.
fn title(buffer: &mut Buffer, area: Rect, words: &str, style: Style, look: Look) {
    put(buffer, area, 0, 0, &look.line().repeat(usize::from(area.width)), look.aside());
    put(buffer, area, 1, 0, &cut(&format!(" {words} "), usize::from(area.width).saturating_sub(2), look.mark()), style);
}

/// The first of these forms of a title that fits above an area, or the last.
fn fitting(forms: &[String], area: Rect) -> &str {
    let fits = |form: &&String| form.len() + 4 <= usize::from(area.width);
    forms.iter().find(fits).or_else(|| forms.last()).map_or("", String::as_str)
}

//------ Curves ----------------------------------------------------------------------------------------------------------

/// Queries a second and hit rate, and how long answers take.
fn curves(buffer: &mut Buffer, area: Rect, state: &State, stats: &Stats, look: Look) {
    let curves = area.width.saturating_sub(FIGURES_WIDTH + 2);
    let left = Rect { width: curves / 2, ..area };
    let middle = Rect { x: left.x + left.width + 1, width: curves - left.width, ..area };
    let right = Rect { x: middle.x + middle.width + 1, width: area.width - curves - 2, ..area };
    let now = state.figures.now();
    let points = |area: Rect| state.figures.points(usize::from(area.width));

    let rates: Vec<u64> = points(left).map(|point| whole(point.rate)).collect();
    let highest = rates.iter().copied().max().unwrap_or_default().max(1);
    let words = now.map_or_else(none, |point| rate(point.rate));
    let most = rate(highest as f64);
    let forms = [format!("queries/s {words}, most {most}"), format!("queries/s {words}"), format!("{words}/s")];
    title(buffer, left, fitting(&forms, left), look.strong(), look);
    curve(buffer, left, &rates, highest, look.curve(), look);

    let hits: Vec<u64> = points(middle).map(|point| whole(point.hits.unwrap_or_default() * 1000.0)).collect();
    let words = now.and_then(|point| point.hits).map_or_else(none, percent);
    title(
        buffer,
        middle,
        fitting(&[format!("hit rate {words}"), format!("hits {words}")], middle),
        look.strong(),
        look,
    );
    curve(buffer, middle, &hits, 1000, look.good(), look);

    let percentiles = state.figures.percentiles();
    let of = |value: Option<f64>| value.map_or_else(none, |seconds| duration(seconds, "\u{1}"));
    title(buffer, right, "latency", look.strong(), look);
    let cache = stats.cache.bytes.iter().sum();
    let lines = [
        [("p50", of(percentiles.half)), ("waiting", number(stats.waiting))],
        [("p90", of(percentiles.nine_of_ten)), ("shed/s", rate(state.figures.rate(|stats| stats.shed)))],
        [("p99", of(percentiles.most)), ("kept", bytes(cache))],
    ];
    for (y, pair) in (1..).zip(lines) {
        for (x, (name, value)) in [(0, 13), (14, 12)].into_iter().zip(pair) {
            let (x, width) = x;
            let value = value.replace('\u{1}', look.micro());
            put(buffer, right, x, y, name, look.aside());
            put(buffer, right, x + width - value.chars().count().min(width), y, &value, Style::new());
        }
    }
}

/// A curve below its title, the newest at the right.
fn curve(buffer: &mut Buffer, area: Rect, values: &[u64], highest: u64, style: Style, look: Look) {
    let width = u16::try_from(values.len()).unwrap_or(u16::MAX).min(area.width);
    let area = Rect { x: area.x + area.width - width, y: area.y + 1, width, height: area.height.saturating_sub(1) };
    Sparkline::default().data(values).max(highest).bar_set(look.bars()).style(style).render(area, buffer);
}

//------ Lists -----------------------------------------------------------------------------------------------------------

/// A pane: its title and its rows.
fn list(buffer: &mut Buffer, area: Rect, state: &State, pane: Pane, look: Look) {
    let all = panes::count(state, pane);
    let name = match pane {
        Pane::Upstreams => "servers",
        Pane::Names => "domains",
        Pane::Clients => "clients",
        Pane::Events => "detected and blocked",
    };
    let mut more = String::new();
    if !state.filter.is_empty() && matches!(pane, Pane::Clients | Pane::Events) {
        more.push_str(&format!(", with \"{}\"", state.filter));
    }
    // Events have no heads of columns.
    let heads = if pane == Pane::Events { 1 } else { 2 };
    let room = usize::from(area.height).saturating_sub(heads);
    let from = state.scrolled(pane, all, room);
    if all > room {
        more.push_str(&format!(", {}-{} of {all}", (from + 1).min(all), (from + room).min(all)));
    }
    let forms = [format!("{name}, {}{more}", state.order(pane).name(pane)), format!("{name}{more}")];
    let style = if pane == state.pane { look.chosen() } else { look.strong() };
    title(buffer, area, fitting(&forms, area), style, look);
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if all == 0 {
        let none = match pane {
            Pane::Upstreams => "no servers are configured",
            Pane::Clients if !state.filter.is_empty() => "no such client among those that ask most",
            Pane::Names | Pane::Clients => "nothing was asked lately",
            Pane::Events => "nothing",
        };
        return put(buffer, rows, 1, 0, none, look.aside());
    }
    let mark = look.mark();
    match pane {
        Pane::Upstreams => {
            let cells: Vec<_> =
                panes::upstreams(state).iter().skip(from).take(room).map(|it| server(it, state, look)).collect();
            draw(buffer, rows, &SERVER_COLUMNS, &cells, mark);
        }
        Pane::Names => {
            let cells: Vec<_> = panes::names(state).iter().skip(from).take(room).map(|it| domain(it)).collect();
            draw(buffer, rows, &NAME_COLUMNS, &cells, mark);
        }
        Pane::Clients => {
            let cells: Vec<_> = panes::clients(state).iter().skip(from).take(room).map(|it| client(it)).collect();
            draw(buffer, rows, &CLIENT_COLUMNS, &cells, mark);
        }
        Pane::Events => {
            let mut y = 0;
            for note in panes::events(state).iter().skip(from) {
                if y >= rows.height {
                    break;
                }
                // Alone there is room for whole sentences.
                y += event(buffer, rows, y, note, if state.is_alone { MOST_LINES } else { 1 }, look);
            }
        }
    }
}

/// What stands where there is no value.
fn none() -> String {
    "-".to_owned()
}

/// A server's row.
fn server(server: &Server, state: &State, look: Look) -> Vec<Cell> {
    let plain = |words: String| (words, Style::new());
    let milliseconds = |time: Option<f64>| plain(time.map_or_else(none, |time| format!("{time:.1} ms")));
    let (asked, failed, reuse) = state.figures.server(server);
    let (condition, style) = match (server.state.as_str(), server.retry_in_ms) {
        ("up", _) => ("up".to_owned(), look.good()),
        (other, Some(retry @ 1000..)) => (format!("{other} {}s", retry.div_ceil(1000)), look.bad()),
        ("down", _) => ("down".to_owned(), look.bad()),
        (other, _) => (other.to_owned(), look.odd()),
    };
    vec![
        plain(server.address.clone()),
        plain(server.group.clone()),
        (condition, style),
        milliseconds(server.latency_ms),
        milliseconds(server.latency_95_ms),
        plain(rate(asked)),
        plain(number(server.connections)),
        plain(reuse.map_or_else(none, |part| format!("{:.0}%", part * 100.0))),
        (rate(failed), if failed > 0.0 { look.odd() } else { Style::new() }),
    ]
}

/// A domain's row.
fn domain(top: &Top) -> Vec<Cell> {
    [top.what.clone(), rate(top.queries_per_second), percent(top.share)].map(|words| (words, Style::new())).to_vec()
}

/// A client's row.
fn client(top: &Top) -> Vec<Cell> {
    let address = if top.pod.is_some() { top.what.clone() } else { String::new() };
    let cells = [panes::client(top), address, rate(top.queries_per_second), percent(top.share)];
    cells.map(|words| (words, Style::new())).to_vec()
}

/// Something that has happened, in so many lines at most; the lines that it took.
fn event(buffer: &mut Buffer, area: Rect, y: u16, note: &Note, lines: u16, look: Look) -> u16 {
    let (head, style, words) = match &note.what {
        Happening::Withheld(count, what, first) => {
            let seconds = note.at.saturating_sub(*first).as_secs();
            let span = if seconds > 0 { format!(" in {} s", seconds + 1) } else { String::new() };
            ("blocked".to_owned(), look.odd(), format!("{} {what}{span}", number(*count)))
        }
        Happening::Detected(found) => {
            let times = if found.count > 1 { format!(" {} times", number(found.count)) } else { String::new() };
            let head = format!("{} {}", found.rule, found.score);
            let text =
                format!("{} {} {}{times}: {}", panes::who(found), found.domain, found.action, found.reasons.join("; "));
            (head, look.bad(), text)
        }
    };
    let (head, words) = (safe(&head), safe(&words));
    put(buffer, area, 1, y, &clock(note.at), look.aside());
    put(buffer, area, 10, y, &head, style);
    let x = 10 + head.len().max(7) + 1;
    let width = usize::from(area.width).saturating_sub(x);
    let mut rest = words.as_str();
    for line in 0..lines {
        // Between two words where there are some, and never within a character: they are all ASCII.
        let end = match rest.get(..width) {
            Some(fitting) if line + 1 < lines && rest.len() > width => {
                fitting.rfind(' ').filter(|at| *at > 0).unwrap_or(width)
            }
            _ => rest.len(),
        };
        let (now, later) = rest.split_at(end);
        put(buffer, area, x, y + line, &cut(now, width, look.mark()), Style::new());
        rest = later.trim_start();
        if rest.is_empty() {
            return line + 1;
        }
    }
    lines
}
