//! "Did you mean": the nearest of the known words. Knows no language and no list of its own.

/// The known word that a slip of the fingers turns into `word`, if one is near enough.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |text: &str| -> Vec<char> {
        text.chars().filter(|c| *c != '_' && *c != '-').flat_map(char::to_lowercase).take(64).collect()
    };
    let word = folded(word);
    let reach = (word.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &folded(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= reach && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A hint out of the nearest word and the whole list, both optional.
pub(super) fn hint(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(word, known.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?   known here: {list}"),
        None => format!("known here: {list}"),
    }
}

/// Edits from one word to the other: insert, delete, replace, swap of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
