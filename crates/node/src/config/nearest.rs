//! The known key that a mistyped one most likely means.

/// The candidate with the fewest edits, when these are few enough to be a typing mistake.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.into_iter().map(|candidate| (score(word, candidate), candidate));
    let (edits, best) = scored.min_by_key(|(edits, _)| *edits)?;
    (edits <= 1 + best.len() / 4).then_some(best)
}

/// A key without its table (`network` for `sandbox.network`) counts as one edit away.
fn score(word: &str, candidate: &str) -> usize {
    let last = candidate.rsplit('.').next().unwrap_or(candidate);
    distance(word, candidate).min(1 + distance(word.rsplit('.').next().unwrap_or(word), last))
}

/// Levenshtein distance, by rows.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        assert_eq!(nearest(word, ["listen", "data", "sandbox.network", "sandbox.min_level", "log.filter"]), expected);
    }

    #[test]
    fn typing_mistakes_find_their_key() {
        check("listn", Some("listen"));
        check("sandbox.netwrok", Some("sandbox.network"));
        check("network", Some("sandbox.network"));
        check("sandbox.minlevel", Some("sandbox.min_level"));
        check("log.fliter", Some("log.filter"));
    }

    #[test]
    fn other_words_find_none() {
        check("colour", None);
        check("kubernetes.namespace", None);
    }
}
