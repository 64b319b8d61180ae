//! What is kept, who waits for whom, and that nothing makes the table grow.

use std::{
    collections::HashMap,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Wake,
    thread,
};

use postern_policy::ExecuteApiBase;
use proptest::prelude::*;

use super::*;
use crate::IdentityFault;

/// An answer that says who is asked for.
fn output(principal: u64) -> Arc<AuthorizerOutput> {
    let payload = format!(
        r#"{{"principalId": "{principal}", "policyDocument": {{"Version": "2012-10-17",
            "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*"}}}}}}"#
    );
    Arc::new(AuthorizerOutput::parse(payload.as_bytes(), &ExecuteApiBase::sample()).unwrap())
}

fn principal(output: &AuthorizerOutput) -> u64 {
    output.context().next().unwrap().1.parse().unwrap()
}

/// An identity of a set, as its hash.
fn key(set: u64, number: u64) -> Key {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&(set % SETS).to_le_bytes());
    key[8..16].copy_from_slice(&number.to_le_bytes());
    key
}

fn lead<'c>(cache: &'c AnswerCache, key: &Key, now: u64) -> Lead<'c> {
    match cache.find(key, now) {
        Found::Nothing(lead) => lead,
        Found::Answer(_) => panic!("there is an answer"),
        Found::Asked(_) => panic!("it is asked for"),
    }
}

fn wait(cache: &AnswerCache, key: &Key) -> Wait {
    match cache.find(key, 0) {
        Found::Asked(wait) => wait,
        Found::Answer(_) => panic!("there is an answer"),
        Found::Nothing(_) => panic!("nobody asks for it"),
    }
}

fn kept(cache: &AnswerCache, key: &Key, now: u64) -> Option<u64> {
    match cache.find(key, now) {
        Found::Answer(output) => Some(principal(&output)),
        Found::Asked(_) | Found::Nothing(_) => None,
    }
}

