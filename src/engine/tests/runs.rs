//! Runs of runbooks by the ledger's door: what starts them, what bars them, and whether they helped.

use super::*;
use crate::runbook::{
    Action, Approval, Blast, Bounds, Call, Command, End, From, Limits, Moment, Outcome as Ended, Param,
    Params, Piece, Rule, Runbook, Step, StepKey, Text, Trigger,
};

fn command(name: &str) -> Step {
    let argv = vec![Text::plain("/usr/bin/true"), Text(vec![Piece::Param("service".to_owned())])];
    let command = Command {
        argv,
        env: Vec::new(),
        secrets: Vec::new(),
        user: None,
        folder: None,
        bounds: Bounds::default(),
    };
    Step {
        name: name.to_owned(),
        action: Action::Command(command),
        timeout_ms: 10_000,
        attempts: 1,
        pause_ms: 0,
        is_idempotent: false,
    }
}

pub(super) fn runbook(name: &str) -> Runbook {
    Runbook {
        name: name.to_owned(),
        description: String::new(),
        triggers: vec![Trigger { moments: vec![Moment::Trigger], matchers: Vec::new() }],
        params: vec![Param {
            name: "service".to_owned(),
            from: From::Service,
            rule: Rule::pattern("[a-z]+", 20).unwrap(),
        }],
        target: None,
        limits: Limits::default(),
        approval: None,
        is_destructive: false,
        watch_s: 120,
        manual_s: 900,
        steps: vec![command("restart"), command("check")],
        identity: 0,
        declared_at: "runbooks.yaml:1:1".to_owned(),
    }
}

pub(super) fn with(runbooks: Vec<Runbook>) -> Plan {
    let mut plan = plan(28, "0.999", Some("1h/5m"));
    plan.runbooks = runbooks.into_iter().map(|runbook| RunbookPlan { runbook, quiet: Vec::new() }).collect();
    plan
}

impl World {
    /// Until somebody is paged.
    pub(super) fn outage(&mut self) {
        (0..60).for_each(|_| self.second(false));
    }

    /// The keys of steps that were begun since it was last asked.
    pub(super) fn begun(&mut self) -> Vec<String> {
        let all = std::mem::take(&mut self.effects.requests);
        let keys = all.into_iter().filter_map(|request| match request {
            Effect::Run(step) => Some(step.key.to_string()),
            _ => None,
        });
        keys.collect()
    }

    pub(super) fn settle(&mut self, step: u32, attempt: u32, end: End) {
        let run = self.engine.run_views()[0].id.clone();
        let outcome = Ended { end, why: "so it went".to_owned(), output: "said".to_owned() };
        self.step(Input::StepSettled { key: StepKey { run, step, attempt }, outcome });
    }

    pub(super) fn run(&self) -> RunView {
        self.engine.run_views().remove(0)
    }

    pub(super) fn ask(&mut self, ask: Ask) -> Answered {
        self.step(Input::Asked { token: AckToken(77), ask });
        let answers = self.effects.requests.iter().rev().find_map(|request| match request {
            Effect::Answer { answered, .. } => Some(answered.clone()),
            _ => None,
        });
        answers.expect("who asks is answered")
    }

    /// The same state after a crash: an image, and what was recorded after it is lost or not is not the question here.
    pub(super) fn restored(self) -> Self {
        let Self { mut engine, clock_s, .. } = self;
        let parts = engine.image(true).written();
        let engine = Engine::restore(&parts, &mut Vec::new()).unwrap();
        Self { engine, clock_s, effects: Effects::default() }
    }
}

