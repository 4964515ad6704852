//! What keeps a run from its beginning, and what of it is held against nobody.

use super::runs::{runbook, with};
use super::*;
use crate::runbook::{Approval, End, From, Param, Params, Piece, Rule, Runbook, Text};

/// Of a host that a person names.
fn by_people(name: &str) -> Runbook {
    let mut book = runbook(name);
    book.params[0] =
        Param { name: "service".to_owned(), from: From::Person, rule: Rule::pattern(".+", 20).unwrap() };
    (book.triggers, book.target, book.limits.cooldown_s) = (Vec::new(), Some(0), 0);
    book
}

fn start(runbook: &str, service: &str) -> Ask {
    let params = Params::from([("service".to_owned(), service.to_owned())]);
    Ask::Start { runbook: runbook.to_owned(), params, alert: String::new(), by: "alice".to_owned() }
}

/// Scenario: a sender's value would lead an address elsewhere, more often than the breaker takes failures.
/// Guarantees: it is refused like any other value that does not fit, and stops nothing.
#[test]
fn a_value_that_a_step_can_not_carry_is_refused_and_not_held_against_the_runbook() {
    let mut hook = super::runs_after::hook(false);
    if let crate::runbook::Action::Http(http) = &mut hook.steps[0].action {
        http.url =
            Text(vec![Piece::Plain("http://127.0.0.1:1/".to_owned()), Piece::Param("service".to_owned())]);
    }
    hook.params[0].rule = Rule::pattern(".+", 20).unwrap();
    hook.params[0].from = From::Value("..".to_owned());
    hook.limits.breaker.failures = 1;
    let mut world = World::with_clean_past(with(vec![hook]));
    world.outage();
    assert_eq!(world.begun(), Vec::<String>::new());
    assert_eq!(world.run().text, "hook on shop: did not run: `service` would change the path of the address");
    let view = world.engine.runbooks().remove(0);
    assert_eq!((view.tally.refused, view.tally.failed, view.stopped_until), (1, 0, None));
    assert!(world.engine.alerts().iter().all(|alert| alert.rule.is_none()), "nobody has to look");
}

/// Scenario: two runs wait for approval and one for its turn, and their runbook's text is changed.
/// Guarantees: none of them begins, none has failed, and an approval says why.
#[test]
fn what_has_not_begun_under_another_text_is_refused_and_not_failed() {
    let mut asked = by_people("asked");
    asked.approval = Some(Approval { by: vec!["bob".to_owned()], expires_s: 3_600 });
    let mut world = World::with_clean_past(with(vec![asked.clone()]));
    let Answered::Done(run) = world.ask(start("asked", "a")) else { panic!("it waits") };
    asked.identity = 7;
    world.step(Input::Configured(Arc::new(Plan { version: 1, ..with(vec![asked]) })));
    let approve = Ask::Approve { run, by: "bob".to_owned(), link_until_s: None };
    let answered = world.ask(approve.clone());
    assert!(
        matches!(&answered, Answered::Refused(Refusal::Conflict(why)) if why.contains("was changed")),
        "{answered:?}"
    );
    world.step(Input::Tick);
    let (run, view) = (world.run(), world.engine.runbooks().remove(0));
    assert_eq!((run.state, run.needs_a_person, view.tally.failed), ("refused", false, 0), "{}", run.text);
    assert!(matches!(world.ask(approve), Answered::Refused(_)));
}

#[test]
fn a_runbook_that_is_taken_out_is_judged_when_it_would_have_been() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    world.settle(0, 1, End::Succeeded);
    world.settle(1, 1, End::Succeeded);
    world.step(Input::Configured(Arc::new(with(Vec::new()))));
    world.quiet(5);
    assert_eq!(world.run().verdict, None);
    (0..600).for_each(|_| world.second(true));
    world.quiet(1);
    assert_eq!(world.run().verdict, Some("helped"), "{:?}", world.run().verdict_reason);
}

/// Guarantees: a target cools down from the beginning of what acts on it, however many may at once.
#[test]
fn concurrency_lets_nobody_past_the_cool_down() {
    let mut plan = with(vec![runbook("restart")]);
    (plan.runbooks[0].runbook.limits.concurrency, plan.runbooks[0].runbook.limits.cooldown_s) = (5, 600);
    let one = plan.runbooks[0].clone();
    let mut world = World::with_clean_past(plan);
    let now = |world: &World, later_s: u64| Now((world.clock_s + later_s) * SECOND_NS);
    world.outage();
    let barred =
        |world: &World, later_s| world.engine.alerts.runs.is_barred(&one, "shop", now(world, later_s));
    assert!(barred(&world, 0).unwrap().contains("cools down"));
    world.settle(0, 1, End::Succeeded);
    world.settle(1, 1, End::Succeeded);
    assert!(barred(&world, 590).unwrap().contains("cools down until"));
    assert_eq!(barred(&world, 700), None);
}