/// Of the first sets: how many answers stand in the fullest, how many bytes they have, and how many there
/// are in all.
fn fill(cache: &AnswerCache) -> (usize, usize, usize) {
    let sets = cache.sets.get().map(|sets| &**sets).unwrap_or_default();
    let of_set = |set: &Set| {
        let entries: Vec<_> = set.ways.iter().filter_map(ArcSwapOption::load_full).collect();
        (entries.len(), entries.iter().filter_map(|entry| entry.bytes()).sum::<usize>())
    };
    let all: Vec<(usize, usize)> = sets.iter().take(4).map(of_set).collect();
    let most = |of: fn(&(usize, usize)) -> usize| all.iter().map(of).max().unwrap_or_default();
    (most(|set| set.0), most(|set| set.1), all.iter().map(|set| set.0).sum())
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(wait: &mut Wait, woken: &Arc<Woken>) -> Poll<Option<Result<u64, Refusal>>> {
    let waker = Waker::from(Arc::clone(woken));
    let told = pin!(wait).poll(&mut Context::from_waker(&waker));
    told.map(|told| told.map(|answer| answer.map(|output| principal(&output))))
}

#[test]
fn au_69_whoever_comes_meanwhile_waits_for_the_same_call() {
    let cache = AnswerCache::new([1; 32]);
    let asked = lead(&cache, &key(1, 1), 0);
    let woken = [Arc::<Woken>::default(), Arc::default()];
    let mut waits = [wait(&cache, &key(1, 1)), wait(&cache, &key(1, 1))];
    for (wait, woken) in waits.iter_mut().zip(&woken) {
        assert_eq!(poll(wait, woken), Poll::Pending);
        assert_eq!(poll(wait, woken), Poll::Pending, "asked again, it is told once");
    }
    asked.answered(&output(7), 100, 50);
    for (wait, woken) in waits.iter_mut().zip(&woken) {
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert_eq!(poll(wait, woken), Poll::Ready(Some(Ok(7))));
    }
    assert_eq!((kept(&cache, &key(1, 1), 49), kept(&cache, &key(1, 2), 49)), (Some(7), None));
}

#[test]
fn au_69_a_failed_call_is_told_to_those_who_wait_and_to_nobody_else() {
    let cache = AnswerCache::new([1; 32]);
    let asked = lead(&cache, &key(1, 1), 0);
    let woken = Arc::default();
    let mut waiting = wait(&cache, &key(1, 1));
    assert_eq!(poll(&mut waiting, &woken), Poll::Pending);
    let refusal = Refusal::Unauthorized(IdentityFault::Refused);
    asked.failed(&refusal);
    assert_eq!(poll(&mut waiting, &woken), Poll::Ready(Some(Err(refusal))));
    assert_eq!(fill(&cache), (0, 0, 0));
    lead(&cache, &key(1, 1), 0).answered(&output(1), 1, 1);
}

#[test]
fn whoever_waits_for_one_that_went_away_asks_anew() {
    let cache = AnswerCache::new([1; 32]);
    let asked = lead(&cache, &key(1, 1), 0);
    let woken = Arc::default();
    let mut waits = [wait(&cache, &key(1, 1)), wait(&cache, &key(1, 1))];
    assert!(waits.iter_mut().all(|wait| poll(wait, &woken) == Poll::Pending));
    drop(asked);
    assert_eq!(woken.0.load(Ordering::SeqCst), 2);
    assert!(waits.iter_mut().all(|wait| poll(wait, &woken) == Poll::Ready(None)));
    let again = lead(&cache, &key(1, 1), 0);
    let mut waiting = wait(&cache, &key(1, 1));
    again.answered(&output(2), 1, 10);
    assert_eq!(poll(&mut waiting, &woken), Poll::Ready(Some(Ok(2))));
}

#[test]
fn au_65_an_answer_holds_until_its_moment() {
    let cache = AnswerCache::new([1; 32]);
    lead(&cache, &key(1, 1), 0).answered(&output(1), 1, 100);
    assert_eq!((kept(&cache, &key(1, 1), 99), kept(&cache, &key(1, 1), 100)), (Some(1), None));
    // Asked for anew it takes its own place again.
    assert_eq!(fill(&cache).2, 0, "the lead went away and took its place with it");
}

#[test]
fn au_70_the_least_recently_used_of_a_set_makes_room() {
    let cache = AnswerCache::new([1; 32]);
    for number in 0..8 {
        lead(&cache, &key(3, number), number * USE_RESOLUTION).answered(&output(number), 1, u64::MAX);
    }
    let now = 20 * USE_RESOLUTION;
    assert_eq!(kept(&cache, &key(3, 0), now), Some(0));
    lead(&cache, &key(3, 8), now).answered(&output(8), 1, u64::MAX);
    for number in [0, 2, 3, 4, 5, 6, 7, 8] {
        assert_eq!(kept(&cache, &key(3, number), now), Some(number));
    }
    assert_eq!(kept(&cache, &key(3, 1), now), None);
}

#[test]
fn a_set_in_which_everybody_waits_calls_without_a_place() {
    let cache = AnswerCache::new([1; 32]);
    let leads: Vec<Lead<'_>> = (0..8).map(|number| lead(&cache, &key(3, number), 0)).collect();
    let beyond = [lead(&cache, &key(3, 8), 0), lead(&cache, &key(3, 8), 0)];
    for lead in beyond {
        lead.answered(&output(8), 1, u64::MAX);
    }
    assert_eq!(kept(&cache, &key(3, 8), 0), None);
    for lead in leads {
        lead.answered(&output(1), 1, u64::MAX);
    }
    assert_eq!(fill(&cache), (8, 8, 8));
}

#[test]
fn a_large_answer_is_given_and_not_kept() {
    let cache = AnswerCache::new([1; 32]);
    let asked = lead(&cache, &key(1, 1), 0);
    let mut waiting = wait(&cache, &key(1, 1));
    asked.answered(&output(1), SET_BYTES_MAX + 1, u64::MAX);
    assert_eq!(poll(&mut waiting, &Arc::default()), Poll::Ready(Some(Ok(1))));
    assert_eq!(kept(&cache, &key(1, 1), 0), None);
    assert_eq!(fill(&cache), (0, 0, 0));
}

#[test]
fn a_long_row_of_those_who_wait_is_told_and_dropped() {
    let cache = AnswerCache::new([1; 32]);
    let asked = lead(&cache, &key(1, 1), 0);
    let woken = Arc::default();
    let mut waits: Vec<Wait> = (0..100_000).map(|_| wait(&cache, &key(1, 1))).collect();
    assert!(waits.iter_mut().all(|wait| poll(wait, &woken) == Poll::Pending));
    asked.answered(&output(1), 1, 1);
    assert_eq!(woken.0.load(Ordering::SeqCst), 100_000);
    drop(cache);
    assert!(waits.iter_mut().all(|wait| poll(wait, &woken) == Poll::Ready(Some(Ok(1)))));
}

/// Many threads ask for few identities: each is called for once.
#[test]
fn au_69_one_call_is_made_by_all_workers_together() {
    const IDENTITIES: u64 = 64;
    let cache = AnswerCache::new([1; 32]);
    let calls = AtomicUsize::new(0);
    let ask = |number: u64| match cache.find(&key(number, number), 0) {
        Found::Answer(output) => principal(&output),
        Found::Asked(wait) => {
            let mut wait = pin!(wait);
            loop {
                if let Poll::Ready(told) = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    return principal(&told.unwrap().unwrap());
                }
                thread::yield_now();
            }
        }
        Found::Nothing(lead) => {
            calls.fetch_add(1, Ordering::SeqCst);
            thread::yield_now();
            lead.answered(&output(number), 1, 10);
            number
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..IDENTITIES {
                    assert_eq!(ask(number), number);
                }
            });
        }
    });
    assert_eq!(calls.load(Ordering::SeqCst) as u64, IDENTITIES);
}

