//! What the servers know: two zones of names, and a book of all that was said of them.
//!
//! Whatever is said carries the number of its line in the book: addresses in their last four bytes, denials as their SOA's serial. Whoever is
//! told something can look up for which name it was said, when, and for how long.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::sys::clock::{self, Moment};
use crate::wire::header::{HEADER, flag, rcode, rtype};
use crate::wire::{name, put_u16, u16_at};

use super::server::Knowledge;

/// Numbers from here on are in no book: what nobody asked for carries them.
pub(super) const FOREIGN: u32 = 0xF000_0000;

/// The zones: the cluster's, and everybody's.
pub(super) const ZONES: [&str; 2] = ["cluster.local", "example.org"];

/// What there is under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Addresses.
    Address,
    /// So many aliases, then addresses.
    Chain(u16),
    /// The name, without addresses.
    Empty,
    /// Nothing, and nothing below.
    Gone,
    /// Addresses or nothing, in turn.
    Flapping(Duration),
}

/// A name.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// On the wire.
    pub(super) wire: Vec<u8>,
    /// Position of its zone in [`ZONES`].
    pub(super) zone: usize,
    /// What there is.
    pub(super) kind: Kind,
    /// For how many seconds it may be said.
    pub(super) ttl: u32,
}

/// A line of the book.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// Position of the name.
    pub(super) name: usize,
    /// The type asked for.
    pub(super) qtype: u16,
    /// When.
    pub(super) at: Moment,
    /// What: [`Kind::Address`], [`Kind::Empty`] or [`Kind::Gone`].
    pub(super) kind: Kind,
}

/// What the servers know, and what they said.
pub(super) struct Truth {
    /// The names, the most popular first.
    pub(super) names: Vec<Name>,
    /// Where they are, by their bytes.
    positions: HashMap<Vec<u8>, usize>,
    /// How often each name and those before it are asked for, by Zipf's law.
    weights: Vec<f64>,
    /// All that was said.
    book: RefCell<Vec<Said>>,
}

impl Truth {
    /// So many names, every kind and lifetime of them in each zone.
    pub(super) fn new(count: usize) -> Self {
        let names: Vec<_> = (0..count).map(Self::name).collect();
        let positions = names.iter().enumerate().map(|(position, name)| (name.wire.clone(), position)).collect();
        let weights = (1..=count).scan(0.0, |sum, rank| Some((*sum += 1.0 / rank as f64, *sum).1)).collect();
        Self { names, positions, weights, book: RefCell::default() }
    }

    /// The name of a position.
    fn name(position: usize) -> Name {
        let zone = position % 2;
        let turn = position / 2;
        let kind = match turn % 8 {
            3 => Kind::Chain(u16::try_from(1 + turn / 8 % 5).unwrap()),
            4 => Kind::Gone,
            5 => Kind::Empty,
            6 => Kind::Flapping(Duration::from_secs(40 + 10 * (position as u64 % 9))),
            _ => Kind::Address,
        };
        let ttl = [5, 30, 300, 2, 3600, 60, 1][turn % 7];
        let wire = name::parse(&format!("n{position}.{}", ZONES[zone])).unwrap();
        Name { wire, zone, kind, ttl }
    }

    /// A name, popular ones more often than others.
    pub(super) fn any(&self, random: &mut StdRng) -> &Name {
        let point = random.random_range(0.0..self.weights[self.weights.len() - 1]);
        &self.names[self.weights.partition_point(|weight| *weight < point)]
    }

    /// A line of the book.
    pub(super) fn said(&self, number: u32) -> Option<Said> {
        self.book.borrow().get(usize::try_from(number).unwrap()).copied()
    }

    /// The position of a name, or of the one above it, and whether it is the one above.
    pub(super) fn position(&self, wire: &[u8]) -> Option<(usize, bool)> {
        let parent = wire.get(1 + usize::from(*wire.first()?)..)?;
        let find = |wire: &[u8]| self.positions.get(wire).copied();
        find(wire).map(|position| (position, false)).or_else(|| find(parent).map(|position| (position, true)))
    }

