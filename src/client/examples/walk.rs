//! Walks in a circle and says whom it meets. `cargo run -p client --example walk -- TOKEN_FILE`

use client::{ClientEvent, driver::Driver};
use protocol::Input;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: walk TOKEN_FILE")?;
    let token = rudp::ConnectToken::decode(&std::fs::read(file)?)?;
    let mut driver = Driver::connect(token, None)?;
    let mut ticks = 0;
    while !driver.is_over() {
        driver.turn(|client, now| {
            ticks += 1;
            if ticks % 60 == 0
                && let Some(own) = client.own_view(now)
            {
                println!("at {:.2} {:.2}, in view:", own.pose.x, own.pose.y);
                for other in client.view(now) {
                    println!("  {:?} at {:.2} {:.2}", other.id, other.pose.x, other.pose.y);
                }
            }
            // Once round in six seconds.
            let (north, east) = (f64::from(ticks) * std::f64::consts::TAU / 360.0).sin_cos();
            Input { move_x: (east * 127.0) as i8, move_y: (north * 127.0) as i8, ..Input::default() }
        })?;
        while let Some(event) = driver.poll_event() {
            match event {
                ClientEvent::Joined(welcome) => println!("in the world as {:?}", welcome.own),
                ClientEvent::Disconnected(reason) => println!("over: {reason:?}"),
                _ => {}
            }
        }
    }
    Ok(())
}