#[test]
fn a_page_starts_its_runbook_once_and_each_call_is_a_fact_before_it_is_made() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    let facts: Vec<&str> = world.effects.facts.iter().map(|fact| fact.what.name()).collect();
    let place =
        |name| facts.iter().position(|one| *one == name).unwrap_or_else(|| panic!("no {name}: {facts:?}"));
    assert!(
        place("episode.opened") < place("run.proposed") && place("run.proposed") < place("run.step_began")
    );
    assert_eq!(facts.iter().filter(|one| **one == "run.step_began").count(), 1);
    let run = world.run();
    assert_eq!((run.state, run.target.as_str(), run.by.as_str()), ("running", "shop", "trigger"));
    assert_eq!(world.begun(), [format!("{}/1/1", run.id)]);
    world.settle(0, 1, End::Succeeded);
    assert_eq!(world.begun(), [format!("{}/2/1", run.id)], "the next step, after the first");
    world.settle(0, 1, End::Failed);
    assert_eq!(world.run().state, "running", "an end that was told already is nothing new");
    world.settle(1, 1, End::Succeeded);
    assert_eq!(world.run().state, "succeeded");
    assert_eq!(world.begun(), Vec::<String>::new());
}

#[test]
fn the_page_says_what_runs_and_its_end_says_what_ran() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    let opened = world.engine.alerts()[0].decisions[0].text.clone();
    assert!(opened.contains(&format!("Next: restart on shop runs ({}).", world.run().id)), "{opened}");
    world.settle(0, 1, End::Succeeded);
    world.settle(1, 1, End::Succeeded);
    (0..400).for_each(|_| world.second(true));
    let alerts = world.engine.alerts();
    let closed = &alerts[0].decisions.last().unwrap().text;
    assert!(closed.contains("Ran: restart on shop: succeeded"), "{closed}");
    assert_eq!(alerts[0].runs.len(), 1);
}

#[test]
fn an_alert_that_opens_again_as_the_same_starts_nothing_again() {
    let mut plan = with(vec![runbook("restart")]);
    plan.runbooks[0].runbook.limits.cooldown_s = 0;
    let mut world = World::with_clean_past(plan);
    world.outage();
    world.settle(0, 1, End::Succeeded);
    world.settle(1, 1, End::Succeeded);
    world.begun();
    (0..310).for_each(|_| world.second(true));
    assert!(world.facts().contains("episode.closed"));
    (0..20).for_each(|_| world.second(false));
    let facts = world.facts();
    assert!(facts.contains("episode.opened") && facts.contains("run.refused"), "{facts}");
    assert_eq!(world.begun(), Vec::<String>::new());
    assert_eq!(world.engine.runbooks()[0].tally.refused, 1, "and that is counted");
}

#[test]
fn a_command_that_was_under_way_at_a_crash_is_unknown_and_a_person_is_paged() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    let mut world = world.restored();
    world.step(Input::TakenUp { is_doubtful: false });
    assert_eq!((world.run().state, world.run().needs_a_person), ("unknown", true));
    assert_eq!(world.begun(), Vec::<String>::new(), "nor is what comes after it");
    let own = world
        .engine
        .alerts()
        .into_iter()
        .find(|one| one.rule.as_deref() == Some("evenkeel-run-needs-a-person"));
    let own = own.expect("it is told");
    assert_eq!((own.severity, own.state, own.receivers["oncall"].as_str()), ("page", "open", "pending"));
    let run = world.run().id;
    let settled =
        world.ask(Ask::Settle { run: run.clone(), by: "alice".to_owned(), note: "it was done".to_owned() });
    assert_eq!(settled, Answered::Done(run.clone()));
    assert!(!world.run().needs_a_person && world.run().settled_by.as_deref() == Some("alice"));
    assert!(world.engine.alerts().iter().all(|one| one.rule.is_none() || one.state == "closed"));
    let again = world.ask(Ask::Settle { run, by: "bob".to_owned(), note: String::new() });
    assert!(matches!(again, Answered::Refused(Refusal::Conflict(_))), "{again:?}");
}

