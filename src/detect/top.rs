//! Which names are asked most and which clients ask most, in memory that does not grow (Space-Saving, by Metwally and others).
//!
//! So many places; who is not there takes that of the one with the least, with its count, which is then the most that the new one may
//! really have less. Whatever was asked more often than one in so many is there. Counts fade: half of them in a minute.

use super::table::cut;

/// Places of a sketch.
const PLACES: usize = 128;

/// Longest thing counted: a name.
const LONGEST: usize = 255;

/// Seconds between two times of fading.
const STEP: u32 = 5;

/// Part that is left after each: half in a minute.
const LEFT: f32 = 0.943_874_3;

/// What was counted, for whoever shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Top {
    /// A name, or an address.
    pub what: String,
    /// Queries a second over the last minute or so.
    pub queries_per_second: f64,
    /// Part of all queries, from 0 to 1.
    pub share: f64,
    /// How much of the number may be others'.
    pub uncertainty: f64,
}

/// One place.
#[derive(Clone, Debug)]
struct Place {
    /// Hash of what is counted, cut short.
    hash: u32,
    /// Its count, fading.
    count: f32,
    /// What of it may be others'.
    error: f32,
    /// Bytes used.
    length: u8,
    /// What is counted.
    bytes: [u8; LONGEST],
}

/// The places.
#[derive(Debug)]
pub(super) struct Sketch {
    /// At most [`PLACES`].
    places: Vec<Place>,
    /// All counts, fading.
    total: f32,
    /// When they faded last, in seconds.
    faded: u32,
    /// When something was counted or asked for first: a daemon's time does not begin at 0.
    begun: Option<u32>,
}

impl Sketch {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { places: Vec::with_capacity(PLACES), total: 0.0, faded: 0, begun: None }
    }

    /// Counts `weight` of `what`, whose hash is given.
    pub(super) fn add(&mut self, hash: u64, what: &[u8], weight: u32, now: u32) {
        self.fade(now);
        let (hash, weight) = (cut(hash), weight as f32);
        self.total += weight;
        if let Some(place) = self.places.iter_mut().find(|place| place.hash == hash) {
            place.count += weight;
            return;
        }
        let length = what.len().min(LONGEST);
        let mut bytes = [0; LONGEST];
        bytes[..length].copy_from_slice(&what[..length]);
        let mut place =
            Place { hash, count: weight, error: 0.0, length: u8::try_from(length).unwrap_or(u8::MAX), bytes };
        if self.places.len() < PLACES {
            self.places.push(place);
        } else if let Some(least) = self.places.iter_mut().min_by(|a, b| a.count.total_cmp(&b.count)) {
            (place.count, place.error) = (least.count + weight, least.count);
            *least = place;
        }
    }

    /// Lets counts fade.
    fn fade(&mut self, now: u32) {
        if self.begun.is_none() {
            (self.begun, self.faded) = (Some(now), now);
        }
        let steps = now.saturating_sub(self.faded) / STEP;
        if steps > 0 {
            let left = LEFT.powi(i32::try_from(steps.min(1_000)).unwrap_or(0));
            self.total *= left;
            for place in &mut self.places {
                place.count *= left;
                place.error *= left;
            }
            self.faded += steps * STEP;
        }
    }

    /// The first `most`, as `write` writes them.
    pub(super) fn top(&mut self, most: usize, now: u32, write: impl Fn(&[u8]) -> String) -> Vec<Top> {
        self.fade(now);
        // Until all has faded that could have come, less time has passed than a steady count stands for.
        let age = now.saturating_sub(self.begun.unwrap_or(now)).max(1) as f32;
        let span = STEP as f32 / (1.0 - LEFT) * (1.0 - LEFT.powf(age / STEP as f32));
        let mut sorted: Vec<&Place> = self.places.iter().filter(|place| place.count - place.error >= 0.5).collect();
        sorted.sort_by(|a, b| (b.count - b.error).total_cmp(&(a.count - a.error)));
        let shown = sorted.into_iter().take(most).map(|place| Top {
            what: write(&place.bytes[..usize::from(place.length)]),
            queries_per_second: f64::from(place.count / span.max(1.0)),
            share: f64::from(place.count / self.total.max(place.count)),
            uncertainty: f64::from(place.error / place.count.max(1.0)),
        });
        shown.collect()
    }

    /// Bytes that it takes.
    pub(super) const fn bytes() -> usize {
        PLACES * size_of::<Place>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name's hash in these tests.
    fn hash(number: u32) -> u64 {
        u64::from(number.wrapping_mul(0x9E37_79B1))
    }

    #[test]
    fn what_is_asked_most_is_found_among_a_hundred_thousand() {
        let mut sketch = Sketch::new();
        for turn in 0..100_000_u32 {
            sketch.add(hash(turn), &turn.to_be_bytes(), 1, 0);
            if turn % 20 == 0 {
                sketch.add(1, b"often", 1, 0);
            }
            if turn % 50 == 0 {
                sketch.add(2, b"less", 1, 0);
            }
        }
        let top = sketch.top(2, 1, |bytes| String::from_utf8_lossy(bytes).into_owned());
        assert_eq!([top[0].what.as_str(), top[1].what.as_str()], ["often", "less"]);
        assert!((top[0].share - 0.0467).abs() < 0.01, "{top:?}");
        assert!(sketch.places.len() == PLACES && sketch.places.capacity() == PLACES);
    }

    #[test]
    fn a_rate_is_right_from_the_first_seconds_on_whenever_they_are() {
        let mut sketch = Sketch::new();
        for second in 0..8 {
            sketch.add(7, b"steady", 100, 2_600_000 + second);
        }
        let rate = sketch.top(1, 2_600_008, |_| String::new())[0].queries_per_second;
        assert!((rate - 100.0).abs() < 10.0, "{rate}");
    }

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let mut sketch = Sketch::new();
        for second in 0..600 {
            sketch.add(7, b"steady", 100, second);
        }
        let rate = sketch.top(1, 600, |_| String::new())[0].queries_per_second;
        assert!((rate - 100.0).abs() < 10.0, "{rate}");
        assert!(sketch.top(1, 1_800, |_| String::new()).is_empty(), "what nobody asks any more is gone");
    }
}
