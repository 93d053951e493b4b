//! Columns that fit: where there is little room, those that matter least are left out.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::text::{cut, cut_within, safe};

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    /// How wide it is; the first takes what is left and is this wide at least.
    pub(super) width: usize,
    /// Whether it is a number.
    pub(super) is_number: bool,
    /// Whether what does not fit is missing in the middle, not at the end.
    pub(super) keeps_end: bool,
    /// When it is left out: the highest goes first, 0 never.
    pub(super) rank: u8,
}

/// A cell, and how it looks.
pub(super) type Cell = (String, Style);

/// Which columns there is room for.
pub(super) fn fitting(columns: &[Column], room: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..columns.len()).collect();
    let needed = |chosen: &[usize]| chosen.iter().map(|&at| columns[at].width + 1).sum::<usize>().saturating_sub(1);
    while needed(&chosen) > room {
        let Some(worst) = (0..chosen.len()).max_by_key(|&at| columns[chosen[at]].rank) else { break };
        if columns[chosen[worst]].rank == 0 {
            break;
        }
        chosen.remove(worst);
    }
    chosen
}

/// Draws a head and as many rows as there is room for.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, columns: &[Column], rows: &[Vec<Cell>], mark: &str) {
    let room = usize::from(area.width);
    let chosen = fitting(columns, room);
    let others: usize = chosen.iter().skip(1).map(|&at| columns[at].width + 1).sum();
    let first = room.saturating_sub(others);
    let mut line = |at: u16, cell: &dyn Fn(usize) -> Cell| {
        let mut x = 0;
        for (place, &column) in chosen.iter().enumerate() {
            let width = if place == 0 { first } else { columns[column].width };
            let (words, style) = cell(column);
            let shorten = if columns[column].keeps_end { cut_within } else { cut };
            let words = shorten(&safe(&words), width, mark);
            // One column a character: what is not ASCII is a mark or a unit of ours, and as wide as it looks.
            let length = words.chars().count();
            let indent = if columns[column].is_number { width.saturating_sub(length) } else { 0 };
            put(buffer, area, x + indent, at, &words, style);
            x += width + 1;
        }
    };
    if area.height > 0 {
        line(0, &|column| (columns[column].title.to_owned(), Style::new().add_modifier(Modifier::BOLD)));
    }
    for (at, row) in (1..area.height).zip(rows) {
        line(at, &|column| row[column].clone());
    }
}

/// Writes words that are fit for it, as far as there is room.
pub(super) fn put(buffer: &mut Buffer, area: Rect, x: usize, y: u16, words: &str, style: Style) {
    let room = usize::from(area.width).saturating_sub(x);
    let Ok(x) = u16::try_from(x) else { return };
    if y < area.height && room > 0 {
        buffer.set_stringn(area.x + x, area.y + y, words, room, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_is_left_out_first() {
        let column = |width, rank| Column { title: "", width, is_number: true, keeps_end: false, rank };
        let columns = [column(10, 0), column(5, 1), column(5, 3), column(5, 2)];
        assert_eq!(fitting(&columns, 28), [0, 1, 2, 3]);
        assert_eq!(fitting(&columns, 27), [0, 1, 3]);
        assert_eq!(fitting(&columns, 21), [0, 1]);
        assert_eq!(fitting(&columns, 3), [0]);
    }
}
