//! What happens where a recording can not keep up.

use std::sync::Arc;

use super::*;
use crate::config;
use crate::engine::{Engine, Plan};
use crate::model::SECOND_NS;

fn image(engine: &Engine) -> Shot {
    let header = Header {
        format: 1,
        product: String::new(),
        tenant: String::new(),
        configuration: 0,
        began: engine.now(),
    };
    Shot::Image { header, image: engine.full_image() }
}

fn group(records: usize) -> Shot {
    Shot::Group { now: Now(SECOND_NS), decided: 0, records: vec![0; records], masks: false }
}

fn taken(shots: &mut Shots) -> Vec<&'static str> {
    std::iter::from_fn(|| shots.next_here())
        .map(|item| match item {
            Item::Gap(_) => "gap",
            Item::Shot(shot) => match *shot {
                Shot::Image { .. } => "image",
                Shot::Group { .. } => "group",
                Shot::Configured { .. } => "configured",
            },
        })
        .collect()
}

fn is_asked(recorder: &Recorder) -> bool {
    recorder.wants_image.swap(false, Ordering::AcqRel)
}

#[test]
fn a_recording_begins_with_an_image_and_has_no_other_unless_it_asks() {
    let engine = Engine::new(Arc::new(Plan::empty()), Now(SECOND_NS));
    let recorder = Arc::<Recorder>::default();
    recorder.offer(vec![group(1)]);
    let mut shots = recorder.listen(false).unwrap();
    assert!(is_asked(&recorder));
    recorder.offer(vec![group(1), image(&engine), group(1)]);
    recorder.offer(vec![image(&engine), group(1)]);
    assert_eq!(taken(&mut shots), ["image", "group", "group"]);
    shots.ask_for_image();
    assert!(is_asked(&recorder));
    recorder.offer(vec![group(1), image(&engine), image(&engine)]);
    assert_eq!(taken(&mut shots), ["group", "image"]);
    assert_eq!(recorder.counts().missed, 0);
}

/// Guarantees: whoever offers is never held up; what found no room is counted and told, and after it comes an image, asked
/// for once there is room.
#[test]
fn a_recording_that_can_not_keep_up_has_a_gap_and_goes_on_from_an_image() {
    let engine = Engine::new(Arc::new(Plan::empty()), Now(SECOND_NS));
    for (bytes, fit) in [(1, QUEUE_MAX - 1), (QUEUE_BYTES_MAX / 2 + 1, 1)] {
        let recorder = Arc::<Recorder>::default();
        let mut slow = recorder.listen(true).unwrap();
        let mut quick = recorder.listen(false).unwrap();
        assert!(is_asked(&recorder));
        recorder.offer(vec![image(&engine)]);
        for _ in 0..QUEUE_MAX + 10 {
            recorder.offer(vec![group(bytes)]);
            taken(&mut quick);
        }
        assert!(!is_asked(&recorder), "there is no room for an image yet");
        let lost = (QUEUE_MAX + 10 - fit) as u64;
        assert_eq!(recorder.counts().missed, lost, "{bytes}");
        assert_eq!(taken(&mut slow).len(), fit + 1);
        assert!(is_asked(&recorder), "{bytes}");
        recorder.offer(vec![group(1), image(&engine), group(1)]);
        assert_eq!(taken(&mut slow), ["gap", "image", "group"]);
        assert_eq!(recorder.counts().missed, lost + 1);
        assert_eq!(taken(&mut quick), ["group", "group"], "nobody else has a gap");
    }
}

#[test]
fn there_are_so_many_taps_and_none_of_what_is_not_written_down() {
    let recorder = Arc::<Recorder>::default();
    let mut taps: Vec<Shots> = (0..TAPS_MAX).map(|_| recorder.listen(true).unwrap()).collect();
    assert_eq!(recorder.listen(true).err(), Some(Refused::Full));
    let mut own = recorder.listen(false).unwrap();
    taps.pop();
    let mut last = recorder.listen(true).unwrap();
    recorder.close_taps();
    assert!(last.next().is_none(), "it is told that it is over");
    let engine = Engine::new(Arc::new(Plan::empty()), Now(SECOND_NS));
    recorder.offer(vec![image(&engine)]);
    assert_eq!(taken(&mut own), ["image"]);
    recorder.set_fleeting();
    assert_eq!(recorder.listen(true).err(), Some(Refused::Fleeting));
}

/// Guarantees: a state too large to be kept is said once, leaves no file, and is not tried again until a reload.
#[test]
fn a_state_that_is_too_large_is_told_once_and_tried_again_after_a_reload() {
    let folder = std::env::temp_dir().join(format!("evenkeel-recorder-{}", std::process::id()));
    let engine = Engine::new(Arc::new(Plan::empty()), Now(SECOND_NS));
    let recorder = Arc::<Recorder>::default();
    let settings = config::Recorder { max_bytes: 200, ..config::Recorder::default() };
    let mut keeper = Keeper::begin(&recorder, &folder, settings).unwrap();
    let mut asked = Vec::new();
    for shots in [
        vec![image(&engine)],
        vec![group(1)],
        vec![Shot::Configured { now: Now(SECOND_NS), decided: 0, plan: Vec::new() }],
        vec![image(&engine), group(1)],
    ] {
        let _before = is_asked(&recorder);
        recorder.offer(shots);
        keeper.turn();
        asked.push(is_asked(&recorder));
        let RecorderCounts { on, failures, .. } = recorder.counts();
        assert_eq!((on, failures), (false, 1), "{asked:?}");
    }
    assert_eq!(asked, [false, false, true, false]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir_all(folder).unwrap();
}
