//! The kernel's tables of links and addresses, as far as one link needs them: rtnetlink(7) in a handful of messages.
//!
//! A library for all of rtnetlink was weighed: rtnetlink 0.24 with netlink-proto and netlink-packet-route is 12 more crates, two versions of
//! syn among them, for the seven messages here. The format has been the same since Linux 2.2, and the kernel is trusted; nevertheless nothing
//! is read behind the end of what came.

use std::io::{self, ErrorKind};
use std::net::IpAddr;

use crate::sys::route::Route;

/// Bytes of an answer that are taken at once; the kernel writes no longer datagrams for whoever reads with so much room.
const ROOM: usize = 32 << 10;

/// Bytes of a message's head (`nlmsghdr`).
const HEAD: usize = 16;
/// Bytes of what stands in front of a link's attributes (`ifinfomsg`).
const LINK_HEAD: usize = 16;
/// Bytes of what stands in front of an address's attributes (`ifaddrmsg`).
const ADDRESS_HEAD: usize = 8;

/// Leaves a link's counters out of an answer (`RTEXT_FILTER_SKIP_STATS`).
const WITHOUT_COUNTERS: u32 = 8;

/// A flag of a request or of a link, in the width that the wire has.
fn wide(flag: libc::c_int) -> u32 {
    u32::try_from(flag).unwrap_or(0)
}

/// What is made where the kernel knows it: it drops whatever is sent into it.
pub(super) const DUMMY: &str = "dummy";
/// What is made elsewhere: without ports it drops as well.
pub(super) const BRIDGE: &str = "bridge";

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number.
    pub(super) index: u32,
    /// Its name.
    pub(super) name: String,
    /// Which driver made it, such as "dummy"; a physical one has none.
    pub(super) kind: Option<String>,
    /// What an administrator wrote on it.
    pub(super) alias: Option<String>,
    /// Whether it is up.
    pub(super) is_up: bool,
}

/// An address of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The link's number.
    pub(super) index: u32,
    /// The address.
    pub(super) address: IpAddr,
    /// Bits of its network.
    pub(super) prefix: u8,
}

