//! Item 15, behind the transport: what one client can put between the gate and the world in one tick.
use crate::Crowd;
use protocol::Input;
use protocol::codec;
use protocol::input::{INPUT_MESSAGE_BYTES_MAX, InputMessage};
use protocol::message::ClientMessage;
use rudp::channel;
use server::Inbound;

/// One sends as many inputs and requests as its transport lets through, the others an input each tick.
#[test]
fn survival_15_a_greedy_client_takes_no_others_input_and_no_others_place_in_a_batch() {
    let mut crowd = Crowd::new(50);
    crowd.rig.run_ticks(60);
    for _ in 0..20 {
        crowd.join();
    }
    for _ in 0..180 {
        crowd.tick();
    }
    assert_eq!(crowd.spoken(), 20);
    // What waits from the ticks before is not at issue.
    let mut batch = Inbound::default();
    crowd.rig.gate.swap_inbound(crowd.rig.now, &mut batch);
    let now = crowd.rig.now;
    let mut buf = [0; 1_500];
    let mut input = [0; INPUT_MESSAGE_BYTES_MAX];
    let mut echo = Vec::new();
    for round in 0..240_u32 {
        let greedy = &mut crowd.members[0];
        for n in 0..60 {
            let message = InputMessage::new((round * 60 + n) as u16, &[Input::default()]);
            let len = message.encode(&mut input);
            let _ = greedy.client.send(channel::INPUT, &input[..len]);
        }
        echo.clear();
        codec::encode(&ClientMessage::Echo { number: round }, &mut echo);
        let _ = greedy.client.send(channel::CONTROL, &echo);
        while let Some(transmit) = greedy.client.poll_transmit(now, &mut buf) {
            crowd.rig.gate.handle_datagram(now, greedy.address, &mut buf[..transmit.len]);
        }
    }
    for member in &mut crowd.members[1..] {
        let len = InputMessage::new(1, &[Input::default()]).encode(&mut input);
        member.client.send(channel::INPUT, &input[..len]).unwrap();
    }
    crowd.deliver_up();
    let dropped = crowd.rig.gate.gate_counters().inputs_dropped;
    assert!(dropped > 1_000, "{dropped} inputs of the greedy one had no room");
    let mut batch = Inbound::default();
    crowd.rig.gate.swap_inbound(now, &mut batch);
    let (events, inputs) = (batch.events_waiting(), batch.inputs_waiting());
    assert!(events <= 64, "{events} messages wait, a session may have 64");
    assert_eq!(inputs, 16 + 19, "sixteen of the greedy one, one of each other");
    assert!(crowd.members.iter().all(|member| member.gone.is_empty()));
}