/// Scenario: runbooks whose programs hang are triggered on many targets.
/// Guarantees: each takes half of the places, and people pass by all of them.
#[test]
fn a_runbook_that_hangs_leaves_room_for_others_and_for_people() {
    let books = ["hangs", "other", "third"].map(by_people);
    let mut world = World::with_clean_past(with(books.into()));
    let mut begun_of = |runbook: &str, by: &str| {
        for target in 0..20 {
            let Ask::Start { params, alert, .. } = start(runbook, &format!("{by}{target}")) else { continue };
            // Nobody asks: as if by a trigger.
            world.clock_s += 1;
            world.ask(Ask::Start { runbook: runbook.to_owned(), params, alert, by: by.to_owned() });
        }
        world.begun().len()
    };
    assert_eq!(["hangs", "other", "third"].map(|book| begun_of(book, "")), [8, 8, 0]);
    assert_eq!(begun_of("third", "alice"), 4);
}

#[test]
fn who_may_approve_what_a_person_asked_for_is_told_and_hears_the_end() {
    let mut asked = by_people("asked");
    asked.approval = Some(Approval { by: vec!["bob".to_owned()], expires_s: 60 });
    let mut world = World::with_clean_past(with(vec![asked]));
    let Answered::Done(run) = world.ask(start("asked", "a")) else { panic!("it waits") };
    let waits = |world: &World| {
        let alerts = world.engine.alerts().into_iter();
        let mut own = alerts.filter(|one| one.rule.as_deref() == Some("evenkeel-run-waits-for-approval"));
        own.next().map(|one| (one.state, one.decisions[0].text.clone()))
    };
    let (state, text) = waits(&world).expect("it is told");
    assert!(state == "open" && text.contains("alice wants asked to run") && text.contains(&run), "{text}");
    world.quiet(61);
    assert_eq!(world.run().state, "refused");
    assert_eq!(waits(&world).map(|(state, _)| state), Some("closed"));
}

#[test]
fn nobody_is_asked_for_approval_of_a_run_that_a_damaged_journal_ended() {
    let mut asked = by_people("asked");
    asked.approval = Some(Approval { by: vec!["bob".to_owned()], expires_s: 60 });
    let mut world = World::with_clean_past(with(vec![asked]));
    world.ask(start("asked", "a"));
    let mut world = world.restored();
    world.step(Input::TakenUp { is_doubtful: true });
    let alerts = world.engine.alerts();
    let waits = alerts.iter().find(|one| one.rule.as_deref() == Some("evenkeel-run-waits-for-approval"));
    assert_eq!((world.run().state, waits.map(|one| one.state)), ("unknown", Some("closed")));
}

/// Scenario: a step found no place, so nothing was acted upon; then the runbook is changed.
/// Guarantees: the target does not cool down from it, and nothing has failed.
#[test]
fn what_was_not_begun_cools_nothing_down_and_is_refused_under_another_text() {
    let mut plan = with(vec![runbook("restart")]);
    plan.runbooks[0].runbook.limits.cooldown_s = 600;
    let mut world = World::with_clean_past(plan.clone());
    world.outage();
    world.settle(0, 1, End::NotBegun);
    let book = &world.engine.alerts.runs;
    let why = book.is_barred(&plan.runbooks[0], "shop", Now(world.clock_s * SECOND_NS)).unwrap();
    assert!(why.contains("is to act on shop") || why.contains("under way on shop"), "{why}");
    let mut other = runbook("restart");
    other.identity = 7;
    world.step(Input::Configured(Arc::new(Plan { version: 1, ..with(vec![other]) })));
    world.quiet(11);
    let view = world.engine.runbooks().remove(0);
    assert_eq!((world.run().state, view.tally.failed, world.run().needs_a_person), ("refused", 0, false));
    let later = Now(world.clock_s * SECOND_NS);
    assert_eq!(world.engine.alerts.runs.is_barred(&plan.runbooks[0], "shop", later), None);
}
