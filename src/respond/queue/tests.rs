//! Order, retries and room of a queue, by a clock of our own.

use proptest::prelude::*;

use super::*;

const PAGE: Nature = Nature { rank: 0, word: Word::Begins };
const END: Nature = Nature { rank: 0, word: Word::Ends };
const TICKET: Nature = Nature { rank: 2, word: Word::Begins };

const RETRY: Retry =
    Retry { base: Duration::from_secs(1), cap: Duration::from_secs(60), limit: Duration::from_secs(900) };

fn take(queue: &mut Queue<&'static str>, now: Instant) -> Option<(Key, &'static str, u32)> {
    queue.take(now).map(|(key, job, attempt)| (key, *job, attempt))
}

#[test]
fn a_resolve_never_overtakes_its_trigger_while_other_keys_go_on() {
    let (mut queue, start) = (Queue::new(), Instant::now());
    queue.push("a", PAGE, "trigger a");
    queue.push("a", END, "resolve a");
    queue.push("b", PAGE, "trigger b");
    let (a, job, _) = take(&mut queue, start).unwrap();
    assert_eq!(job, "trigger a");
    assert_eq!(queue.again(&a, start, None, &RETRY), None);
    let (b, job, _) = take(&mut queue, start).unwrap();
    assert_eq!(job, "trigger b");
    assert!(queue.finish(&b, start).is_some());
    assert_eq!(take(&mut queue, start), None, "a waits, and its resolve behind it");
    let due = queue.deadline().unwrap();
    let (a, job, attempt) = take(&mut queue, due).unwrap();
    assert_eq!((job, attempt), ("trigger a", 2));
    assert_eq!(queue.finish(&a, due).unwrap().attempts, 2);
    assert_eq!(take(&mut queue, due).unwrap(), (a.clone(), "resolve a", 1));
    queue.finish(&a, due);
    assert!(!queue.holds("a"));
    assert_eq!(take(&mut queue, due), None);
}

#[test]
fn retry_after_is_waited_out_to_the_end() {
    let (mut queue, start) = (Queue::new(), Instant::now());
    queue.push("a", PAGE, "trigger");
    let (a, ..) = take(&mut queue, start).unwrap();
    assert_eq!(queue.again(&a, start, Some(Duration::from_secs(120)), &RETRY), None);
    assert_eq!(take(&mut queue, start + Duration::from_millis(119_999)), None);
    assert!(take(&mut queue, start + Duration::from_secs(120)).is_some());
}

#[test]
fn a_job_is_given_up_when_its_next_attempt_would_come_after_the_limit() {
    let (mut queue, start) = (Queue::new(), Instant::now());
    queue.push("a", PAGE, "trigger");
    queue.push("a", END, "resolve");
    let mut now = start;
    let over = loop {
        let (a, ..) = take(&mut queue, now).unwrap();
        if let Some(over) = queue.again(&a, now, None, &RETRY) {
            break over;
        }
        now = queue.deadline().unwrap();
    };
    assert_eq!(over.job, "trigger");
    assert!(over.took <= RETRY.limit && over.took > RETRY.limit - RETRY.cap);
    assert!((18..45).contains(&over.attempts), "{}", over.attempts);
    assert_eq!(take(&mut queue, now).unwrap().1, "resolve", "what is behind it still has its turn");
}

#[test]
fn a_wish_beyond_the_limit_gives_up_at_once() {
    let (mut queue, start) = (Queue::new(), Instant::now());
    queue.push("a", END, "resolve");
    let (a, ..) = take(&mut queue, start).unwrap();
    let over = queue.again(&a, start, Some(Duration::from_secs(u64::MAX)), &RETRY);
    assert_eq!(over, Some(Over { job: "resolve", attempts: 1, took: Duration::ZERO }));
}

#[test]
fn an_alert_that_is_still_open_is_tried_for_as_long_as_it_takes() {
    let (mut queue, start) = (Queue::new(), Instant::now());
    queue.push("a", PAGE, "trigger");
    let mut now = start;
    while now < start + Duration::from_secs(7 * 86_400) {
        let (a, ..) = take(&mut queue, now).unwrap();
        assert_eq!(queue.again(&a, now, None, &RETRY), None);
        let due = queue.deadline().unwrap();
        assert!(due - now <= RETRY.cap);
        now = due;
    }
    let (a, ..) = take(&mut queue, now).unwrap();
    assert_eq!(queue.again(&a, now, Some(Duration::from_secs(u64::MAX)), &RETRY), None);
    assert_eq!(queue.deadline(), Some(now + RETRY.limit), "nobody asks for longer in earnest");
    queue.push("a", END, "resolve");
    let (a, ..) = take(&mut queue, now + RETRY.limit).unwrap();
    let over = queue.again(&a, now + RETRY.limit, None, &RETRY);
    assert_eq!(over.map(|over| over.job), Some("trigger"), "it has ended, so there is a limit");
}

#[test]
fn pages_go_before_tickets_and_within_a_rank_who_came_first() {
    let (mut queue, now) = (Queue::new(), Instant::now());
    queue.push("t1", TICKET, "ticket 1");
    queue.push("t2", TICKET, "ticket 2");
    queue.push("p1", PAGE, "page 1");
    queue.push("p2", PAGE, "page 2");
    queue.push("t2", Nature { rank: 0, word: Word::Changes }, "ticket 2 is a page");
    let mut order = Vec::new();
    while let Some((key, job, _)) = take(&mut queue, now) {
        order.push(job);
        queue.finish(&key, now);
    }
    assert_eq!(order, ["ticket 2", "page 1", "page 2", "ticket 2 is a page", "ticket 1"]);
}

