use super::*;
use crate::core::error::StoreErrorKind;

struct Counter(u8);
impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

fn handle(engine: &mut Engine, input: Input, now: u64, entropy: &mut Counter) -> Vec<Effect> {
    engine.handle(input, now, entropy).list().unwrap()
}

/// Answers everything an engine asks, except that writes are answered one by one: the effects that were left.
fn answer(engine: &mut Engine, effects: Vec<Effect>, writes: &mut Vec<u64>, entropy: &mut Counter) -> Vec<Effect> {
    let (mut queue, mut left) = (effects, Vec::new());
    while !queue.is_empty() {
        let input = match queue.remove(0) {
            Effect::Elect(term) => Input::Elected(term, Vec::new()),
            Effect::Write(id, _) => {
                writes.push(id);
                continue;
            }
            other => {
                left.push(other);
                continue;
            }
        };
        queue.extend(handle(engine, input, 1_000, entropy));
    }
    left
}

#[test]
fn events_before_and_after_a_reset_in_one_task_are_both_told_of() {
    let entropy = &mut Counter(0);
    let mut engine = Engine::new(Config::parse("shop").unwrap(), entropy);
    let mut writes = Vec::new();
    let effects = handle(&mut engine, Input::Opened(Vec::new(), true), 1_000, entropy);
    answer(&mut engine, effects, &mut writes, entropy);
    engine.capture(EventKind::Track, "a", "", "", 1_000, entropy).unwrap();
    engine.reset();
    engine.capture(EventKind::Track, "b", "", "", 1_000, entropy).unwrap();
    let effects = handle(&mut engine, Input::Flush, 1_000, entropy);
    answer(&mut engine, effects, &mut writes, entropy);
    let mut read = Vec::new();
    assert_eq!(writes.len(), 2, "each chain has its own write");
    let mut effects = Vec::new();
    for id in writes {
        effects.extend(handle(&mut engine, Input::Written(id, Ok(())), 1_001, entropy));
    }
    while let Some(Effect::Read { id, chain, .. }) = effects.iter().find(|effect| matches!(effect, Effect::Read { .. }))
    {
        read.push(chain.clone());
        effects = handle(&mut engine, Input::Read(*id, Some(Vec::new())), 1_002, entropy);
    }
    read.dedup();
    assert_eq!(read.len(), 2, "both chains are read");
}

#[test]
fn a_page_that_has_resigned_does_not_send_on_the_strength_of_an_earlier_election() {
    let entropy = &mut Counter(0);
    let mut engine = Engine::new(Config::parse("shop").unwrap(), entropy);
    handle(&mut engine, Input::Opened(Vec::new(), true), 1_000, entropy);
    handle(&mut engine, Input::Leaving(true), 1_000, entropy);
    handle(&mut engine, Input::Resumed, 1_000, entropy);
    handle(&mut engine, Input::Elected(0, Vec::new()), 1_000, entropy);
    assert!(engine.sender.is_none(), "it stood for another term by then");
    handle(&mut engine, Input::Elected(1, Vec::new()), 1_000, entropy);
    assert!(engine.sender.is_some());
}

#[test]
fn rows_stored_while_the_metas_were_read_for_an_election_are_sent() {
    let entropy = &mut Counter(0);
    let mut engine = Engine::new(Config::parse("shop").unwrap(), entropy);
    handle(&mut engine, Input::Opened(Vec::new(), true), 1_000, entropy);
    engine.capture(EventKind::Track, "a", "", "", 1_000, entropy).unwrap();
    let effects = handle(&mut engine, Input::Commit, 1_000, entropy);
    let written = effects.into_iter().find_map(|effect| match effect {
        Effect::Write(id, write) => Some((id, write)),
        _ => None,
    });
    let (id, write) = written.expect("a new lane");
    handle(&mut engine, Input::Written(id, Ok(())), 1_000, entropy);
    // The metas were read before that.
    let effects = handle(&mut engine, Input::Elected(0, Vec::new()), 1_000, entropy);
    assert!(effects.contains(&Effect::Survey(0)), "{effects:?}");
    let chain = write.add[0].chain.clone();
    let mut metas = write.put;
    metas.push((format!("top/{chain}"), "1".into()));
    let effects = handle(&mut engine, Input::Elected(0, metas), 1_000, entropy);
    // They are no older than others, so they are due at their age.
    let reads = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Read { .. }));
    assert!(!reads(&effects) && effects.iter().any(|effect| matches!(effect, Effect::Wake(_))), "{effects:?}");
    assert!(reads(&handle(&mut engine, Input::Wake, 6_000, entropy)));
    assert!(!effects.contains(&Effect::Survey(0)), "once is enough");
}

