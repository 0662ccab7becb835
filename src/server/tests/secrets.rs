//! What no flight log has in it, whether it shows texts as they are or not, and what only one has that does.

mod rig;

use netem::LinkConfig;
use protocol::{AccountId, ClassId, RosterStep};
use rig::{Rig, Tape};
use server::Operation;
use server::flight::{Frames, GateScribe, Key, Record, Terms, Veil, unpack};
use std::collections::BTreeSet;
use std::sync::Arc;

/// As accounts are called, as their characters are, and what an operator says.
const ACCOUNT: &str = "Quibblewort";
const CHARACTER: &str = "Zanzibarth";
const CHAT: &str = "Meet me below the seventh lighthouse";
/// Whoever finds so much of a key has no need of the rest.
const WINDOW: usize = 16;

/// A life with choosers, chat and several pages, and its logs: the realm's and the gate's.
fn lived(is_plain: bool) -> (Rig, [Tape; 2]) {
    let (realm, gate) = (Tape::with_pages_of(60_000), Tape::default());
    let veil = if is_plain { Veil::Plain } else { Veil::Keyed(Key::new([99; 16])) };
    let terms = Terms { veil, whole_every_ticks: 7 };
    let mut rig = Rig::recorded(LinkConfig::default(), terms, &realm, |config| {
        config.content = Arc::new(game::content::shipped(""));
        config.save_interval_ns = 500_000_000;
    });
    rig.gate.set_witness(Box::new(GateScribe::new(Box::new(gate.clone()), Key::new([98; 16]), is_plain)));
    ACCOUNT.clone_into(&mut rig.name);
    for number in 1..=6 {
        rig.join(number);
    }
    rig.run_until_joined(300);
    rig.chooses = true;
    let chooser = rig.join(7);
    rig.run_ticks(30);
    let create = RosterStep::Create { name: CHARACTER.to_owned(), class: ClassId(1), team: 0 };
    rig.bots[chooser].client.roster(create).unwrap();
    rig.run_ticks(30);
    let [made] = &rig.enrolled(AccountId(7))[..] else { panic!("a character was made") };
    let character = made.listing.character;
    rig.bots[chooser].client.roster(RosterStep::Play { character }).unwrap();
    rig.run_until_joined(300);
    for tick in 0..300 {
        rig.run_ticks(1);
        rig.load(400_000);
        if tick % 100 == 50 {
            rig.operate(Operation::Say { to: None, text: CHAT.to_owned() });
        }
    }
    rig.end();
    (rig, [realm, gate])
}

/// All that can be read in a log: its pages as they are, its records, and what is packed in these.
fn readable(tape: &Tape) -> Vec<Vec<u8>> {
    let pages = tape.pages.lock().unwrap().clone();
    let mut all = Vec::new();
    for page in &pages {
        let (mut frames, mut body) = (Frames::new(page), Vec::new());
        while frames.next(&mut body).unwrap().is_some() {
            all.extend(body.get(1..).and_then(unpack));
            all.push(std::mem::take(&mut body));
        }
    }
    all.extend(pages);
    all
}

/// Each stretch of a window's length in what nobody may read: sealed tokens and their nonces, and the keys of both ways.
fn windows_of_secrets(rig: &Rig) -> BTreeSet<[u8; WINDOW]> {
    let mut windows = BTreeSet::new();
    for token in &rig.tokens {
        let keys = [token.client_to_server.as_bytes(), token.server_to_client.as_bytes()];
        for secret in [&token.sealed[..], &token.nonce, keys[0], keys[1]] {
            windows.extend(secret.array_windows::<WINDOW>().copied());
        }
    }
    windows
}

fn has_any(readable: &[Vec<u8>], windows: &BTreeSet<[u8; WINDOW]>) -> bool {
    readable.iter().any(|bytes| bytes.array_windows::<WINDOW>().any(|window| windows.contains(window)))
}

fn has_text(readable: &[Vec<u8>], text: &str) -> bool {
    readable.iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn no_token_and_no_key_is_in_either_log_and_names_and_words_are_only_where_texts_are_written_as_they_are() {
    for is_plain in [false, true] {
        let (rig, tapes) = lived(is_plain);
        let [realm, gate] = tapes.each_ref().map(readable);
        let captures = realm.iter().filter(|body| matches!(Record::decode(body), Some(Record::Capture(_)))).count();
        assert!(captures >= 2 && gate.len() > 1_000, "{captures} captures, {} records of the gate", gate.len());

        let secrets = windows_of_secrets(&rig);
        assert!(secrets.len() > 7 * 1_000, "{} windows of seven people's secrets", secrets.len());
        assert!(!has_any(&realm, &secrets) && !has_any(&gate, &secrets), "plain: {is_plain}");
        for text in [ACCOUNT, CHARACTER, CHAT] {
            assert_eq!(has_text(&realm, text), is_plain, "{text} in the realm's log");
        }
        // What operators say leaves through the gate; a name that somebody wants comes in.
        assert_eq!(has_text(&gate, CHARACTER), is_plain, "{CHARACTER} in the gate's log");
        assert!(!has_text(&gate, ACCOUNT) && !has_text(&gate, CHAT), "the gate's log is of what came in");
    }
}

/// Whether the search would find anything: all that it must not find is found where it is put.
#[test]
fn a_log_with_half_a_key_in_it_would_be_noticed() {
    let (rig, [realm, _]) = lived(false);
    let secrets = windows_of_secrets(&rig);
    let key = rig.tokens[3].server_to_client.as_bytes();
    let mut readable = readable(&realm);
    readable[5].extend_from_slice(&key[WINDOW..]);
    assert!(has_any(&readable, &secrets));
}
