//! One connection of the daemon and the one to the server, byte by byte.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Control, End, Fault};

/// Most pieces on their way in one direction; the rest waits in the kernel's buffers, as it would in a network.
const PIECES: usize = 4096;

/// Carries a connection to its end.
pub(super) async fn carry(mut client: TcpStream, control: Arc<Control>) {
    let mut orders = control.orders.subscribe();
    let how = match TcpStream::connect(control.target()).await {
        Err(_) => End::Reset,
        Ok(mut server) => {
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let how = tokio::select! {
                how = flow(from_client, to_server, &control, false) => how,
                how = flow(from_server, to_client, &control, true) => how,
                Ok(how) = orders.recv() => how,
            };
            if how != End::Finish {
                let _ = SockRef::from(&server).set_linger(Some(Duration::ZERO));
            }
            how
        }
    };
    // In this order: whoever was counted as open when an order went out has yet to be counted as ended.
    drop(orders);
    control.ended.fetch_add(1, Ordering::SeqCst);
    match how {
        End::Finish => {
            let _ = client.shutdown().await;
            // Reads on, so that the end stays a FIN: closing with unread bytes would send RST.
            let mut rest = [0; 4096];
            while client.read(&mut rest).await.is_ok_and(|length| length > 0) {}
        }
        End::Reset => {
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
        }
        End::Never => {
            // Acknowledged by the kernel, read by nobody, until the daemon has enough or the proxy stops.
            let mut rest = [0; 4096];
            while client.read(&mut rest).await.is_ok_and(|length| length > 0) {}
        }
    }
}

/// Carries bytes in one direction until the connection ends; says how. Faults of content befall `downward` bytes, those of the server.
async fn flow(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, control: &Control, downward: bool) -> End {
    let mut faults = control.fault.subscribe();
    let mut pieces: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut buffer = vec![0; 16_384];
    loop {
        let fault = *faults.borrow_and_update();
        match fault {
            Fault::Refuse => return End::Reset,
            Fault::Forget => return End::Never,
            _ => {}
        }
        let passes = fault != Fault::Silence;
        let due = pieces.front().map(|(due, _)| *due);
        tokio::select! {
            biased;
            _ = faults.changed() => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if passes && due.is_some() => {
                let Some((_, piece)) = pieces.pop_front() else { continue };
                if let Some(how) = write(&mut to, piece, fault, control, downward).await {
                    return how;
                }
            }
            read = from.read(&mut buffer), if passes && pieces.len() < PIECES => {
                let length = match read {
                    Ok(0) => return End::Finish,
                    Err(_) => return End::Reset,
                    Ok(length) => length,
                };
                if downward {
                    control.bytes.fetch_add(length as u64, Ordering::SeqCst);
                }
                let wait = match fault {
                    Fault::Delay { least, jitter } if downward => control.delay(least, jitter),
                    _ => Duration::ZERO,
                };
                // A piece never overtakes the one before it.
                let due = (Instant::now() + wait).max(pieces.back().map_or_else(Instant::now, |(due, _)| *due));
                pieces.push_back((due, buffer[..length].to_vec()));
            }
        }
    }
}

/// Writes one piece as the fault has it; says how the connection ends, if it does.
async fn write(
    to: &mut WriteHalf<'_>,
    mut piece: Vec<u8>,
    fault: Fault,
    control: &Control,
    downward: bool,
) -> Option<End> {
    let mut how = None;
    match fault {
        Fault::Break(end) if downward => return Some(end),
        Fault::Half(end) if downward => {
            piece.truncate(piece.len() / 2);
            how = Some(end);
        }
        Fault::Garble(percent) if downward && control.chance(percent) => control.garble(&mut piece),
        Fault::Drip(pause) if downward => {
            for byte in piece {
                if to.write_all(&[byte]).await.is_err() {
                    return Some(End::Reset);
                }
                sleep(pause).await;
            }
            return None;
        }
        _ => {}
    }
    if to.write_all(&piece).await.is_err() { Some(End::Reset) } else { how }
}