    /// What there is under a name now, and the aliases that lead there.
    fn state(&self, position: usize) -> (Kind, u16) {
        match self.names[position].kind {
            Kind::Chain(length) => (Kind::Address, length),
            Kind::Flapping(period) => {
                let turn = clock::now().as_nanos() / u64::try_from(period.as_nanos()).unwrap();
                (if turn.is_multiple_of(2) { Kind::Address } else { Kind::Gone }, 0)
            }
            kind => (kind, 0),
        }
    }

    /// The answer to a query; the book's number in it, and foreign records behind it, if wanted.
    fn compose(&self, query: &[u8], foreign: bool) -> Vec<u8> {
        let (wire, end) = name::expand(query, HEADER).unwrap();
        let qtype = u16_at(query, end).unwrap();
        let mut answer = query[..end + 4].to_vec();
        put_u16(&mut answer, 2, flag::QR | flag::RD | flag::RA);
        answer[4..HEADER].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        let mut counts = [0; 3];
        let Some((position, below)) = self.position(wire.as_bytes()) else {
            put_u16(&mut answer, 2, flag::QR | rcode::REFUSED);
            return answer;
        };
        let Name { zone, ttl, .. } = self.names[position];
        let (mut kind, chain) = self.state(position);
        if below && kind != Kind::Gone {
            kind = Kind::Empty;
        }
        let mut book = self.book.borrow_mut();
        let number = u32::try_from(book.len()).unwrap();
        assert!(number < FOREIGN);
        book.push(Said { name: position, qtype, at: clock::now(), kind });
        if kind == Kind::Address {
            let mut owner = vec![0xC0, 12];
            for step in 0..chain {
                let target = name::parse(&format!("c{step}.n{position}.{}", ZONES[zone])).unwrap();
                record(&mut answer, &owner, rtype::CNAME, ttl, &target);
                counts[0] += 1;
                owner = target;
            }
            record(&mut answer, &owner, qtype, ttl, &address(qtype, number));
            counts[0] += 1;
        } else {
            let apex = name::parse(ZONES[zone]).unwrap();
            let numbers = [number, 3600, 600, 86_400, ttl].map(u32::to_be_bytes).concat();
            record(&mut answer, &apex, rtype::SOA, ttl, &[&apex[..], &apex, &numbers].concat());
            counts[1] += 1;
            if kind == Kind::Gone {
                put_u16(&mut answer, 2, flag::QR | flag::RD | flag::RA | rcode::NXDOMAIN);
            }
        }
        if foreign {
            // Another name of the same zone, and one of the other.
            for other in [&self.names[(position + 2) % self.names.len()], &self.names[position ^ 1]] {
                record(&mut answer, &other.wire, qtype, 3600, &address(qtype, FOREIGN));
                counts[2] += 1;
            }
        }
        // The server knows EDNS.
        answer.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        counts[2] += 1;
        for (section, count) in counts.into_iter().enumerate() {
            put_u16(&mut answer, 6 + 2 * section, count);
        }
        answer
    }
}

/// An address that carries a number.
fn address(qtype: u16, number: u32) -> Vec<u8> {
    let mut address = if qtype == rtype::AAAA { vec![0xfd; 12] } else { Vec::new() };
    address.extend_from_slice(&number.to_be_bytes());
    address
}

/// Appends a record.
fn record(message: &mut Vec<u8>, owner: &[u8], rtype: u16, ttl: u32, data: &[u8]) {
    message.extend_from_slice(owner);
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message.extend_from_slice(&ttl.to_be_bytes());
    message.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
    message.extend_from_slice(data);
}

impl Knowledge for Truth {
    fn answer(&self, _server: usize, query: &[u8], foreign: bool) -> Vec<u8> {
        self.compose(query, foreign)
    }
}