/// One thing that happens to a table.
#[derive(Clone, Debug)]
enum Step {
    Answer { number: u64, bytes: usize, seconds: u64 },
    Fail(u64),
    GiveUp(u64),
    Look(u64),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few sets, so that they are full.
    let number = 0_u64..60;
    let step = prop_oneof![
        4 => (number.clone(), 0_usize..40_000, 1_u64..30)
            .prop_map(|(number, bytes, seconds)| Step::Answer { number, bytes, seconds }),
        1 => number.clone().prop_map(Step::Fail),
        1 => number.clone().prop_map(Step::GiveUp),
        4 => number.prop_map(Step::Look),
        2 => (0_u64..5).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The table gives no answer that a map without bounds does not give, and stays within its own.
    #[test]
    fn au_70_nothing_makes_the_table_grow(steps in steps()) {
        let cache = AnswerCache::new([1; 32]);
        let mut slow: HashMap<u64, u64> = HashMap::new();
        let mut now = 0;
        let key_of = |number: u64| key(number % 3, number);
        let outputs: Vec<_> = (0..60).map(output).collect();
        for step in steps {
            match step {
                Step::Pass(seconds) => now += seconds * USE_RESOLUTION,
                Step::Look(number) => {
                    if kept(&cache, &key_of(number), now).is_some() {
                        prop_assert!(slow.get(&number).is_some_and(|until| now < *until), "{number}");
                    }
                }
                Step::Answer { number, bytes, seconds } => {
                    if let Found::Nothing(lead) = cache.find(&key_of(number), now) {
                        let until = now + seconds * USE_RESOLUTION;
                        lead.answered(&outputs[usize::try_from(number).unwrap()], bytes, until);
                        slow.insert(number, until);
                        let is_kept = kept(&cache, &key_of(number), now) == Some(number);
                        prop_assert_eq!(is_kept, bytes <= SET_BYTES_MAX, "{}", number);
                    }
                }
                Step::Fail(number) => {
                    if let Found::Nothing(lead) = cache.find(&key_of(number), now) {
                        lead.failed(&Refusal::Overloaded);
                        slow.remove(&number);
                    }
                }
                Step::GiveUp(number) => {
                    if let Found::Nothing(lead) = cache.find(&key_of(number), now) {
                        drop(lead);
                        slow.remove(&number);
                    }
                }
            }
            let (entries, bytes, all) = fill(&cache);
            prop_assert!(entries <= WAYS && bytes <= SET_BYTES_MAX && all <= 3 * WAYS, "{entries} {bytes} {all}");
        }
    }
}

#[test]
fn a_table_has_ten_thousand_places() {
    assert_eq!(SETS * WAYS as u64, 10_000);
}