#[test]
fn a_step_is_tried_again_only_where_that_was_declared_safe() {
    let mut safe = runbook("safe");
    safe.steps.truncate(1);
    (safe.steps[0].attempts, safe.steps[0].is_idempotent, safe.steps[0].pause_ms) = (3, true, 5_000);
    let mut world = World::with_clean_past(with(vec![safe]));
    world.outage();
    world.begun();
    world.settle(0, 1, End::Failed);
    assert_eq!(world.begun(), Vec::<String>::new(), "not at once");
    world.quiet(6);
    let run = world.run().id;
    assert_eq!(world.begun(), [format!("{run}/1/2")]);
    world.settle(0, 2, End::TimedOut);
    world.quiet(6);
    assert_eq!(world.begun(), [format!("{run}/1/3")]);
    world.settle(0, 3, End::Failed);
    assert_eq!((world.run().state, world.run().steps.len()), ("failed", 3));

    let mut world = World::with_clean_past(with(vec![runbook("other")]));
    world.outage();
    world.settle(0, 1, End::Failed);
    assert_eq!(world.run().state, "failed");
}

#[test]
fn a_trigger_that_is_barred_is_a_run_that_says_why() {
    let mut hostile = runbook("hostile");
    hostile.params[0].rule = Rule::OneOf(vec!["checkout".to_owned()]);
    let mut quiet = with(vec![runbook("quiet"), hostile]);
    quiet.runbooks[0].quiet = vec![crate::slo::Exclusion {
        reason: "at night".to_owned(),
        when: crate::slo::When::Once(crate::slo::Stretch { start_s: START, end_s: START + DAY }),
    }];
    let mut world = World::with_clean_past(quiet);
    world.outage();
    assert_eq!(world.begun(), Vec::<String>::new());
    let mut said: Vec<String> = world.engine.run_views().into_iter().map(|run| run.text).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "hostile on shop: did not run: `service` is none of checkout",
            "quiet on shop: did not run: it does not start by itself at this time: at night",
        ]
    );
    let page = &world.engine.alerts()[0].decisions[0].text;
    assert!(
        page.contains("Runbook quiet on shop does not run: it does not start by itself at this time"),
        "{page}"
    );
}

#[test]
fn limits_count_targets_and_let_one_cool_down() {
    let mut plan = with(vec![runbook("restart")]);
    let limits = &mut plan.runbooks[0].runbook.limits;
    (limits.cooldown_s, limits.blast) = (600, Some(Blast { targets: 2, within_s: 3_600 }));
    plan.runbooks[0].runbook.params[0].from = From::Person;
    plan.runbooks[0].runbook.target = Some(0);
    plan.runbooks[0].runbook.triggers.clear();
    let mut world = World::new(plan.clone());
    let start = |service: &str| Ask::Start {
        runbook: "restart".to_owned(),
        params: Params::from([("service".to_owned(), service.to_owned())]),
        alert: String::new(),
        by: "alice".to_owned(),
    };
    for service in ["a", "b"] {
        assert!(matches!(world.ask(start(service)), Answered::Done(_)));
    }
    let busy = world.ask(start("a"));
    assert!(
        matches!(&busy, Answered::Refused(Refusal::Conflict(why)) if why.contains("is under way on a")),
        "{busy:?}"
    );
    // What a trigger would hear now.
    let runs = &world.engine.alerts.runs;
    let one = &plan.runbooks[0];
    assert!(
        runs.is_barred(one, "c", Now(world.clock_s * SECOND_NS)).unwrap().contains("2 targets within 3600 s")
    );
    for run in world.engine.run_views() {
        for step in 0..2 {
            let outcome = Ended { end: End::Succeeded, why: String::new(), output: String::new() };
            world
                .step(Input::StepSettled { key: StepKey { run: run.id.clone(), step, attempt: 1 }, outcome });
        }
    }
    let later = |s: u64| Now((world.clock_s + s) * SECOND_NS);
    let runs = &world.engine.alerts.runs;
    assert!(runs.is_barred(one, "a", later(599)).unwrap().contains("cools down until"));
    assert_eq!(runs.is_barred(one, "a", later(600)), None);
    assert_eq!(runs.is_barred(one, "c", later(3_601)), None, "an hour later others may be acted upon");
}

