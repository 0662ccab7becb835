//! How a client's own farewell looks to whoever drives it.

use client::{Client, ClientConfig, ClientEvent};
use rand::SeedableRng;
use rudp::Reason;
use rudp::time::Now;
use rudp::token::{Mint, Name, Role, UserData};

fn client(now: Now) -> Client {
    let user = UserData {
        account_id: 1,
        character_id: 1,
        name: Name::new("ada").unwrap(),
        role: Role::Player,
        issued_at_ms: 0,
        serial: 1,
        epoch: 0,
    };
    let mint = Mint { key: rudp::Key::new([7; 32]), protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 };
    let server = "10.0.0.1:7777".parse().unwrap();
    let token = mint.mint(0, 1, &[server], 10, &user, &mut rand::rngs::StdRng::seed_from_u64(1)).unwrap();
    Client::new(ClientConfig { token, seal: rudp::Backend::Auto, content_hash: 0 }, now)
}

#[test]
fn who_leaves_is_told_at_once_and_once_that_it_is_over() {
    let now = Now { mono_ns: 1_000_000_000, unix_s: 1 };
    let mut client = client(now);
    client.disconnect(now);
    assert!(matches!(client.poll_event(), Some(ClientEvent::Disconnected(Reason::UserQuit))));
    client.disconnect(now);
    assert!(client.poll_event().is_none() && client.poll_timeout().is_none());
}
