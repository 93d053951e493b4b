//! A bound on what is asked more than once, as a share of what is asked at all.
//!
//! A fixed number of tries would multiply the load on servers that fail because of their load. A share cannot.

use std::cell::Cell;

/// A bucket of tokens that fills with each question.
#[derive(Debug)]
pub(super) struct Budget {
    /// Parts of a token that a question adds, in hundredths.
    share: u32,
    /// Hundredths of tokens there are.
    hundredths: Cell<u32>,
    /// Hundredths of tokens there may be.
    most: u32,
}

impl Budget {
    /// A bucket that fills by `share` hundredths of a token a question, up to `most` tokens, and has `first` to begin with.
    pub(super) const fn new(share: u32, most: u32, first: u32) -> Self {
        Self { share, hundredths: Cell::new(first * 100), most: most * 100 }
    }

    /// A question is asked.
    pub(super) fn earn(&self) {
        self.hundredths.set((self.hundredths.get() + self.share).min(self.most));
    }

    /// Takes a token, if there is one.
    pub(super) fn spend(&self) -> bool {
        let rest = self.hundredths.get().checked_sub(100);
        self.hundredths.set(rest.unwrap_or_else(|| self.hundredths.get()));
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spends_no_more_than_its_share() {
        let budget = Budget::new(5, 10, 0);
        let spent = (0..10_000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(spent.count(), 500);
    }

    #[test]
    fn saves_no_more_than_its_most() {
        let budget = Budget::new(10, 3, 3);
        (0..1000).for_each(|_| budget.earn());
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 3);
        assert!(!budget.spend());
    }
}
