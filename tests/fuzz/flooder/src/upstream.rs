//! The servers behind the daemon: addresses for whatever is asked, one answer in eight spoilt. Over UDP, and over TCP for those that come back.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

use crate::bytes::{Random, spoil};

/// Starts both on one port, for as long as the process lives.
pub fn start(seed: u64) -> SocketAddr {
    let (udp, tcp) = (0..16)
        .find_map(|_| {
            let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
            let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
            Some((udp, tcp))
        })
        .expect("loopback has ports");
    let address = udp.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (mut random, mut room) = (Random(seed), [0; 4096]);
        // An ICMP error is about one that asked and is gone.
        loop {
            if let Ok((length, from)) = udp.recv_from(&mut room)
                && let Some(answer) = answer(&mut random, &room[..length])
            {
                let _ = udp.send_to(&answer, from);
            }
        }
    });
    thread::spawn(move || {
        for (number, stream) in (0..).zip(tcp.incoming()) {
            let Ok(mut stream) = stream else { continue };
            thread::spawn(move || {
                let mut random = Random(seed ^ number);
                let mut head = [0; 2];
                while stream.read_exact(&mut head).is_ok() {
                    let mut question = vec![0; usize::from(u16::from_be_bytes(head))];
                    if stream.read_exact(&mut question).is_err() {
                        break;
                    }
                    let Some(answer) = answer(&mut random, &question) else { continue };
                    let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
                    if stream.write_all(&[&length.to_be_bytes(), &answer[..]].concat()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

/// An answer to a query: some addresses, an alias, or a code; `None` for one query in 64, which gets none.
fn answer(random: &mut Random, question: &[u8]) -> Option<Vec<u8>> {
    let end = 12 + question.get(12..)?.iter().position(|byte| *byte == 0)? + 5;
    let mut message = question.get(..end)?.to_vec();
    message[2] |= 0x80;
    message[6..12].fill(0);
    let code = random.below(16);
    match code {
        0 => message[3] = 3,
        1 => message[3] = 2,
        _ => {
            let count = 1 + random.below(4) * random.below(8);
            message[7] = u8::try_from(count).unwrap_or(1);
            for _ in 0..count {
                let (rtype, data): (u8, Vec<u8>) = match random.below(4) {
                    0 => (5, vec![3, b'c', b'd', b'n', 0xC0, 0x0C]),
                    1 => (28, vec![random.byte(); 16]),
                    _ => (1, vec![192, 0, 2, random.byte()]),
                };
                message.extend([0xC0, 0x0C, 0, rtype, 0, 1, 0, 0, random.byte() & 1, 44, 0]);
                message.push(u8::try_from(data.len()).unwrap_or(0));
                message.extend(data);
            }
        }
    }
    if random.below(8) == 0 {
        let id = [message[0], message[1]];
        spoil(random, &mut message);
        // Without its ID nobody would look at it.
        if let Some(head) = message.get_mut(..2) {
            head.copy_from_slice(&id);
        }
    }
    (random.below(64) != 0).then_some(message)
}
