//! The driver over loopback, against a socket that stands in for a server.

use client::driver::Driver;
use protocol::Input;
use rand::SeedableRng;
use rudp::token::{Mint, Name, Role, UserData};
use std::net::UdpSocket;

fn token(server: &UdpSocket) -> rudp::ConnectToken {
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
    let address = server.local_addr().unwrap();
    mint.mint(0, 1, &[address], 10, &user, &mut rand::rngs::StdRng::seed_from_u64(1)).unwrap()
}

#[test]
fn a_driver_asks_to_be_let_in_and_for_inputs_and_survives_that_nobody_listens() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut driver = Driver::connect(token(&server), None).unwrap();
    let mut inputs = 0;
    driver
        .pump(|_, _| {
            inputs += 1;
            Input::default()
        })
        .unwrap();
    assert_eq!(inputs, 1, "the first is due at once");
    let mut datagram = [0; 1_500];
    let (len, _) = server.recv_from(&mut datagram).unwrap();
    assert_eq!((len, datagram[0]), (1_078, 0), "a connection request");
    drop(server);
    for _ in 0..50 {
        driver.turn(|_, _| Input::default()).unwrap();
    }
    assert!(!driver.is_over() && driver.poll_event().is_none());
}
