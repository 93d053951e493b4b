//! Asks over UDP as a pod would, and takes the time.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

use crate::error::{ExitCode, Failure};
use crate::sys::clock;

/// How long an answer may take: far more than anything here needs, and still no test of patience.
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest answer asked for (DNS flag day 2020).
const UDP_SIZE: u16 = 1_232;

/// A socket that asks one server.
pub(super) struct Client(UdpSocket);

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// NOERROR or not.
    pub(super) rcode: ResponseCode,
    /// AA.
    pub(super) authoritative: bool,
    /// The data of the answer section.
    pub(super) records: Vec<String>,
    /// Seconds that a negative answer may be kept (RFC 2308 section 5).
    pub(super) negative_ttl: Option<u32>,
    /// From the send to the receive.
    pub(super) latency: Duration,
}

impl Client {
    /// A client of the server at `address`.
    pub(super) fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let connect = || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(address)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(socket)
        };
        connect().map(Self).map_err(|error: io::Error| Failure::new(ExitCode::System, format!("demo: client: {error}")))
    }

    /// Asks one question; an error is said in a few words.
    pub(super) fn ask(&mut self, name: &str, record_type: RecordType, class: DNSClass) -> Result<Answer, String> {
        let name = Name::from_ascii(name).map_err(|error| error.to_string())?;
        let mut query = Message::new(rand::random(), MessageType::Query, OpCode::Query);
        query.metadata.recursion_desired = true;
        let mut question = Query::query(name, record_type);
        question.set_query_class(class);
        query.add_query(question);
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_SIZE);
        query.set_edns(edns);
        let message = query.to_vec().map_err(|error| error.to_string())?;

        let mut buffer = [0; UDP_SIZE as usize];
        let start = clock::now();
        self.0.send(&message).map_err(|error| error.to_string())?;
        loop {
            let length = self.0.recv(&mut buffer).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer".to_owned(),
                _ => error.to_string(),
            })?;
            let latency = clock::now().since(start);
            let bytes = buffer.get(..length).unwrap_or_default();
            let answer = Message::from_vec(bytes).map_err(|error| error.to_string())?;
            // The answer to a question that was given up before comes late.
            if answer.metadata.id == query.metadata.id {
                return Ok(Answer::read(&answer, latency));
            }
            if clock::now().since(start) > PATIENCE {
                return Err("no answer".to_owned());
            }
        }
    }
}

impl Answer {
    /// What matters of a message.
    pub(super) fn read(message: &Message, latency: Duration) -> Self {
        let negative_ttl = message.authorities.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
            _ => None,
        });
        Self {
            rcode: message.metadata.response_code,
            authoritative: message.metadata.authoritative,
            records: message.answers.iter().map(|record| record.data.to_string()).collect(),
            negative_ttl,
            latency,
        }
    }
}
