//! Ends that somebody else decides: time, a stop, a runner that is dropped. Each step is settled once.

use super::*;

/// Scenario: a program and what it forked both ignore the signal that asks them to end.
/// Guarantees: both are killed, and the step is told as timed out with what it said.
#[tokio::test]
async fn time_over_ends_the_whole_group_though_it_ignores_being_asked() {
    if !has_python() {
        return;
    }
    let lookout = Lookout::new().await;
    let program = lookout.python(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
         print('begun', flush=True)\n\
         os.fork()\n\
         s = ready()\n\
         while True: time.sleep(60)",
    );
    let mut rig = Rig::new(StepSecrets::default());
    rig.runner.run(step(0, 4_000, Call::Command(command(&[PYTHON, "-c", &program]))));
    let both = [lookout.ready().await, lookout.ready().await];
    let (_, outcome) = rig.next().await;
    let expected = Outcome {
        end: End::TimedOut,
        why: "did not end within 4s, and was ended".to_owned(),
        output: "begun\n".to_owned(),
    };
    assert_eq!(outcome, expected);
    for one in both {
        one.dies().await;
    }
}

#[tokio::test]
async fn a_program_that_is_asked_to_end_may_say_its_last_words() {
    if !has_python() {
        return;
    }
    let program = "import os, signal\n\
        def end(*_):\n    print('bye', flush=True)\n    os._exit(0)\n\
        signal.signal(signal.SIGTERM, end)\n\
        print('hello', flush=True)\n\
        while True: signal.pause()";
    let call = Call::Command(command(&[PYTHON, "-c", program]));
    let outcome = outcome(StepSecrets::default(), 2_000, call).await;
    assert_eq!((outcome.end, &*outcome.output), (End::TimedOut, "hello\nbye\n"));
}

/// Scenario: the program ends, and what it forked goes on with its output open.
/// Guarantees: that is killed, and nobody waits for it.
#[tokio::test]
async fn what_a_program_leaves_in_its_group_ends_with_it() {
    if !has_python() {
        return;
    }
    let lookout = Lookout::new().await;
    let program = lookout.python(
        "r, w = os.pipe()\n\
         if os.fork() == 0:\n    s = ready()\n    os.write(w, b'x')\n    while True: time.sleep(60)\n\
         os.read(r, 1)\n\
         print('done')",
    );
    let outcome = run(command(&[PYTHON, "-c", &program])).await;
    lookout.ready().await.dies().await;
    let told = (outcome.end, &*outcome.why, &*outcome.output);
    assert_eq!(told, (End::Succeeded, "ended with code 0", "done\n"));
}

/// Scenario: what the program forked has left its session, and holds its output open.
/// Guarantees: it is not waited for beyond a moment, and told.
#[tokio::test]
async fn what_has_left_the_group_and_holds_the_output_is_told_and_not_waited_for() {
    if !has_python() {
        return;
    }
    let lookout = Lookout::new().await;
    let program = lookout.python(
        "r, w = os.pipe()\n\
         if os.fork() == 0:\n    os.setsid()\n    s = ready()\n    os.write(w, b'x')\n    s.recv(1)\n    os._exit(0)\n\
         os.read(r, 1)\n\
         print('done')",
    );
    let outcome = run(command(&[PYTHON, "-c", &program])).await;
    drop(lookout.ready().await); // which ends it
    let why = "ended with code 0, and left a process behind that holds its output open";
    assert_eq!((outcome.end, &*outcome.why, &*outcome.output), (End::Succeeded, why, "done\n"));
}

#[tokio::test]
async fn each_step_is_settled_once_however_it_ends() {
    let mut rig = Rig::new(StepSecrets::default());
    let programs = ["/bin/true", "/bin/false", "/nothing/that/is/there"];
    for number in 0..150_u32 {
        let program = programs[number as usize % 3];
        rig.runner.run(step(number, 60_000, Call::Command(command(&[program]))));
    }
    let mut told = Vec::new();
    for _ in 0..150 {
        let (key, outcome) = rig.next().await;
        assert_eq!(outcome.end == End::Succeeded, key.step % 3 == 0, "{key}: {outcome:?}");
        told.push(key.step);
    }
    told.sort_unstable();
    assert_eq!(told, (0..150).collect::<Vec<_>>());
    rig.runner.drain(Duration::from_secs(1)).await;
    assert!(rig.heard_nothing_more());
}

