//! Characters that people make for themselves: what they may be called, and what is said of them before one is played.
//!
//! spec: CHR-2, CHR-3. Both ends hold a name against the same rule, so a client can refuse a name while it is typed.

use crate::{CharacterId, ClassId};
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use unicode_normalization::{char::is_combining_mark, is_nfkc};

/// Most characters of one account: a screen of them, and a list that fits a message (8 of at most 47 bytes).
pub const CHARACTERS_MAX: usize = 8;
/// Characters of a name at least: two are initials.
pub const NAME_CHARS_MIN: usize = 3;
/// Characters of a name at most: more do not fit above a head.
pub const NAME_CHARS_MAX: usize = 16;
/// Bytes of a name at most, in UTF-8: what a token has room for, so that every name fits where names are shown.
pub const NAME_BYTES_MAX: usize = 32;
/// Letters that show nothing, though no form of normalization takes them away: the two fillers of Hangul syllables, and the
/// two blanks of hieroglyphs.
const BLANK_LETTERS: [char; 4] = ['\u{115f}', '\u{1160}', '\u{13441}', '\u{13442}'];

/// Something that a guest does with the characters of his account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RosterStep {
    /// Makes a new one.
    Create {
        /// Its name, by the rule of [`is_name`].
        name: String,
        /// What it is.
        class: ClassId,
        /// Its team; 0 for none.
        team: u8,
    },
    /// Takes one out of the world for ever, with all that it has.
    Delete {
        /// Which.
        character: CharacterId,
    },
    /// Enters the world with one.
    Play {
        /// Which.
        character: CharacterId,
    },
}

/// One character of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RosterRow {
    /// Which.
    pub character: CharacterId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub class: ClassId,
    /// Its team; 0 for none.
    pub team: u8,
    /// How far it has come; 1 of one that was never played.
    pub level: u8,
}

/// Whether a character may have this name.
///
/// spec: CHR-3. Letters and digits of any script, without marks that combine and as compatibility composition leaves them:
/// what looks alike because it is written in two ways has one of them. All of it is seen: a letter that shows nothing is none. A
/// hyphen or an apostrophe stands between two others.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() && !is_combining_mark(c) && !BLANK_LETTERS.contains(&c);
    let is_joint = |c: char| matches!(c, '-' | '\'');
    // First what is cheap: a name comes from anybody.
    name.len() <= NAME_BYTES_MAX
        && (NAME_CHARS_MIN..=NAME_CHARS_MAX).contains(&name.chars().count())
        && name.chars().all(|c| is_plain(c) || is_joint(c))
        && !name.starts_with(is_joint)
        && !name.ends_with(is_joint)
        && !name.chars().zip(name.chars().skip(1)).any(|(a, b)| is_joint(a) && is_joint(b))
        && is_nfkc(name)
}

/// A name without regard to case: two names that are equal so are one.
///
/// spec: CHR-3. To small letters, to capitals and back to small ones: the way through capitals makes one of letters that have
/// two small forms (the Greek sigma), and the way before it one of those that have two capital ones (the German sharp s).
#[must_use]
pub fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// proves: CHR-3
    #[test]
    fn names_are_letters_and_digits_of_any_script_with_single_joints_inside() {
        let names = [
            "Ada",
            "ada99",
            "O'Neill",
            "Jean-Luc",
            "a-b'c-d",
            "Ünal",
            "Ἀχιλλεύς",
            "Владимир",
            "明日香",
            "نورالدين",
            "0123456789abcdef",
        ];
        for name in names {
            assert!(is_name(name), "{name}");
        }
    }

    /// proves: CHR-3
    #[test]
    fn what_is_too_short_too_long_blank_joined_at_an_edge_or_written_in_two_ways_is_no_name() {
        let others = [
            "",
            "ab",
            "0123456789abcdefg",
            "明日香明日香明日香明日",
            "a b",
            "ada ",
            " ada",
            "-ada",
            "ada-",
            "'ada",
            "a--b",
            "a-'b",
            "ada.",
            "ad\u{0}a",
            "ad\u{7}a",
            "ad\u{200b}a",
            "ad\u{202e}a",
            "ad\u{fe0f}a",
            "Uu\u{308}nal",
            "\u{ff21}da",
            "\u{1d400}da",
            "\u{212b}da",
            "\u{1112}\u{1161}\u{11ab}han",
            "a\u{93f}\u{915}b",
            "ada\u{1f600}",
        ];
        for name in others {
            assert!(!is_name(name), "{name:?}");
        }
    }

    /// What shows nothing where it is supported, and should show nothing where it is not: Default_Ignorable_Code_Point of
    /// Unicode's DerivedCoreProperties. After it letters and symbols that are drawn as nothing all the same.
    const UNSEEN: [(u32, u32); 19] = [
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x200b, 0x200f),
        (0x202a, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xfe00, 0xfe0f),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff0, 0xfff8),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0000, 0xe0fff),
        (0x2800, 0x2800),
        (0x13441, 0x13442),
    ];

    /// proves: CHR-3
    #[test]
    fn every_character_of_a_name_is_seen() {
        let is_unseen = |c: char| UNSEEN.iter().any(|&(first, last)| (first..=last).contains(&u32::from(c)));
        // Alone, between others and at the end: what composes with a neighbour is caught in one of them at least.
        let is_anywhere =
            |c: char| [format!("{c}{c}{c}"), format!("a{c}a"), format!("Ada{c}")].iter().any(|it| is_name(it));
        let accepted: Vec<char> = ('\0'..=char::MAX).filter(|&c| is_anywhere(c)).collect();
        assert!(accepted.len() > 100_000, "{} of them: the letters of the world", accepted.len());
        let unseen: Vec<char> = accepted.into_iter().filter(|&c| is_unseen(c)).collect();
        assert_eq!(unseen, []);
    }

    /// proves: CHR-3
    #[test]
    fn names_that_differ_in_case_alone_are_one() {
        for (one, other) in [
            ("Ada", "aDA"),
            ("ÜNAL", "ünal"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("Strauß", "STRAUSS"),
            ("STRAU\u{1e9e}", "strauß"),
            ("ИВАН", "Иван"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("Ada"), folded("Ade"));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_and_a_name_in_another_case_is_the_same(text in "\\PC{0,20}") {
            prop_assert_eq!(folded(&folded(&text)), folded(&text));
            if is_name(&text) {
                prop_assert!((NAME_CHARS_MIN..=NAME_BYTES_MAX).contains(&text.len()));
            }
        }
    }
}
