//! What a crash, another configuration and many runs leave of runs.

use super::runs::{runbook, with};
use super::*;
use crate::runbook::{Action, Approval, End, From, Param, Params, Rule, Text};

#[test]
fn a_run_does_not_go_on_under_another_text_of_its_runbook() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    world.begun();
    let mut other = runbook("restart");
    (other.identity, other.steps[1].name) = (7, "wipe".to_owned());
    let plan = Plan { version: 1, ..with(vec![other]) };
    world.step(Input::Configured(Arc::new(plan)));
    assert!(world.facts().contains("config.applied"));
    world.settle(0, 1, End::Succeeded);
    assert_eq!((world.begun().len(), world.run().state), (0, "failed"));
    assert!(world.run().text.contains("was changed or taken away meanwhile"), "{}", world.run().text);
}

pub(super) fn hook(is_idempotent: bool) -> crate::runbook::Runbook {
    let mut book = runbook("hook");
    let http = crate::runbook::Http {
        target: crate::runbook::Target::Http,
        method: "POST".to_owned(),
        url: Text::plain("http://127.0.0.1:1/hook"),
        headers: Vec::new(),
        body: crate::runbook::Body::Event,
        secret_header: None,
        is_signed: false,
    };
    (book.steps[0].action, book.steps[0].is_idempotent) = (Action::Http(http), is_idempotent);
    book
}

#[test]
fn a_request_that_was_under_way_is_made_again_with_its_key_where_that_is_safe_and_soon() {
    for (is_idempotent, away_s, state, calls) in
        [(true, 30, "running", 1), (true, 601, "unknown", 0), (false, 30, "unknown", 0)]
    {
        let mut world = World::with_clean_past(with(vec![hook(is_idempotent)]));
        world.outage();
        let key = world.begun();
        let mut world = world.restored();
        world.clock_s += away_s;
        world.step(Input::TakenUp { is_doubtful: false });
        world.step(Input::Tick);
        assert_eq!(world.run().state, state, "{is_idempotent} {away_s}");
        assert_eq!(world.begun(), key[..calls], "with the same key");
    }
}

/// Scenario: a request was under way at a crash and is to be made again, and is not; then its runbook is changed.
/// Guarantees: nobody says that it was not made, and the record has the attempt once.
#[test]
fn a_request_that_is_not_made_again_after_a_crash_may_have_been_made_before_it() {
    let mut world = World::with_clean_past(with(vec![hook(true)]));
    world.outage();
    let key = world.begun();
    let mut world = world.restored();
    world.step(Input::TakenUp { is_doubtful: false });
    assert_eq!(world.begun(), key);
    let outcomes = |world: &World| {
        let run = world.engine.run_view(&world.run().id).expect("it is known");
        run.steps.iter().map(|step| step.outcome).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&world), ["unknown", "running"]);
    world.settle(0, 1, End::NotBegun);
    let mut other = hook(true);
    other.identity = 7;
    world.step(Input::Configured(Arc::new(Plan { version: 1, ..with(vec![other]) })));
    world.quiet(11);
    assert_eq!((world.run().state, outcomes(&world)), ("unknown", vec!["unknown"]));
    assert_eq!(world.engine.run_counts().need_a_person, 1);
}

#[test]
fn after_a_damaged_journal_nothing_that_waited_begins() {
    let many = (0..20).map(|number| runbook(&format!("book-{number:02}")));
    let mut world = World::with_clean_past(with(many.collect()));
    world.outage();
    let mut world = world.restored();
    world.step(Input::TakenUp { is_doubtful: true });
    world.quiet(5);
    assert_eq!(world.begun(), Vec::<String>::new());
    assert!(world.engine.run_views().iter().all(|run| run.state == "unknown" && run.needs_a_person));
}

#[test]
fn what_was_not_begun_is_begun_later_and_is_held_against_nobody() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    let first = world.begun();
    world.settle(0, 1, End::NotBegun);
    assert_eq!((world.run().state, world.begun().len()), ("running", 0));
    world.quiet(11);
    assert_eq!(world.begun(), first, "the same attempt");
    assert_eq!(world.engine.runbooks()[0].tally.failed, 0);
}

#[test]
fn what_waits_for_approval_ends_with_its_alert() {
    let mut risky = runbook("failover");
    risky.approval = Some(Approval { by: Vec::new(), expires_s: 86_400 });
    let mut world = World::with_clean_past(with(vec![risky]));
    world.outage();
    assert_eq!(world.run().state, "waits_for_approval");
    (0..400).for_each(|_| world.second(true));
    assert!(world.run().text.contains("the alert is over"), "{}", world.run().text);
}

