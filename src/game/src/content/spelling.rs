//! What somebody meant who mistyped a name: content files, and the server's own settings, ask here.

/// The real name that `typed` most probably meant, if any is near; of several the first in the alphabet.
#[must_use]
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (best, name) = names.into_iter().map(|name| (distance(typed, name), name)).min()?;
    is_near(best, typed).then_some(name)
}

/// Whether so many mistakes in what was typed are few enough to guess what was meant: one character in three, or two.
#[must_use]
pub fn is_near(distance: usize, typed: &str) -> bool {
    distance <= typed.len().div_ceil(3).max(2)
}

/// Edit distance: insertions, deletions and replacements of one character (Levenshtein, two rows).
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, from) in a.chars().enumerate() {
        let mut left = row + 1;
        let mut diagonal = row;
        for (column, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = above[column + 1];
            above[column] = left;
            left = replaced.min(diagonal + 1).min(left + 1);
        }
        above[b.len()] = left;
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_single_character_mistakes() {
        for (a, b, expected) in [("", "", 0), ("", "abc", 3), ("listen", "lisen", 1), ("kitten", "sitting", 3)] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_name_is_the_one_with_the_fewest_mistakes_and_a_far_one_is_none() {
        assert_eq!(nearest("burnin", ["burning", "burnt", "frozen"]), Some("burning"));
        assert_eq!(nearest("bxrn", ["born", "barn"]), Some("barn"), "of two as near the first in the alphabet");
        assert_eq!(nearest("weakness", ["burning", "frozen"]), None);
        assert_eq!(nearest("a", []), None);
    }
}
