//! A client behind a bad link, and a listener at the server's door who hears what never arrives.

use super::Case;
use super::others::Others;
use super::own::{Act, Own, units};
use super::walkers::Walkers;
use anyhow::{Result, ensure};
use client::{Client, ClientConfig, ClientEvent};
use netem::Link;
use protocol::message::ClientMessage;
use protocol::motion::StaticMap;
use rudp::time::{NS_PER_S, Now};
use rudp::{ConnectToken, Transmit};
use std::net::SocketAddr;
use std::sync::Arc;

/// One client and its record.
pub struct Watcher {
    pub address: SocketAddr,
    client: Client,
    /// Opens what the server sends to the client with the client's own keys; what it says itself goes nowhere.
    listener: Client,
    up: Link,
    down: Link,
    server: SocketAddr,
    next_frame_ns: u64,
    frame_ns: u64,
    number: u16,
    /// Before this nothing counts, ns.
    judged_from_ns: u64,
    pub others: Others,
    pub own: Own,
}

impl Watcher {
    /// Number `index` of `count`, which differ in the phase of their frames.
    pub fn new(case: &Case, token: &ConnectToken, home: (f64, f64), map: &Arc<StaticMap>, setting: Setting) -> Self {
        let Setting { index, count, fps, seed, server, now } = setting;
        let client = || {
            let config = ClientConfig { token: token.clone(), seal: rudp::Backend::Auto, content_hash: 0 };
            Client::new(config, now)
        };
        let mut watching = client();
        watching.enable_screen(Arc::clone(map));
        let frame_ns = NS_PER_S / u64::from(fps);
        Self {
            address: SocketAddr::from(([10, 1, 0, index as u8 + 1], 4_000)),
            client: watching,
            listener: client(),
            up: case.up.link(seed * 16 + 2 * index as u64),
            down: case.down.link(seed * 16 + 2 * index as u64 + 1),
            server,
            next_frame_ns: now.mono_ns + frame_ns * index as u64 / count as u64,
            frame_ns,
            number: 0,
            judged_from_ns: u64::MAX,
            others: Others::default(),
            own: Own::new(home),
        }
    }

    /// Whether it is in the world.
    pub fn is_in(&self) -> bool {
        self.client.own().is_some()
    }

    /// From now on everything counts.
    pub fn judge_from(&mut self, now_ns: u64) {
        self.judged_from_ns = now_ns;
    }

    /// The next datagram that has reached the server.
    pub fn poll_up(&mut self, now: Now) -> Option<Vec<u8>> {
        self.up.poll(now.mono_ns)
    }

    /// The server sent a datagram.
    pub fn send_down(&mut self, now: Now, datagram: &[u8], walkers: &Walkers) {
        self.down.send(now.mono_ns, datagram);
        let mut heard = datagram.to_vec();
        self.listener.handle_datagram(now, self.server, &mut heard);
        while let Some(event) = self.listener.poll_event() {
            if let ClientEvent::Own { tick, state } = event {
                self.own.on_sent(tick, state);
            }
            if now.mono_ns >= self.judged_from_ns {
                self.others.on_sent(&event, walkers);
            }
        }
    }

    /// Whatever is due. `true_tick`: the server's tick now, in fractions.
    ///
    /// # Errors
    /// The session ended, or something untrue was told.
    pub fn step(&mut self, now: Now, true_tick: f64, walkers: &Walkers) -> Result<()> {
        while let Some(mut datagram) = self.down.poll(now.mono_ns) {
            self.client.handle_datagram(now, self.server, &mut datagram);
        }
        for client in [&mut self.client, &mut self.listener] {
            if client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
                client.handle_timeout(now);
            }
        }
        while let Some(event) = self.client.poll_event() {
            self.others.on_event(&event, walkers)?;
            let is_over = matches!(event, ClientEvent::Disconnected(_) | ClientEvent::Silent);
            ensure!(!is_over, "a client lost its session: {event:?}");
        }
        while self.client.poll_input_due(now) {
            self.act(now);
        }
        if now.mono_ns >= self.next_frame_ns {
            self.next_frame_ns += self.frame_ns;
            self.draw(now, true_tick, walkers);
        }
        let mut buf = [0; 1_500];
        while let Some(Transmit { len, .. }) = self.client.poll_transmit(now, &mut buf) {
            self.up.send(now.mono_ns, &buf[..len]);
        }
        while self.listener.poll_transmit(now, &mut buf).is_some() {}
        Ok(())
    }

    /// When [`Self::step`] is due next, or [`Self::poll_up`], ns.
    pub fn next_ns(&self) -> u64 {
        let timers = [self.client.poll_timeout(), self.listener.poll_timeout(), self.client.input_due_ns()];
        let links = [self.up.next_ns(), self.down.next_ns()];
        timers.into_iter().chain(links).flatten().fold(self.next_frame_ns, u64::min)
    }

    fn act(&mut self, now: Now) {
        if self.client.welcome().is_none() {
            self.client.push_input(now, protocol::Input::default());
            return;
        }
        self.number += 1;
        let (input, act) = self.own.next(now.mono_ns, self.number);
        if let Act::Place(x, y) = act {
            let message = ClientMessage::Place { x_units: units(x), y_units: units(y) };
            self.client.send(&message).expect("a queue with room");
        }
        self.client.push_input(now, input);
    }

    fn draw(&mut self, now: Now, true_tick: f64, walkers: &Walkers) {
        let Some(own) = self.client.own_view(now) else { return };
        let server_tick = self.client.server_tick(now).unwrap_or_default();
        let shown = self.client.view(now);
        if now.mono_ns < self.judged_from_ns {
            shown.for_each(drop);
            return;
        }
        self.own.on_frame(now.mono_ns, own);
        for shown in shown {
            self.others.on_shown(&shown, server_tick, true_tick, walkers);
        }
    }
}

/// What one of several watchers is told at its start.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub index: usize,
    pub count: usize,
    pub fps: u32,
    pub seed: u64,
    pub server: SocketAddr,
    pub now: Now,
}