/// Scenario: as many steps run as may, one more waits beyond its time, and then Evenkeel stops.
/// Guarantees: what waited was not begun; what ran is killed, and unknown; later ones are not begun.
#[tokio::test]
async fn at_a_stop_what_ran_is_unknown_and_what_waited_was_not_begun() {
    let mut rig = Rig::new(StepSecrets::default());
    let long = || Call::Command(command(&["/bin/sleep", "600"]));
    (0..64).for_each(|number| rig.runner.run(step(number, 60_000, long())));
    rig.runner.run(step(64, 50, long()));
    let (key, outcome) = rig.next().await;
    assert_eq!((key.step, outcome.end), (64, End::NotBegun));
    assert_eq!(outcome.why, "was not begun: 64 steps ran for all of the 50ms that it may take");
    rig.runner.run(step(65, 60_000, long()));
    rig.runner.drain(Duration::from_millis(50)).await;
    let (key, outcome) = rig.next().await;
    assert_eq!((key.step, outcome.end, &*outcome.why), (65, End::NotBegun, "was not begun: Evenkeel stops"));
    for _ in 0..64 {
        let (_, outcome) = rig.next().await;
        assert_eq!(outcome.end, End::Unknown);
    }
    rig.runner.run(step(66, 60_000, long()));
    assert_eq!(rig.next().await.1.why, "was not begun: Evenkeel stops");
    assert!(rig.heard_nothing_more());
}

/// Guarantees: a step's turn comes once nobody waits for a page, a second later at most, and a stop is not held up.
#[tokio::test(start_paused = true)]
async fn while_somebody_is_to_be_told_first_a_step_is_held_back_for_a_second_at_most() {
    let rig = Rig::new(StepSecrets::default());
    let turn = || Box::pin(turn(&rig.runner.parts, Duration::from_millis(1)));
    let began = tokio::time::Instant::now();
    rig.untried.send_replace(2);
    let mut held = turn();
    tokio::select! {
        biased;
        _ = &mut held => panic!("it was not held back"),
        () = std::future::ready(()) => {}
    }
    rig.untried.send_replace(0);
    assert!(held.await.is_ok());
    assert_eq!(began.elapsed(), Duration::ZERO);
    rig.untried.send_replace(1);
    assert!(turn().await.is_ok());
    assert_eq!(began.elapsed(), FAST.pages_first);
    let mut held = turn();
    tokio::select! {
        biased;
        _ = &mut held => panic!("it was not held back"),
        () = std::future::ready(()) => {}
    }
    rig.runner.parts.phase.send_replace(Phase::Draining);
    assert_eq!(held.await.unwrap_err(), "Evenkeel stops");
    assert_eq!(began.elapsed(), FAST.pages_first);
}

#[tokio::test]
async fn more_steps_than_are_held_are_not_begun() {
    let mut rig = Rig::new(StepSecrets::default());
    rig.runner.parts.held.send_modify(|held| *held += HELD_MAX);
    rig.runner.run(step(0, 60_000, Call::Command(command(&["/bin/true"]))));
    let (_, outcome) = rig.next().await;
    let expected = "was not begun: 10000 steps are here already";
    assert_eq!((outcome.end, &*outcome.why), (End::NotBegun, expected));
    rig.runner.parts.held.send_modify(|held| *held -= HELD_MAX);
    rig.runner.run(step(1, 60_000, Call::Command(command(&["/bin/true"]))));
    assert_eq!(rig.next().await.1.end, End::Succeeded);
}

#[tokio::test]
async fn a_drain_waits_for_what_ends_in_time() {
    let mut rig = Rig::new(StepSecrets::default());
    let folder = Folder::new("drain");
    let begun = folder.path("begun");
    let call = command(&["/bin/sh", "-c", "echo > $0; /bin/sleep 0.3", &begun]);
    rig.runner.run(step(0, 60_000, Call::Command(call)));
    while !std::path::Path::new(&begun).exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.runner.drain(Duration::from_secs(30)).await;
    assert_eq!(rig.next().await.1.end, End::Succeeded);
}

#[tokio::test]
async fn a_runner_that_is_dropped_ends_what_runs_and_says_so() {
    if !has_python() {
        return;
    }
    let lookout = Lookout::new().await;
    let program = lookout.python("s = ready()\nwhile True: time.sleep(60)");
    let mut rig = Rig::new(StepSecrets::default());
    rig.runner.run(step(0, 60_000, Call::Command(command(&[PYTHON, "-c", &program]))));
    let seen = lookout.ready().await;
    drop(std::mem::replace(&mut rig.runner, Rig::new(StepSecrets::default()).runner));
    let (_, outcome) = rig.next().await;
    assert_eq!(outcome.end, End::Unknown);
    assert_eq!(outcome.why, "was cut off in the middle of it: it may have happened, or not");
    seen.dies().await;
}