#[test]
fn what_needs_approval_waits_for_the_right_person_and_not_for_ever() {
    let mut risky = runbook("failover");
    risky.approval = Some(Approval { by: vec!["alice".to_owned()], expires_s: 300 });
    let mut world = World::with_clean_past(with(vec![risky.clone()]));
    world.outage();
    let run = world.run();
    assert_eq!((run.state, world.begun().len()), ("waits_for_approval", 0));
    let page = world.engine.alerts()[0].decisions[0].text.clone();
    assert!(page.contains(&format!("`evenkeel runbook approve {}`", run.id)), "{page}");
    let approve =
        |by: &str, link_until_s| Ask::Approve { run: run.id.clone(), by: by.to_owned(), link_until_s };
    for (by, link) in [("bob", None), ("", Some(world.clock_s + 300))] {
        let refused = world.ask(approve(by, link));
        assert!(matches!(refused, Answered::Refused(Refusal::Forbidden(_))), "{refused:?}");
    }
    assert_eq!(world.begun().len(), 0);
    assert_eq!(world.ask(approve("alice", None)), Answered::Done(run.id.clone()));
    assert_eq!(world.begun(), [format!("{}/1/1", run.id)]);
    assert!(
        matches!(world.ask(approve("alice", None)), Answered::Refused(Refusal::Conflict(_))),
        "once is enough"
    );

    let mut world = World::with_clean_past(with(vec![risky]));
    world.outage();
    world.quiet(301);
    let run = world.run();
    assert!(run.state == "refused" && run.text.contains("nobody approved it until"), "{}", run.text);
    let late = world.ask(Ask::Approve { run: run.id, by: "alice".to_owned(), link_until_s: None });
    assert!(matches!(late, Answered::Refused(Refusal::Conflict(_))), "{late:?}");
    assert_eq!(world.begun().len(), 0);
}

#[test]
fn a_run_is_judged_by_the_indicator_after_it() {
    for (good_after, verdict, helped) in [(true, "helped", 1), (false, "did_not_help", 0)] {
        let mut world = World::with_clean_past(with(vec![runbook("restart")]));
        world.outage();
        world.settle(0, 1, End::Succeeded);
        world.settle(1, 1, End::Succeeded);
        (0..125).for_each(|_| world.second(good_after));
        world.quiet(1);
        let (run, view) = (world.run(), world.engine.runbooks().remove(0));
        assert_eq!(run.verdict, Some(verdict), "{:?}", run.verdict_reason);
        assert_eq!((view.tally.helped, view.saved_s, view.runs_in_a_week), (helped, helped * 900, 1));
        assert!(run.verdict_reason.unwrap().contains("bad share "));
    }
}

#[test]
fn a_runbook_that_makes_it_worse_is_stopped_until_somebody_lets_it_go_on() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    // Half of it is bad, so that it can become worse.
    while world.engine.run_views().is_empty() {
        world.second(true);
        world.second(false);
    }
    world.settle(0, 1, End::Succeeded);
    world.settle(1, 1, End::Succeeded);
    world.effects = Effects::default();
    // Long before it has been watched to the end.
    for _ in 0..80 {
        world.second(false);
        world.step(Input::Tick);
    }
    assert_eq!(world.run().verdict, None, "that is said at the end");
    let view = world.engine.runbooks().remove(0);
    assert!(view.stopped_reason.unwrap().contains("makes it worse"));
    let stopped =
        world.engine.alerts().into_iter().find(|one| one.rule.as_deref() == Some("evenkeel-runbook-stopped"));
    assert_eq!(stopped.map(|one| one.state), Some("open"));
    let one = world.engine.plan().runbooks[0].clone();
    let now = Now((world.clock_s + 700) * SECOND_NS);
    assert!(
        world.engine.alerts.runs.is_barred(&one, "shop", now).unwrap().contains("restart is stopped until")
    );
    let resumed = world.ask(Ask::Resume { runbook: "restart".to_owned(), by: "alice".to_owned() });
    assert_eq!(resumed, Answered::Done("restart".to_owned()));
    assert_eq!(world.engine.alerts.runs.is_barred(&one, "shop", now), None);
    (0..45).for_each(|_| world.second(false));
    world.quiet(1);
    assert_eq!(world.run().verdict, Some("worse"), "{:?}", world.run().verdict_reason);
}