impl Held {
    /// A link's address with no network around it.
    pub(super) fn alone(index: u32, address: IpAddr) -> Self {
        Self { index, address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// What the kernel told of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A link came, went or changed.
    Link(Link),
    /// An address came or went.
    Address(Held),
}

/// A connection to the tables.
#[derive(Debug)]
pub(super) struct Tables {
    /// The socket.
    route: Route,
    /// The number of the last request.
    sequence: u32,
    /// Answers.
    room: Vec<u8>,
}

impl Tables {
    /// Connects.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { route: Route::open()?, sequence: 0, room: vec![0; ROOM] })
    }

    /// The link of that name.
    pub(super) fn link(&mut self, name: &str) -> io::Result<Option<Link>> {
        let mut request = Request::of_link(libc::RTM_GETLINK, 0, 0);
        request.text(libc::IFLA_IFNAME, name);
        request.attribute(libc::IFLA_EXT_MASK, &WITHOUT_COUNTERS.to_ne_bytes());
        match self.ask(request, 0) {
            Ok(answers) => Ok(answers.iter().find_map(|answer| match Change::read(answer) {
                Some(Change::Link(link)) => Some(link),
                _ => None,
            })),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a link is a master that has ports.
    pub(super) fn has_ports(&mut self, index: u32) -> io::Result<bool> {
        let mut request = Request::of_link(libc::RTM_GETLINK, 0, 0);
        request.attribute(libc::IFLA_MASTER, &index.to_ne_bytes());
        request.attribute(libc::IFLA_EXT_MASK, &WITHOUT_COUNTERS.to_ne_bytes());
        let answers = self.ask(request, libc::NLM_F_DUMP)?;
        // An old kernel shows all links, whatever is asked.
        Ok(answers.iter().any(|answer| {
            let attributes = answer.get(HEAD + LINK_HEAD..).unwrap_or_default();
            find(attributes, libc::IFLA_MASTER).is_some_and(|master| master == index.to_ne_bytes())
        }))
    }

    /// Makes a link that is up.
    pub(super) fn create(&mut self, name: &str, kind: &str) -> io::Result<()> {
        let mut request = Request::of_link(libc::RTM_NEWLINK, 0, wide(libc::IFF_UP));
        request.text(libc::IFLA_IFNAME, name);
        request.nested(libc::IFLA_LINKINFO, |inner| inner.bytes(libc::IFLA_INFO_KIND, kind.as_bytes()));
        self.order(request, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
    }

    /// Writes an alias on a link.
    pub(super) fn mark(&mut self, index: u32, alias: &str) -> io::Result<()> {
        let mut request = Request::of_link(libc::RTM_SETLINK, index, 0);
        request.bytes(libc::IFLA_IFALIAS, alias.as_bytes());
        self.order(request, 0)
    }

    /// Sets a link up.
    pub(super) fn raise(&mut self, index: u32) -> io::Result<()> {
        self.order(Request::of_link(libc::RTM_SETLINK, index, wide(libc::IFF_UP)), 0)
    }

    /// Deletes a link with its addresses.
    pub(super) fn delete(&mut self, index: u32) -> io::Result<()> {
        self.order(Request::of_link(libc::RTM_DELLINK, index, 0), 0)
    }

    /// All addresses of all links.
    pub(super) fn addresses(&mut self) -> io::Result<Vec<Held>> {
        let answers = self.ask(Request::new(libc::RTM_GETADDR, &[0; ADDRESS_HEAD]), libc::NLM_F_DUMP)?;
        let held = answers.iter().filter_map(|answer| match Change::read(answer) {
            Some(Change::Address(held)) => Some(held),
            _ => None,
        });
        Ok(held.collect())
    }

    /// Adds an address. An IPv6 one can be used at once: nobody else on a link without neighbours can have it (`nodad`).
    pub(super) fn add(&mut self, held: Held) -> io::Result<()> {
        let mut request = Request::of_address(libc::RTM_NEWADDR, held);
        if held.address.is_ipv6() {
            request.attribute(libc::IFA_FLAGS, &libc::IFA_F_NODAD.to_ne_bytes());
        }
        self.order(request, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
    }

    /// Removes an address.
    pub(super) fn take(&mut self, held: Held) -> io::Result<()> {
        self.order(Request::of_address(libc::RTM_DELADDR, held), 0)
    }

    /// Asks for something to be done.
    fn order(&mut self, request: Request, flags: libc::c_int) -> io::Result<()> {
        self.ask(request, flags | libc::NLM_F_ACK).map(drop)
    }

    /// Asks, and collects the messages of the answer.
    fn ask(&mut self, request: Request, flags: libc::c_int) -> io::Result<Vec<Vec<u8>>> {
        self.sequence += 1;
        let is_long = flags & libc::NLM_F_DUMP == libc::NLM_F_DUMP;
        let acknowledged = flags & libc::NLM_F_ACK != 0;
        self.route.send(&request.finish(flags | libc::NLM_F_REQUEST, self.sequence))?;
        let mut answers = Vec::new();
        loop {
            let length = match self.route.receive(&mut self.room) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            for message in Messages(self.room.get(..length).unwrap_or_default()) {
                if word(message, 8) != Some(self.sequence) {
                    // Of a request that was given up.
                    continue;
                }
                match half(message, 4).map(libc::c_int::from) {
                    Some(libc::NLMSG_DONE) => return Ok(answers),
                    Some(libc::NLMSG_ERROR) => {
                        let code = word(message, HEAD).map_or(0, u32::cast_signed);
                        return if code == 0 { Ok(answers) } else { Err(io::Error::from_raw_os_error(-code)) };
                    }
                    _ => answers.push(message.to_vec()),
                }
            }
            if !is_long && !acknowledged && !answers.is_empty() {
                return Ok(answers);
            }
        }
    }
}

impl Change {
    /// What a message tells. `None` if it is about neither links nor addresses.
    fn read(message: &[u8]) -> Option<Self> {
        let change = match half(message, 4)? {
            libc::RTM_NEWLINK | libc::RTM_DELLINK => {
                let attributes = message.get(HEAD + LINK_HEAD..)?;
                let text = |bytes: &[u8]| {
                    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                    String::from_utf8_lossy(bytes).into_owned()
                };
                Self::Link(Link {
                    index: word(message, HEAD + 4)?,
                    name: find(attributes, libc::IFLA_IFNAME).map(text)?,
                    kind: find(attributes, libc::IFLA_LINKINFO)
                        .and_then(|inner| find(inner, libc::IFLA_INFO_KIND))
                        .map(text),
                    alias: find(attributes, libc::IFLA_IFALIAS).map(text).filter(|alias| !alias.is_empty()),
                    is_up: word(message, HEAD + 8)? & wide(libc::IFF_UP) != 0,
                })
            }
            libc::RTM_NEWADDR | libc::RTM_DELADDR => {
                let attributes = message.get(HEAD + ADDRESS_HEAD..)?;
                // On a link between two points IFA_ADDRESS is the other one.
                let bytes = find(attributes, libc::IFA_LOCAL).or_else(|| find(attributes, libc::IFA_ADDRESS))?;
                let address = match bytes.len() {
                    4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
                    _ => <[u8; 16]>::try_from(bytes).ok()?.into(),
                };
                Self::Address(Held { index: word(message, HEAD + 4)?, address, prefix: *message.get(HEAD + 1)? })
            }
            _ => return None,
        };
        Some(change)
    }

    /// What a datagram of the kernel tells.
    pub(super) fn all(datagram: &[u8]) -> impl Iterator<Item = Self> + '_ {
        Messages(datagram).filter_map(Self::read)
    }
}

/// A request in the making.
struct Request(Vec<u8>);

impl Request {
    /// A request of that type, with what stands in front of the attributes.
    fn new(kind: u16, front: &[u8]) -> Self {
        let mut bytes = vec![0; HEAD];
        bytes.splice(4..6, kind.to_ne_bytes());
        bytes.extend(front);
        Self(bytes)
    }

    /// About a link; 0 is none in particular. `flags` are set, all others stay as they are.
    fn of_link(kind: u16, index: u32, flags: u32) -> Self {
        let numbers = [0, index, flags, flags];
        Self::new(kind, &numbers.map(u32::to_ne_bytes).concat())
    }

    /// About an address.
    fn of_address(kind: u16, held: Held) -> Self {
        let family = if held.address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let mut front = vec![u8::try_from(family).unwrap_or(0), held.prefix, 0, 0];
        front.extend(held.index.to_ne_bytes());
        let mut request = Self::new(kind, &front);
        let bytes = match held.address {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        request.attribute(libc::IFA_LOCAL, &bytes);
        request.attribute(libc::IFA_ADDRESS, &bytes);
        request
    }

    /// Adds an attribute.
    fn attribute(&mut self, kind: u16, value: &[u8]) {
        // Four bytes of head in front of a value of at most some hundred.
        let length = u16::try_from(value.len() + 4).unwrap_or(4);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// Adds bytes as an attribute.
    fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.attribute(kind, value);
    }

    /// Adds a text with the zero at its end.
    fn text(&mut self, kind: u16, value: &str) {
        self.attribute(kind, &[value.as_bytes(), &[0]].concat());
    }

    /// Adds attributes within an attribute.
    fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self(Vec::new());
        fill(&mut inner);
        self.attribute(kind, &inner.0);
    }

    /// The bytes to send.
    fn finish(mut self, flags: libc::c_int, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(0);
        self.0.splice(..4, length.to_ne_bytes());
        self.0.splice(6..8, u16::try_from(flags).unwrap_or(0).to_ne_bytes());
        self.0.splice(8..12, sequence.to_ne_bytes());
        self.0
    }
}

/// The messages of a datagram.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(word(self.0, 0)?).ok().filter(|length| *length >= HEAD)?;
        let message = self.0.get(..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// The value of the attribute of that type.
fn find(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    /// The bits of an attribute's type that say what is inside, not which it is.
    const FLAGS: u16 = 0xc000;
    loop {
        let length = half(attributes, 0).map(usize::from).filter(|length| *length >= 4)?;
        let value = attributes.get(4..length)?;
        if half(attributes, 2)? & !FLAGS == kind {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

/// The 32 bits at a place, in the machine's order.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The 16 bits at a place, in the machine's order.
fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link as the kernel writes it.
    fn link_message() -> Vec<u8> {
        let mut request = Request::of_link(libc::RTM_NEWLINK, 7, wide(libc::IFF_UP));
        request.text(libc::IFLA_IFNAME, "nodelocaldns");
        request.nested(libc::IFLA_LINKINFO, |inner| inner.text(libc::IFLA_INFO_KIND, DUMMY));
        request.text(libc::IFLA_IFALIAS, "nodens");
        request.finish(0, 1)
    }

    #[test]
    fn messages_that_are_written_read_back() {
        let held = [Held::alone(3, "169.254.20.10".parse().unwrap()), Held::alone(4, "fd00::a".parse().unwrap())];
        let mut datagram = link_message();
        for one in held {
            datagram.extend(Request::of_address(libc::RTM_DELADDR, one).finish(0, 2));
        }
        let link = Link {
            index: 7,
            name: "nodelocaldns".into(),
            kind: Some(DUMMY.into()),
            alias: Some("nodens".into()),
            is_up: true,
        };
        let expected = [Change::Link(link), Change::Address(held[0]), Change::Address(held[1])];
        assert_eq!(Change::all(&datagram).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn whatever_is_cut_off_or_odd_is_read_without_harm() {
        let message = link_message();
        for end in 0..message.len() {
            let mut cut = message[..end].to_vec();
            assert_eq!(Change::all(&cut).count(), 0);
            if let (Some(head), Ok(length)) = (cut.get_mut(..4), u32::try_from(end)) {
                head.copy_from_slice(&length.to_ne_bytes());
            }
            Change::all(&cut).for_each(drop);
        }
        for at in 0..message.len() {
            for value in [0, 1, 0xff] {
                let mut odd = message.clone();
                odd[at] = value;
                Change::all(&odd).for_each(drop);
            }
        }
    }
}
