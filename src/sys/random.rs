//! The only chance: what must not be foreseen, and what must not be in step with other nodes.
//!
//! Choices that a test repeats take their source as an argument; whoever drives them takes it from here.

#[cfg(not(test))]
pub use rand::rng;
#[cfg(test)]
pub(crate) use tests::{rng, sow};

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use rand::rngs::StdRng;
    use rand::{Rng as _, RngExt as _, SeedableRng as _, TryRng};

    thread_local! {
        /// What this thread's choices follow from, where a test has said so.
        static SOWN: RefCell<Option<StdRng>> = const { RefCell::new(None) };
    }

    /// This thread's choices: by the seed, or as everywhere else without one.
    pub(crate) struct Choices;

    /// The source of all choices.
    pub(crate) fn rng() -> Choices {
        Choices
    }

    /// Lets all choices of this thread follow from `seed`, until the next.
    pub(crate) fn sow(seed: u64) {
        SOWN.set(Some(StdRng::seed_from_u64(seed)));
    }

    impl TryRng for Choices {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(SOWN.with_borrow_mut(|sown| sown.as_mut().map_or_else(|| rand::rng().next_u32(), StdRng::next_u32)))
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(SOWN.with_borrow_mut(|sown| sown.as_mut().map_or_else(|| rand::rng().next_u64(), StdRng::next_u64)))
        }

        fn try_fill_bytes(&mut self, room: &mut [u8]) -> Result<(), Infallible> {
            SOWN.with_borrow_mut(|sown| match sown {
                Some(sown) => sown.fill_bytes(room),
                None => rand::rng().fill_bytes(room),
            });
            Ok(())
        }
    }

    #[test]
    fn choices_follow_from_a_seed_where_there_is_one() {
        let five = || -> [u64; 5] { rng().random() };
        let unsown = five();
        assert_ne!(unsown, five());
        sow(7);
        let sown = five();
        sow(7);
        assert_eq!(sown, five());
        assert_ne!(sown, five());
    }
}
