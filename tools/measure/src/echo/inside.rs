//! The transport without any socket: both ends in one thread and in virtual time, the server's calls alone counted.
//!
//! What a change to the transport does is seen here first: no kernel, no other thread and no late load blur it. The
//! clients' work between two batches leaves the caches about as cold as a kernel would.

use super::process::ThreadClock;
use super::sessions::{SessionKeys, new_client};
use super::transport::{Answers, new_echo};
use anyhow::{Result, ensure};
use rudp::channel::{INPUT, SNAPSHOT};
use rudp::seal::Backend;
use rudp::{Client, ClientEvent, ClientState, Now};
use std::net::SocketAddr;

/// Clients whose datagrams arrive together: 2,000 clients at 60 Hz, read every 300 us.
const BATCH: usize = 36;
/// Bytes that fit a datagram buffer.
const BUFFER_BYTES: usize = 1_500;
const NS_PER_S: u64 = 1_000_000_000;
/// Ticks until every session is in and has its rate: two seconds.
const WARM_TICKS: u64 = 120;

struct Datagram {
    peer: SocketAddr,
    len: usize,
    bytes: [u8; BUFFER_BYTES],
}

/// Processor time of the server's calls per question answered, in microseconds.
///
/// # Errors
/// Not every question was answered.
pub fn us_per_tick(clients: usize, ticks: u64, payload_bytes: usize, seal: Backend) -> Result<f64> {
    let server = SocketAddr::from(([127, 0, 0, 1], 7_777));
    let mut now = Now { mono_ns: NS_PER_S, unix_s: 1_000_000 };
    let mut keys = SessionKeys::new(seal);
    let mut echo = new_echo(server, clients, seal, now)?;
    let mut seats = Vec::new();
    for index in 0..clients {
        seats.push(new_client(index, server, &mut keys, now)?);
    }
    let clock = ThreadClock::of_this_thread()?;
    let (mut cpu_ns, mut answered, mut asked) = (0, 0_u64, 0_u64);
    let mut batch: Vec<Datagram> = Vec::new();
    let question = vec![0x5A; payload_bytes];
    let step_ns = NS_PER_S / 60 / clients.div_ceil(BATCH) as u64;
    for tick in 0..WARM_TICKS + ticks {
        let is_measured = tick >= WARM_TICKS;
        for first in (0..clients).step_by(BATCH) {
            now.mono_ns += step_ns;
            let last = (first + BATCH).min(clients);
            for (index, client) in seats.iter_mut().enumerate().take(last).skip(first) {
                asked += u64::from(act(client, address(index), now, &question, &mut batch) && is_measured);
            }
            let before_ns = clock.ns()?;
            serve(&mut echo, now, &mut batch);
            cpu_ns += if is_measured { clock.ns()? - before_ns } else { 0 };
            for mut datagram in batch.drain(..) {
                let client = &mut seats[usize::from(datagram.peer.port()) - 1];
                client.handle_datagram(now, server, &mut datagram.bytes[..datagram.len]);
                while let Some(event) = client.poll_event() {
                    let is_answer = matches!(event, ClientEvent::Message { channel: SNAPSHOT, .. });
                    answered += u64::from(is_answer && is_measured);
                }
            }
        }
    }
    ensure!(asked == clients as u64 * ticks && answered == asked, "{answered} answers to {asked} questions");
    Ok(cpu_ns as f64 / 1_000.0 / answered as f64)
}

fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], u16::try_from(index + 1).unwrap_or(u16::MAX)))
}

/// One client's tick; answers whether it asked.
fn act(client: &mut Client, from: SocketAddr, now: Now, question: &[u8], out: &mut Vec<Datagram>) -> bool {
    if client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
        client.handle_timeout(now);
    }
    let asks = client.state() == ClientState::Spoken && client.send(INPUT, question).is_ok();
    let mut bytes = [0; BUFFER_BYTES];
    while let Some(transmit) = client.poll_transmit(now, &mut bytes) {
        out.push(Datagram { peer: from, len: transmit.len, bytes });
    }
    asks
}

/// A wake of the server: takes the batch and leaves its own datagrams in it.
fn serve(echo: &mut impl Answers, now: Now, batch: &mut Vec<Datagram>) {
    let mut senders = [address(0); BATCH];
    let mut count = 0;
    for (place, datagram) in senders.iter_mut().zip(batch.iter()) {
        *place = datagram.peer;
        count += 1;
    }
    echo.expect_datagrams(&senders[..count]);
    for datagram in batch.iter_mut() {
        echo.handle_datagram(now, datagram.peer, &mut datagram.bytes[..datagram.len]);
    }
    batch.clear();
    echo.answer(now);
    let mut bytes = [0; BUFFER_BYTES];
    while let Some(transmit) = echo.poll_transmit(now, &mut bytes) {
        batch.push(Datagram { peer: transmit.to, len: transmit.len, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_answered_once_under_both_seals() {
        for seal in [Backend::Crate, Backend::AwsLc] {
            assert!(us_per_tick(40, 30, 200, seal).unwrap() > 0.0);
        }
    }
}