#[test]
fn a_run_of_which_nothing_is_heard_any_more_becomes_unknown() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    world.quiet(131);
    assert_eq!(world.run().state, "unknown");
    assert!(world.run().text.contains("nothing was heard of it"));
}

#[test]
fn what_was_recorded_of_runs_gives_the_same_state_again() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    let parts = world.engine.image(true).written();
    world.effects.records = Records::on();
    world.outage();
    world.settle(0, 1, End::Succeeded);
    world.settle(1, 1, End::Failed);
    world.ask(Ask::Start {
        runbook: "restart".to_owned(),
        params: Params::new(),
        alert: String::new(),
        by: "a".to_owned(),
    });
    world.quiet(3);
    let mut again = Engine::restore(&parts, &mut Vec::new()).unwrap();
    let mut effects = Effects::default();
    again.replay(world.effects.records.bytes(), Outcomes::Known, &mut effects).unwrap();
    assert_eq!(again.image(true).written(), world.engine.image(true).written());
    assert!(effects.requests.is_empty(), "what was asked of the world was asked then");
}

#[test]
fn runs_beyond_those_at_once_wait_for_their_turn() {
    let many = (0..20).map(|number| {
        let mut one = runbook(&format!("book-{number:02}"));
        one.steps.truncate(1);
        one
    });
    let mut world = World::with_clean_past(with(many.collect()));
    world.outage();
    assert_eq!(world.begun().len(), 16);
    let states = |world: &World| world.engine.run_views().iter().filter(|run| run.state == "waiting").count();
    assert_eq!(states(&world), 4);
    let first = world.engine.run_views().pop().unwrap();
    let outcome = Ended { end: End::Succeeded, why: String::new(), output: String::new() };
    world.step(Input::StepSettled { key: StepKey { run: first.id, step: 0, attempt: 1 }, outcome });
    assert_eq!((world.begun().len(), states(&world)), (1, 3));
}

#[test]
fn a_dry_run_shows_the_call_to_the_byte_and_changes_nothing() {
    let mut world = World::with_clean_past(with(vec![runbook("restart")]));
    world.outage();
    let before = world.engine.image(true).written();
    let alert = world.engine.alerts()[0].id.clone();
    let dry = world.engine.dry_run("restart", &Params::new(), &alert).unwrap();
    assert_eq!((dry.target.as_str(), dry.steps.len()), ("shop", 2));
    let CallView::Command { argv, stdin, .. } = &dry.steps[0].call else { panic!("a command") };
    assert_eq!(argv, &["/usr/bin/true", "shop"]);
    assert!(stdin.contains("\"runbook\":\"restart\""), "{stdin}");
    assert_eq!(world.engine.image(true).written(), before);
    let real = world.engine.alerts.runs.run(&world.run().id).unwrap().clone();
    let Some(Ok(call)) = runbook("restart").call(
        StepKey { run: real.id.clone(), step: 0, attempt: 1 },
        &real.params,
        &real.occasion,
    ) else {
        panic!("it is made")
    };
    let Call::Command(call) = call.call else { panic!("a command") };
    assert_eq!(&call.argv, argv, "what is shown is what is called");
}
