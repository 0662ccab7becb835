//! Streams between the machines: sealed, told by events, and counted among the queues.
use crate::channel::{BULK, EVENT, INPUT, PartId, SendError};
use crate::rig::{ClientTold, Told, World};

#[test]
fn a_stream_crosses_between_the_machines_and_counts_among_all_queues() {
    // proves: PKT-59, PKT-80
    let mut world = World::new("192.0.2.10:7777", |config| config.queue_bytes_max = 100_000);
    world.join("192.0.2.1:5000", 1);
    world.run_ms(1_000);
    let id = world.id_of(1);
    let load: Vec<u8> = (0..150_000_u32).map(|at| (at / 7).to_le_bytes()[0]).collect();
    let taken = world.server.send_bulk(id, BULK, &load).expect("room");
    assert_eq!(taken, 100_000, "what all queues together may hold");
    assert_eq!(world.server.send_bulk(id, BULK, &load[taken..]), Err(SendError::Full));
    assert_eq!(world.server.queued_bytes(), 100_000);
    assert_eq!(world.server.send_bulk(id, EVENT, b"x"), Err(SendError::Full), "no room for anyone");
    let (mut sent, mut read) = (taken, Vec::new());
    for _ in 0..6_000 {
        world.run_ms(16);
        world.server.on_tick_edge(world.now, id);
        if sent < load.len() {
            sent += world.server.send_bulk(id, BULK, &load[sent..]).unwrap_or(0);
        }
        while let Some(chunk) = world.peers[0].client.read_bulk(BULK) {
            read.extend_from_slice(chunk.bytes);
        }
        if read.len() == load.len() {
            break;
        }
    }
    assert!(read == load, "{} of {}", read.len(), load.len());
    world.run_ms(1_000);
    assert_eq!(world.server.queued_bytes(), 0);
    assert!(world.peers[0].told.contains(&ClientTold::Bulk(BULK)));

    let client = &mut world.peers[0].client;
    assert_eq!(client.send_bulk(BULK, b"and back"), Ok(8));
    client.end_bulk(BULK).expect("room");
    for _ in 0..60 {
        world.peers[0].client.on_tick_edge(world.now);
        world.run_ms(16);
    }
    assert!(world.told.contains(&Told::Bulk(id, BULK)));
    let chunk = world.server.read_bulk(id, BULK).expect("told of");
    assert_eq!((chunk.bytes, chunk.is_last), (b"and back".as_slice(), true));
    assert!(world.server.read_bulk(id, BULK).is_none() && world.ends().is_empty());
}

/// Near the server acks come back with every tick: held by the flight alone, a client's upload ran at eight times its rate
/// and used up the packets that its inputs need.
#[test]
fn an_upload_keeps_to_the_rate_and_leaves_the_inputs_their_packets() {
    // proves: PKT-85
    let mut world = World::v4();
    let peer = world.join("192.0.2.1:5000", 1);
    world.run_ms(1_000);
    let id = world.id_of(1);
    let (start, rate) = (world.sent.len(), 24_000);
    for _ in 0..60 * 20 {
        world.server.on_tick_edge(world.now, id);
        let _ = world.server.send_snapshot(id, PartId(7), &[0; 40]);
        let client = &mut world.peers[peer].client;
        client.on_tick_edge(world.now);
        client.send(INPUT, b"forward").expect("taken");
        let _ = client.send_bulk(BULK, &[0x5A; 4_000]);
        world.run_ms(16);
        while world.server.read_bulk(id, BULK).is_some() {}
    }
    assert_eq!(world.server.counters().drop_session_rate, 0);
    let up = world.sent[start..].iter().filter(|sent| sent.to == world.server_address);
    let bytes: usize = up.map(|sent| sent.bytes.len() + 28).sum();
    let paid = rate * 20 * 16 * 60 / 1_000 + 4_000;
    assert!(bytes <= paid, "{bytes} of {paid}");
    assert!(world.peers[peer].client.stats().bulk_raw_out > 1_000_000, "it compresses well");
}
