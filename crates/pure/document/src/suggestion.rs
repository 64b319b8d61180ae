//! "Did you mean …?"

/// The known word nearest to what was written, if one is near enough to be meant.
///
/// ```
/// use postern_document::did_you_mean;
///
/// assert_eq!(did_you_mean("stagename", ["stageName", "variables"]), Some("stageName"));
/// assert_eq!(did_you_mean("colour", ["stageName", "variables"]), None);
/// ```
pub fn did_you_mean<'words>(
    written: &str,
    known: impl IntoIterator<Item = &'words str>,
) -> Option<&'words str> {
    let written_lower = written.to_lowercase();
    known
        .into_iter()
        .map(|word| (distance(&written_lower, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Edits between two words: insert, remove, replace, or swap of neighbours.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (row, a) in one.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in other.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&last, column) + usize::from(a != *b);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let before = column.checked_sub(1).and_then(|before| other.get(before));
            if previous == Some(*b) && before == Some(&a) {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        previous = Some(a);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}
