//! What is wrong and what differs, collected while a Corefile is read.

use std::time::Duration;

use super::words;
use crate::corefile::plugins::Effect;
use crate::corefile::{Directive, Mistake, Notice, Place};

/// Most mistakes and notices that are told; a file with more is not a Corefile.
const MOST: usize = 1_000;

/// Mistakes and notices.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What is wrong.
    pub(super) mistakes: Vec<Mistake>,
    /// What differs.
    pub(super) notices: Vec<Notice>,
}

impl Report {
    /// Notes a mistake.
    pub(super) fn mistake(&mut self, place: &Place, subject: &str, wrong: impl Into<String>, right: impl Into<String>) {
        if self.mistakes.len() < MOST {
            let (wrong, right) = (wrong.into(), right.into());
            self.mistakes.push(Mistake { place: place.clone(), subject: subject.to_owned(), wrong, right });
        }
    }

    /// Notes what differs. The same is said once of a line.
    pub(super) fn notice(
        &mut self,
        place: &Place,
        subject: &str,
        differs: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let (differs, instead) = (differs.into(), instead.into());
        let notice = Notice { place: place.clone(), subject: subject.to_owned(), differs, instead };
        if self.notices.len() < MOST && !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Notes what becomes of a plugin or option in any case. Whether it is to be read at all.
    pub(super) fn effect(&mut self, place: &Place, subject: &str, effect: Effect) -> bool {
        match effect {
            Effect::Becomes(_) | Effect::Always(_) => true,
            Effect::Differs(differs, instead) => {
                self.notice(place, subject, differs, instead);
                true
            }
            Effect::Refused(wrong, right) => {
                self.mistake(place, subject, wrong, right);
                false
            }
        }
    }

    /// The word at a position as a duration.
    pub(super) fn duration(&mut self, line: &Directive, subject: &str, position: usize) -> Option<Duration> {
        let text = line.arguments.get(position)?;
        let duration = words::duration(text);
        if duration.is_none() {
            let right = "write a number with ms, s, m or h, such as \"30s\"";
            self.mistake(&line.place, subject, format!("{text:?} is no duration"), right);
        }
        duration
    }

    /// The word at a position as a whole number of at least `least`.
    pub(super) fn number(&mut self, line: &Directive, subject: &str, position: usize, least: u64) -> Option<u64> {
        let text = line.arguments.get(position)?;
        // As far as CoreDNS counts on 64 bits.
        let number = text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
        let number = number.filter(|number| *number >= least);
        if number.is_none() {
            let right = format!("write a whole number from {least} on");
            self.mistake(&line.place, subject, format!("{text:?} does not fit"), right);
        }
        number
    }

    /// A number within the bounds of our option; a notice tells if it had to be moved.
    pub(super) fn bounded<T: PartialOrd + Copy>(
        &mut self,
        line: &Directive,
        subject: &str,
        value: T,
        bounds: (T, T),
        print: impl Fn(T) -> String,
    ) -> T {
        let (least, most) = bounds;
        let moved = if value < least {
            least
        } else if value > most {
            most
        } else {
            return value;
        };
        let differs = format!("{} is outside of what is possible here", print(value));
        self.notice(&line.place, subject, differs, format!("{} holds", print(moved)));
        moved
    }
}