#[test]
fn runs_that_are_not_done_with_keep_their_place_and_those_that_were_refused_do_not() {
    let mut hostile = runbook("hostile");
    hostile.params[0] =
        Param { name: "n".to_owned(), from: From::Person, rule: Rule::Whole { min: 0, max: 9_999 } };
    (hostile.triggers, hostile.target) = (Vec::new(), Some(0));
    for step in &mut hostile.steps {
        let Action::Command(command) = &mut step.action else { unreachable!() };
        command.argv.truncate(1);
    }
    let mut world = World::with_clean_past(with(vec![runbook("restart"), hostile]));
    world.outage();
    world.settle(0, 1, End::Unknown);
    let kept = world.run().id;
    for number in 0..1_100 {
        let params = Params::from([("n".to_owned(), number.to_string())]);
        let ask =
            Ask::Start { runbook: "hostile".to_owned(), params, alert: String::new(), by: "a".to_owned() };
        let answered = world.ask(ask);
        world.effects = Effects::default();
        assert_eq!(matches!(answered, Answered::Done(_)), number < 999, "{number}: {answered:?}");
    }
    assert_eq!(world.engine.run_views().len(), 1_000);
    assert!(world.engine.run_view(&kept).is_some_and(|run| run.needs_a_person));
}

#[test]
fn a_runbook_that_is_stopped_twice_is_two_episodes_of_its_alert() {
    let mut book = runbook("restart");
    book.limits.breaker.failures = 1;
    (book.params, book.triggers) = (Vec::new(), Vec::new());
    book.steps.truncate(1);
    if let Action::Command(command) = &mut book.steps[0].action {
        command.argv.truncate(1);
    }
    let mut world = World::new(with(vec![book]));
    let mut keys = Vec::new();
    for _ in 0..2 {
        let ask = Ask::Start {
            runbook: "restart".to_owned(),
            params: Params::new(),
            alert: String::new(),
            by: "a".to_owned(),
        };
        assert!(matches!(world.ask(ask), Answered::Done(_)));
        world.settle(0, 1, End::Failed);
        let stopped = world.engine.alerts().into_iter();
        let stopped = stopped.filter(|one| one.rule.as_deref() == Some("evenkeel-runbook-stopped"));
        keys.extend(stopped.filter(|one| one.state == "open").map(|one| one.dedup_key));
        world.ask(Ask::Resume { runbook: "restart".to_owned(), by: "a".to_owned() });
        world.clock_s += 1_000;
    }
    assert!(keys.len() == 2 && keys[0] != keys[1], "{keys:?}");
}

#[test]
fn an_approval_hours_after_the_request_begins_the_run() {
    let mut risky = runbook("failover");
    risky.approval = Some(Approval { by: Vec::new(), expires_s: 86_400 });
    let mut world = World::with_clean_past(with(vec![risky]));
    world.outage();
    world.clock_s += 10_000;
    let run = world.run().id;
    let approve = Ask::Approve { run: run.clone(), by: "alice".to_owned(), link_until_s: None };
    assert_eq!(world.ask(approve), Answered::Done(run));
    assert_eq!((world.run().state, world.begun().len()), ("running", 1));
}

#[test]
fn a_run_that_can_not_go_on_for_hours_ends_and_tells_a_person() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    world.settle(0, 1, End::Succeeded);
    for _ in 0..750 {
        world.settle(1, 1, End::NotBegun);
        world.clock_s += 11;
        world.step(Input::Tick);
    }
    assert_eq!((world.run().state, world.run().needs_a_person), ("failed", true), "{}", world.run().text);
}

#[test]
fn silence_after_a_run_is_no_verdict() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    world.settle(0, 1, End::Succeeded);
    world.settle(1, 1, End::Succeeded);
    world.quiet(130);
    assert_eq!(world.run().verdict, Some("unclear"), "{:?}", world.run().verdict_reason);
}

#[test]
fn another_configuration_begins_nothing_before_what_was_under_way_is_taken_up() {
    let many = (0..20).map(|number| runbook(&format!("book-{number:02}")));
    let books: Vec<_> = many.collect();
    let mut world = World::with_clean_past(with(books.clone()));
    world.outage();
    let mut world = world.restored();
    world.step(Input::Configured(Arc::new(Plan { version: 1, ..with(books) })));
    assert_eq!(world.begun(), Vec::<String>::new());
    world.step(Input::TakenUp { is_doubtful: false });
    let runs = world.engine.run_views();
    let count = |state: &str| runs.iter().filter(|run| run.state == state).count();
    assert_eq!((count("unknown"), count("running")), (16, 4), "those that waited begin now");
}