#[test]
fn a_lane_is_another_pages_only_when_nothing_of_ours_is_on_its_way_there() {
    let entropy = &mut Counter(0);
    let mut engine = Engine::new(Config::parse("shop").unwrap(), entropy);
    handle(&mut engine, Input::Opened(Vec::new(), true), 1_000, entropy);
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        engine.capture(EventKind::Track, name, "", "", 1_000, entropy).unwrap();
        let effects = handle(&mut engine, Input::Commit, 1_000, entropy);
        ids.extend(effects.iter().find_map(|effect| if let Effect::Write(id, _) = effect { Some(*id) } else { None }));
    }
    let releases = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::ReleaseLane(_)));
    handle(&mut engine, Input::Written(ids[0], Ok(())), 1_000, entropy);
    let effects = handle(&mut engine, Input::Written(ids[1], Err(StoreErrorKind::Quota)), 1_000, entropy);
    let removal = effects.iter().find_map(|effect| match effect {
        Effect::Write(id, Write { remove: Some(Remove { first, .. }), .. }) => Some((*id, *first)),
        _ => None,
    });
    let (removal, from) = removal.expect("what may be stored behind the failed row is removed");
    assert_eq!(from, 2);
    assert!(!releases(&effects));
    assert!(!releases(&handle(&mut engine, Input::Written(ids[2], Ok(())), 1_000, entropy)));
    assert!(releases(&handle(&mut engine, Input::Written(removal, Ok(())), 1_000, entropy)));
}

#[test]
fn a_flush_waits_for_what_is_on_its_way_to_the_store() {
    let entropy = &mut Counter(0);
    let mut engine = Engine::new(Config::parse("shop").unwrap(), entropy);
    let mut writes = Vec::new();
    let effects = handle(&mut engine, Input::Opened(Vec::new(), true), 1_000, entropy);
    answer(&mut engine, effects, &mut writes, entropy);
    engine.capture(EventKind::Track, "a", "", "", 1_000, entropy).unwrap();
    let effects = handle(&mut engine, Input::Flush, 1_000, entropy);
    let left = answer(&mut engine, effects, &mut writes, entropy);
    assert!(!left.iter().any(|effect| matches!(effect, Effect::Flushed(_))), "nothing is stored yet");
    let effects = handle(&mut engine, Input::Written(writes.remove(0), Ok(())), 1_001, entropy);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Read { .. })), "{effects:?}");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Flushed(_))), "{effects:?}");
}

#[test]
fn what_was_said_before_a_flush_was_heard_is_no_answer_to_it() {
    let entropy = &mut Counter(0);
    let mut engine = Engine::new(Config::parse("shop").unwrap(), entropy);
    handle(&mut engine, Input::Opened(Vec::new(), true), 1_000, entropy);
    engine.capture(EventKind::Track, "a", "", "", 1_000, entropy).unwrap();
    let mut hear = |engine: &mut Engine, input| {
        let effects = handle(engine, input, 1_000, entropy);
        let told = effects.iter().find_map(|effect| match effect {
            Effect::Tell(message) if message.starts_with("flush") => Some(message.clone()),
            _ => None,
        });
        let flushed = effects.iter().find_map(|effect| match effect {
            Effect::Flushed(code) => Some(*code),
            _ => None,
        });
        let write = effects.into_iter().find_map(|effect| match effect {
            Effect::Write(id, _) => Some(id),
            _ => None,
        });
        (told, flushed, write)
    };
    let (told, _, write) = hear(&mut engine, Input::Flush);
    assert_eq!(told, None, "nothing is stored yet");
    assert_eq!(hear(&mut engine, Input::Heard("drained".into())), (None, None, None));
    let (told, ..) = hear(&mut engine, Input::Written(write.unwrap(), Ok(())));
    let number = told.clone().unwrap().replace("flush ", "");
    for older in ["drained", "paused", "paused 7", "drained 7"] {
        let heard = hear(&mut engine, Input::Heard(older.into()));
        assert_eq!(heard, (told.clone(), None, None), "{older}: it is asked once more");
    }
    let answer = format!("paused 7 {number}");
    assert_eq!(hear(&mut engine, Input::Heard(answer)), (None, Some(Some(Code::Retrying)), None));
    assert_eq!(hear(&mut engine, Input::Heard(format!("drained {number}"))), (None, None, None), "once");
}

#[test]
fn the_page_that_sends_answers_each_that_has_asked() {
    let entropy = &mut Counter(0);
    let mut engine = Engine::new(Config::parse("shop").unwrap(), entropy);
    handle(&mut engine, Input::Opened(Vec::new(), true), 1_000, entropy);
    let lane = |chain: &str| (format!("lane/{chain}"), String::new());
    let effects = handle(&mut engine, Input::Elected(0, vec![lane("c")]), 1_000, entropy);
    let id = effects.iter().find_map(|effect| match effect {
        Effect::Read { id, .. } => Some(*id),
        _ => None,
    });
    for message in ["flush 1", "flush 2", "flush 1", "flush"] {
        handle(&mut engine, Input::Heard(message.into()), 1_000, entropy);
    }
    let effects = handle(&mut engine, Input::Read(id.unwrap(), Some(Vec::new())), 1_000, entropy);
    assert!(effects.contains(&Effect::Tell("drained 1 2".into())), "{effects:?}");
}
