//! Tunnels: what known programs send, as far as a resolver can see it, and others that nobody has written yet.
//!
//! Formats are those of the programs' sources: iodine 0.7 (protocol 0x502), dnscat2 0.07, dns2tcp 0.5, `DNSExfiltrator`. Names arrive folded, so
//! what is written in base64 loses its case here as it does on the way.

use std::net::IpAddr;

use super::names::{Dice, labels};
use super::world::{Answer, Question};

/// Types by number.
pub(crate) const A: u16 = 1;
/// Alias.
pub(crate) const CNAME: u16 = 5;
/// NULL.
pub(crate) const NULL: u16 = 10;
/// Mail.
pub(crate) const MX: u16 = 15;
/// Text.
pub(crate) const TXT: u16 = 16;
/// Key.
pub(crate) const KEY: u16 = 25;
/// IPv6.
pub(crate) const AAAA: u16 = 28;
/// Service.
pub(crate) const SRV: u16 = 33;
/// iodine's own.
pub(crate) const PRIVATE: u16 = 65_399;

/// Letters of base32.
const BASE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Those of iodine.
const IODINE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz012345";
/// Base64 for names, folded.
const BASE64: &[u8] = b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Consonants and vowels, for words.
const CONSONANTS: &[u8] = b"bcdfghklmnprstvw";

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// iodine by its handshake and data.
    Iodine,
    /// iodine whose handshake was long ago: data alone.
    IodineData,
    /// dnscat2 that waits for commands.
    DnscatIdle,
    /// dnscat2 without encryption that waits for commands.
    DnscatPlain,
    /// dnscat2 that sends a file.
    DnscatBulk,
    /// dns2tcp.
    Dns2tcp,
    /// `DNSExfiltrator`.
    Exfiltrator,
    /// A script: `dig $(chunk in hex).domain`, with the resolver asking for A and AAAA.
    Script,
    /// Short chunks in base32, and an address that is good for a minute.
    Quiet,
    /// A program that is brought in pieces.
    Stager,
    /// Data as words that can be said.
    Words,
}

/// How a session goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The program.
    pub(crate) tool: Tool,
    /// The types it asks for, in turn or by chance.
    pub(crate) types: &'static [u16],
    /// How its data is written, for the table.
    pub(crate) encoding: &'static str,
    /// Milliseconds between questions; what the program itself would take if 0.
    pub(crate) interval_ms: u64,
}

/// One session.
pub(crate) struct Session {
    /// How it goes.
    plan: Plan,
    /// Chance.
    dice: Dice,
    /// Who it is.
    client: IpAddr,
    /// The domain at the other end.
    domain: String,
    /// Questions so far.
    turn: u64,
    /// A number that the program counts.
    counter: u64,
    /// The session's identifier.
    id: String,
}

impl Session {
    /// One that begins.
    pub(crate) fn new(plan: Plan, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let ends = ["com", "net", "org", "io", "co.uk", "xyz", "test"];
        let end = ends[usize::try_from(dice.below(7)).unwrap()];
        let inner = if dice.percent(50) { "t." } else { "" };
        let domain = format!("{inner}{}{}{}.{end}", dice.word(), dice.word(), seed % 1_000);
        let client = IpAddr::from((0x0AF4_0000 + u32::try_from(seed % 60_000).unwrap()).to_be_bytes());
        let (counter, id) = (dice.below(60_000), dice.hex(4));
        Self { plan, dice, client, domain, turn: 0, counter, id }
    }

    /// The next question, and milliseconds until the one after.
    pub(crate) fn next(&mut self) -> (Question, u64) {
        let qtype = self.plan.types[usize::try_from(self.dice.below(self.plan.types.len() as u64)).unwrap()];
        let turn = self.turn;
        self.turn += 1;
        self.counter += 1;
        let (name, answer, usual_ms) = self.question(turn, qtype);
        let name = format!("{name}.{}", self.domain);
        let wait = match self.plan.interval_ms {
            0 => usual_ms,
            // Nobody sleeps to the millisecond.
            interval => interval * self.dice.between(90, 110) / 100,
        };
        (Question { client: self.client, name, qtype, answer }, wait.max(1))
    }

    /// Data in labels, so that the whole name has at most so many characters.
    fn data(&mut self, alphabet: &[u8], most: usize, label: usize) -> String {
        let room = most.min(250 - self.domain.len());
        let length = room - room / (label + 1) - 1;
        let text = self.dice.text(alphabet, length as u64);
        labels(&text, label)
    }

