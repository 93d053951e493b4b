//! One datagram to the server, and the one that comes back.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use super::{Control, Fault};

/// How long an answer is waited for; longer than any daemon waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries `query` there and its answer back, as the fault of the moment has it.
pub(super) async fn carry(query: Vec<u8>, client: SocketAddr, front: Weak<UdpSocket>, control: Arc<Control>) {
    let lost = || match *control.fault.borrow() {
        Fault::Lose(percent) => control.chance(percent),
        Fault::Silence | Fault::Forget | Fault::Refuse => true,
        _ => false,
    };
    if lost() {
        return;
    }
    let Ok(socket) = UdpSocket::bind("127.0.0.1:0").await else { return };
    if socket.connect(control.target()).await.is_err() || socket.send(&query).await.is_err() {
        return;
    }
    let mut buffer = vec![0; 65_535];
    let Ok(Ok(length)) = timeout(PATIENCE, socket.recv(&mut buffer)).await else { return };
    control.bytes.fetch_add(length as u64, Ordering::SeqCst);
    let mut answer = buffer[..length].to_vec();
    let fault = *control.fault.borrow();
    match fault {
        Fault::Delay { least, jitter } => sleep(control.delay(least, jitter)).await,
        Fault::Half(_) => answer.truncate(length / 2),
        Fault::Garble(percent) if control.chance(percent) => control.garble(&mut answer),
        _ => {}
    }
    if lost() {
        return;
    }
    if let Some(front) = front.upgrade() {
        let _ = front.send_to(&answer, client).await;
    }
}
