//! What the program does instead of running a server: it looks after a data directory that no server uses, or after what one
//! has left behind.

use crate::config::Config;
use crate::edge::{self, GateWish, NamedSession, ReplayWish, care};
use clap::Subcommand;
use game::Extensions;
use protocol::CharacterId;
use std::path::PathBuf;

/// One of them.
#[derive(Debug, Subcommand)]
pub enum Errand {
    /// Check every row of a journal and say what it holds; status 1 if anything cannot be read or was made or lost in silence
    Verify {
        /// First move each posting of the outbox that cannot be read into a table beside it, so that what is behind it reaches
        /// MariaDB
        #[arg(long)]
        set_aside_unreadable: bool,
    },
    /// Make the journal of the data directory of a backup; a journal that is there is moved aside
    Restore {
        /// The backup, as `admin backup` made it: it stays as it is
        backup: PathBuf,
    },
    /// Hand over a dead server's journal to MariaDB, so that other servers may have its characters
    Import {
        /// The dead server's data directory; its server must not run
        dir: PathBuf,
        /// The name that the dead server had (its server.name)
        #[arg(long)]
        name: String,
    },
    /// Give up a server whose journal is lost for ever, so that others may have its characters as MariaDB has them
    ///
    /// What that server told its players was done, and had not brought to MariaDB yet, is lost. If its journal is there, even
    /// an old disk that can still be read, import it instead. Should the server come back with that journal, it can write
    /// nothing more to MariaDB and lets nobody in: move its data directory away and start it on an empty one.
    Forget {
        /// The name that the server had (its server.name)
        #[arg(long)]
        name: String,
        /// Says that nobody will ever read that journal again
        #[arg(long)]
        yes_the_journal_is_lost: bool,
    },
    /// Do again what a flight log says that a world did, and hold it against what came of it; status 1 at the first difference
    ///
    /// A server writes one if flight.record is true. Neither that server nor anything it used is needed, only its build. A log
    /// that ends within a record is one of a server that was killed, and fine up to there.
    Replay {
        /// A page of a realm's log, or the directory with all of them: DATA_DIR/flight
        #[arg(value_name = "LOG")]
        recording: PathBuf,
        /// Also tell the story of the character with this id: what its player sent, and what he was told
        #[arg(long, value_name = "CHARACTER")]
        story: Option<u64>,
        /// The first tick of the story
        #[arg(long, value_name = "TICK", default_value_t = 0)]
        from: u32,
        /// The last tick of the story
        #[arg(long, value_name = "TICK", default_value_t = u32::MAX)]
        to: u32,
    },
    /// Print what a flight log says of the gate: who came, went, fell silent and moved, and what was refused, a line each
    ///
    /// Lines begin with the server's monotonic clock in seconds and the session, as SLOT.GENERATION. Addresses, and the bytes
    /// of packets, stand there as numbers that are the same for the same ones.
    GateLog {
        /// A page of a gate's log, or the directory with all of them: DATA_DIR/flight
        #[arg(value_name = "LOG")]
        recording: PathBuf,
        /// Only of this session
        #[arg(long, value_name = "SLOT.GENERATION")]
        session: Option<NamedSession>,
        /// Also each packet that was opened
        #[arg(long)]
        packets: bool,
    },
}

impl Errand {
    /// Does it, and says what it did.
    ///
    /// # Errors
    /// One sentence.
    pub fn run(&self, config: &Config, extensions: &Extensions) -> Result<(), String> {
        match self {
            Self::Replay { recording, story, from, to } => {
                let wish = ReplayWish { story: story.map(CharacterId), from: *from, to: *to };
                edge::replay(recording, extensions, wish)
            }
            Self::GateLog { recording, session, packets } => {
                let wish = GateWish { session: *session, packets: *packets };
                edge::gate_log(recording, wish, &mut std::io::BufWriter::new(std::io::stdout().lock()))
            }
            Self::Verify { set_aside_unreadable: false } => verify(config),
            Self::Verify { set_aside_unreadable: true } => set_aside_unreadable(config).and_then(|()| verify(config)),
            Self::Restore { backup } => restore(config, backup),
            Self::Import { dir, name } => import(config, dir, name),
            Self::Forget { yes_the_journal_is_lost: false, .. } => Err(NOT_SAID.to_owned()),
            Self::Forget { name, .. } => forget(config, name),
        }
    }
}

fn verify(config: &Config) -> Result<(), String> {
    let inventory = care::verify(&config.data_dir).map_err(|error| error.to_string())?;
    print!("{}", care::table(&inventory));
    if inventory.is_sound() {
        return Ok(());
    }
    let unreadable = match inventory.unreadable_rows {
        0 => "no row that cannot be read".to_owned(),
        1 => "1 row that cannot be read".to_owned(),
        many => format!("{many} rows that cannot be read"),
    };
    Err(format!("the journal in {} is not sound: it has {unreadable}, see above", config.data_dir.display()))
}

fn set_aside_unreadable(config: &Config) -> Result<(), String> {
    let done = care::set_aside_unreadable(&config.data_dir).map_err(|error| error.to_string())?;
    for torn in &done.postings {
        println!("set aside: {torn}");
    }
    match done.postings.len() {
        0 => println!("set aside: nothing, every posting can be read"),
        _ => println!("MariaDB is told again of {} characters and accounts, and of the ground", done.told_again),
    }
    for untold in &done.untold {
        println!("not told again: {untold}");
    }
    Ok(())
}

fn restore(config: &Config, backup: &std::path::Path) -> Result<(), String> {
    let restored = care::restore(backup, &config.data_dir).map_err(|error| error.to_string())?;
    print!("{}", care::table(&restored.inventory));
    println!("restored       {} from {}", config.data_dir.display(), backup.display());
    match &restored.before {
        Some(before) => println!("moved aside    the journal that was there is {}", before.display()),
        None => println!("moved aside    nothing: there was no journal"),
    }
    let taken = restored.resumed;
    println!("taken out      {} leases and {} starts that were put by", taken.leases, taken.incarnations);
    println!("goes on        after transaction {}", taken.seq);
    if taken.is_introduced {
        println!(
            "beware         MariaDB is newer than this backup: whoever comes is looked up there, but what lay on the ground\n\
             \x20              then lies there again, also what somebody has picked up since; without a backup, on an empty\n\
             \x20              data directory, only what lies on the ground is missing"
        );
    }
    Ok(())
}

fn import(config: &Config, dir: &std::path::Path, name: &str) -> Result<(), String> {
    let stores = crate::edge::stores_with_passwords(&config.stores)?;
    let mut tell = |[postings, checkpoints, leases]: [u64; 3]| {
        println!("left: {postings} postings, {checkpoints} checkpoints, {leases} leases");
    };
    let imported = care::import(dir, name, &stores, &mut tell).map_err(|error| error.to_string())?;
    let care::Imported { postings, checkpoints, leases } = imported;
    println!("imported: {postings} postings, {checkpoints} checkpoints, {leases} leases; MariaDB has all of {name}");
    Ok(())
}

fn forget(config: &Config, name: &str) -> Result<(), String> {
    let stores = crate::edge::stores_with_passwords(&config.stores)?;
    let leases = care::forget(name, &stores).map_err(|error| error.to_string())?;
    println!("forgotten: {name}, which had {leases} characters; other servers may have them as MariaDB has them");
    println!("lost: all that {name} had told its players was done and that was only in its journal");
    Ok(())
}

/// Nobody is to lose anything because he guessed.
const NOT_SAID: &str = "what is only in that server's journal will be lost: import it if it can be read at all, or say \
    --yes-the-journal-is-lost";