    /// Labels, answer, and the program's own pace in milliseconds.
    fn question(&mut self, turn: u64, qtype: u16) -> (String, Answer, u64) {
        match self.plan.tool {
            Tool::Iodine => self.iodine(turn, qtype),
            Tool::IodineData => self.iodine(turn + 1_000, qtype),
            Tool::DnscatIdle => (self.dnscat(17), Answer::bytes(60, 52), 1_000),
            Tool::DnscatPlain => (self.dnscat(9), Answer::bytes(60, 36), 1_000),
            Tool::DnscatBulk => {
                let most = (253 - self.domain.len()) * 62 / 126 - 4;
                (self.dnscat(most as u64), Answer::bytes(60, 52), 60)
            }
            Tool::Dns2tcp => {
                let name = match turn {
                    0 => format!("{}.=auth", self.dice.text(BASE64, 12)),
                    1 => format!("{}.=connect", self.dice.text(BASE64, 16)),
                    // Polls are short, data is as long as it can be.
                    _ if self.dice.percent(40) => self.dice.text(BASE64, 14),
                    _ => self.data(BASE64, 200, 63),
                };
                (name, Answer::bytes(3, 180), 80)
            }
            Tool::Exfiltrator => {
                let alphabet = if self.plan.encoding == "base32" { BASE32 } else { BASE64 };
                let name = if turn == 0 {
                    format!("init.{}.{}", self.dice.text(BASE32, 40), self.plan.encoding)
                } else {
                    format!("{}.{}", turn - 1, self.data(alphabet, 220, 63))
                };
                (name, Answer::bytes(0, 24), 40)
            }
            Tool::Script => (labels(&self.dice.hex(60), 30), Answer::good(60), 400),
            Tool::Quiet => (self.dice.text(BASE32, 32), Answer::good(60), 500),
            Tool::Stager => (format!("{turn}.stage"), Answer::bytes(300, 250), 100),
            Tool::Words => {
                let words: Vec<String> = (0..6).map(|_| self.spoken()).collect();
                (words.join("-"), Answer::bytes(1, 40), 150)
            }
        }
    }

    /// A word that can be said: six bits a syllable.
    fn spoken(&mut self) -> String {
        (0..3).map(|_| self.dice.text(CONSONANTS, 1) + &self.dice.text(b"aeio", 1)).collect()
    }

    /// What iodine sends.
    fn iodine(&mut self, turn: u64, _: u16) -> (String, Answer, u64) {
        let answer = Answer::bytes(0, 120);
        let cmc = self.dice.text(IODINE32, 3);
        let name = match turn {
            // Which codecs come through, and by which type: asked until something answers.
            0..3 => format!("yrb{cmc}"),
            3 => format!("vaaaakat{cmc}"),
            4 => format!("l{}", self.dice.text(IODINE32, 30)),
            5 => format!("z{cmc}aabbccddeeffgghhiijjkkllmmnnooppqqrrssttuuvvwwxxyyzz"),
            6..9 => format!("o{cmc}"),
            // How large answers may be: the question is padded to its full length.
            9..24 => format!("r{cmc}{}", self.data(IODINE32, 200, 57)),
            _ if self.plan.encoding == "base128" && self.dice.percent(70) => return (self.base128(), answer, 30),
            // Nothing to send.
            _ if turn < 1_000 && self.dice.percent(20) => format!("p{}", self.dice.text(IODINE32, 8)),
            _ => format!("0{}", self.data(IODINE32, 230, 57)),
        };
        (name, answer, 30)
    }

    /// Data in iodine's 128 letters, of which 62 are not those of hosts.
    fn base128(&mut self) -> String {
        let mut all = Vec::new();
        for _ in 0..3 {
            let label: String = (0..40).map(|_| format!("\\{:03}", self.dice.between(0xBC, 0xFD))).collect();
            all.push(label);
        }
        format!("0{}", all.join("."))
    }

    /// A message of dnscat2 of so many bytes: its number, its kind, the session, sequence numbers, and the rest as if by chance.
    fn dnscat(&mut self, bytes: u64) -> String {
        let head = format!(
            "{:04x}01{}{:04x}{:04x}",
            self.dice.below(65_536),
            self.id,
            self.counter % 65_536,
            self.counter / 2 % 65_536
        );
        let rest = self.dice.hex(2 * bytes - head.len() as u64);
        labels(&(head + &rest), 62)
    }
}
