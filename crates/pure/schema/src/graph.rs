//! Loops among rules.

/// The rules at which loops close: each loop has at least one of them. Sorted, each once.
///
/// A search in depth with a stack of its own, so a long chain of references costs no stack.
pub(crate) fn loops(count: usize, edges: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let mut states = vec![State::New; count];
    let mut closing = Vec::new();
    for start in 0..count {
        let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut next = Some(start);
        loop {
            if let Some(rule) = next.take() {
                match states.get_mut(rule) {
                    Some(state @ State::New) => {
                        *state = State::Open;
                        path.push((rule, edges(rule)));
                    }
                    Some(State::Open) => closing.push(rule),
                    Some(State::Done) | None => {}
                }
            }
            let Some((rule, targets)) = path.last_mut() else { break };
            next = targets.pop();
            if next.is_none() {
                if let Some(state) = states.get_mut(*rule) {
                    *state = State::Done;
                }
                path.pop();
            }
        }
    }
    closing.sort_unstable();
    closing.dedup();
    closing
}

#[derive(Clone, Copy)]
enum State {
    New,
    /// On the path from the start.
    Open,
    Done,
}

#[cfg(test)]
mod tests {
    use super::loops;

    #[test]
    fn each_loop_has_a_rule_that_closes_it() {
        let rows: [(&[&[usize]], &[usize]); 6] = [
            (&[], &[]),
            (&[&[0]], &[0]),
            (&[&[1, 2], &[2], &[]], &[]),
            (&[&[1], &[2], &[0]], &[0]),
            (&[&[1], &[2], &[1]], &[1]),
            (&[&[1, 2], &[0], &[3], &[2]], &[0, 2]),
        ];
        for (edges, closing) in rows {
            assert_eq!(loops(edges.len(), |rule| edges[rule].to_vec()), closing, "{edges:?}");
        }
    }

    #[test]
    fn a_long_chain_is_no_deep_recursion() {
        let count = 1_000_000;
        assert_eq!(loops(count, |rule| vec![(rule + 1) % count]), [0]);
    }
}