#[test]
fn a_full_queue_forgets_episodes_that_nobody_has_heard_of_the_oldest_first() {
    let (mut queue, now) = (Queue::new(), Instant::now());
    queue.push("heard", PAGE, "heard");
    let (heard, ..) = take(&mut queue, now).unwrap();
    queue.push("heard", END, "heard's end");
    queue.push("open", PAGE, "open");
    for key in ["b", "a"] {
        queue.push(key, PAGE, "trigger");
        queue.push(key, END, "resolve");
    }
    queue.push("heard", PAGE, "again");
    queue.push("heard", END, "again's end");
    assert_eq!(queue.len(), 9);
    assert_eq!(queue.collapse(9), Vec::<&str>::new());
    assert_eq!(queue.collapse(8), ["trigger", "resolve"]);
    assert!(!queue.holds("b") && queue.holds("a"), "the first that was over");
    assert_eq!(queue.collapse(0), ["trigger", "resolve", "again", "again's end"]);
    assert_eq!(queue.len(), 3, "what is open, and the end of what was heard, stays");
    queue.again(&heard, now, None, &RETRY);
    let mut rest = Vec::new();
    let later = queue.deadline().unwrap();
    while let Some((key, job, _)) = take(&mut queue, later) {
        rest.push(job);
        queue.finish(&key, later);
    }
    assert_eq!((rest, queue.len()), (vec!["open", "heard", "heard's end"], 0));
}

#[test]
fn what_is_known_of_ended_episodes_does_not_grow_with_time() {
    let (mut queue, now) = (Queue::new(), Instant::now());
    for number in 0..10_000 {
        let key = number.to_string();
        queue.push(&key, PAGE, "trigger");
        queue.push(&key, END, "resolve");
        for _ in 0..2 {
            let (key, ..) = take(&mut queue, now).unwrap();
            queue.finish(&key, now);
        }
    }
    assert!(queue.over.len() < 10, "{}", queue.over.len());
}

#[test]
fn draining_drops_what_waits_and_keeps_what_was_never_tried() {
    let (mut queue, start) = (Queue::new(), Instant::now());
    queue.push("a", PAGE, "tried");
    queue.push("a", END, "behind it");
    let (a, ..) = take(&mut queue, start).unwrap();
    queue.again(&a, start, None, &RETRY);
    queue.push("b", PAGE, "fresh");
    queue.abandon_waiting();
    assert_eq!(take(&mut queue, start).unwrap().1, "fresh");
    assert!(!queue.holds("a"));
}

/// What happens to a queue: an episode of one of four keys goes on, or the oldest that is under way is answered.
#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Take,
    Finish,
    Again,
    Collapse(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4usize).prop_map(Step::Push),
        3 => Just(Step::Take),
        2 => Just(Step::Finish),
        2 => Just(Step::Again),
        1 => (0..8usize).prop_map(Step::Collapse),
        1 => (0..200u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Guarantees: whatever happens, each key's jobs leave in their order; each job leaves once; what is forgotten is
    /// beginnings that were never tried, with their ends; the count is right.
    #[test]
    fn a_queue_keeps_order_and_loses_nothing_that_is_open(steps in prop::collection::vec(step(), 1..300)) {
        let (mut queue, mut now) = (Queue::new(), Instant::now());
        let mut pushed = [0_u32; 4];
        let mut left = 0;
        let mut last: BTreeMap<Key, u32> = BTreeMap::new();
        let mut under_way: VecDeque<Key> = VecDeque::new();
        let mut tried: BTreeSet<(Key, u32)> = BTreeSet::new();
        for step in steps {
            let mut leave = |over: Option<Over<u32>>, key: &Key, left: &mut usize| {
                if let Some(over) = over {
                    *left += 1;
                    let before = last.insert(Arc::clone(key), over.job);
                    assert!(before.is_none_or(|before| before < over.job), "in order");
                }
            };
            match step {
                Step::Push(key) => {
                    let nature = if pushed[key].is_multiple_of(2) { PAGE } else { END };
                    queue.push(["a", "b", "c", "d"][key], nature, pushed[key]);
                    pushed[key] += 1;
                }
                Step::Take => if let Some((key, job, _)) = queue.take(now) {
                    assert!(!under_way.contains(&key), "one at a time");
                    tried.insert((Arc::clone(&key), *job));
                    under_way.push_back(key);
                },
                Step::Finish => if let Some(key) = under_way.pop_front() {
                    let over = queue.finish(&key, now);
                    assert!(over.is_some());
                    leave(over, &key, &mut left);
                },
                Step::Again => if let Some(key) = under_way.pop_front() {
                    let over = queue.again(&key, now, None, &RETRY);
                    leave(over, &key, &mut left);
                },
                Step::Collapse(max) => {
                    let gone = queue.collapse(max);
                    assert!(gone.len().is_multiple_of(2), "beginnings with their ends: {gone:?}");
                    left += gone.len();
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
            }
            let all: u32 = pushed.iter().sum();
            prop_assert_eq!(queue.len() + left, all as usize);
            for (key, job) in &tried {
                let gone = last.get(key).is_some_and(|last| last >= job);
                prop_assert!(gone || queue.first(key).map(|(job, _)| job) == Some(job), "what was tried is first until it leaves");
            }
        }
    }
}
