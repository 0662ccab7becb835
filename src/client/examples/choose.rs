//! Chooses whom to play. `cargo run -p client --example choose -- TOKEN_FILE [create NAME CLASS TEAM | delete ID | play ID]`
//!
//! The token is one that leaves the choice to its bearer: `cargo run -p admin -- token --account 42 --name ada --choose --out FILE`.

use client::{ClientEvent, driver::Driver};
use protocol::character::is_name;
use protocol::message::ServerMessage;
use protocol::{CharacterId, ClassId, Input, RosterStep};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (file, words) =
        words.split_first().ok_or("usage: choose TOKEN_FILE [create NAME CLASS TEAM | delete ID | play ID]")?;
    let mut step = read_step(words)?;
    let mut driver = Driver::connect(rudp::ConnectToken::decode(&std::fs::read(file)?)?, None)?;
    while !driver.is_over() {
        driver.turn(|_, _| Input::default())?;
        while let Some(event) = driver.poll_event() {
            match event {
                ClientEvent::Message(ServerMessage::Roster(rows)) => {
                    for row in rows {
                        println!(
                            "{:>20}  {:<16} class {} team {} level {}",
                            row.character.0, row.name, row.class.0, row.team, row.level
                        );
                    }
                    match step.take() {
                        Some(step) => drop(driver.client.roster(step)?),
                        None => return leave(driver),
                    }
                }
                ClientEvent::Message(ServerMessage::Done { result: Err(refusal), .. }) => {
                    println!("refused: {refusal}");
                    return leave(driver);
                }
                ClientEvent::Joined(welcome) => {
                    println!("in the world as {:?}", welcome.own);
                    return leave(driver);
                }
                ClientEvent::Disconnected(reason) => println!("over: {reason:?}"),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Says so, in the datagrams that are ready at once.
fn leave(mut driver: Driver) -> Result<(), Box<dyn Error>> {
    let now = driver.now();
    driver.client.disconnect(now);
    Ok(driver.pump(|_, _| Input::default())?)
}

fn read_step(words: &[&str]) -> Result<Option<RosterStep>, Box<dyn Error>> {
    Ok(Some(match *words {
        [] => return Ok(None),
        ["create", name, class, team] if is_name(name) => {
            RosterStep::Create { name: name.to_owned(), class: ClassId(class.parse()?), team: team.parse()? }
        }
        ["create", name, ..] => return Err(format!("{name} is no name, or class and team are missing").into()),
        ["delete", id] => RosterStep::Delete { character: CharacterId(id.parse()?) },
        ["play", id] => RosterStep::Play { character: CharacterId(id.parse()?) },
        _ => return Err("that is none of create, delete and play".into()),
    }))
}
