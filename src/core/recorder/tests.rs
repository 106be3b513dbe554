use super::super::epoch::{self, DAY, Epoch};
use super::super::verify;
use super::*;

/// Repeatable bytes, all different.
pub struct Sequence(pub u64);
impl Entropy for Sequence {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

const NOON: u64 = 20781 * DAY + DAY / 2;

fn recorder(config: &str) -> (Recorder, Sequence) {
    let mut entropy = Sequence(1);
    (Recorder::new(Config::parse(config).unwrap(), &mut entropy), entropy)
}

fn salted() -> (Recorder, Sequence) {
    let (mut recorder, entropy) = recorder("shop salt - - - - - - - - - - account");
    let epoch =
        Epoch { id: 20781, not_before: 20781 * DAY, not_after: 20782 * DAY, salt: Salt::new([5; 32]), next: None };
    recorder.epochs(&epoch::document("shop", &[epoch]), NOON).unwrap();
    (recorder, entropy)
}

fn parsed(rows: &[StoredRow]) -> Vec<Row> {
    rows.iter().map(|row| Row::parse(&row.line).unwrap()).collect()
}

fn track(recorder: &mut Recorder, entropy: &mut Sequence, props: &str, now: u64) -> Value {
    let rows = recorder.capture(EventKind::Track, "view", props, "", now, entropy).unwrap();
    json::parse(parsed(&rows).last().unwrap().body.as_deref().unwrap()).unwrap()
}

#[test]
fn events_become_one_verifying_chain() {
    let (mut recorder, mut entropy) = salted();
    let mut rows =
        recorder.capture(EventKind::Page, "", "", r#"{"url":"https://x.org/a"}"#, NOON, &mut entropy).unwrap();
    let opening = parsed(&rows)[0].body.clone().unwrap();
    assert!(opening.starts_with(r#"{"dep":"shop","ep":20781,"et":""#) && opening.ends_with(r#"","v":1,"x":"open"}"#));
    rows.extend(recorder.capture(EventKind::Track, "buy", r#"{"b":1.0,"a":"x"}"#, "", NOON + 1, &mut entropy).unwrap());
    let rows = parsed(&rows);
    assert_eq!(verify::verify(rows.clone()).verdict, verify::Outcome::Holds);
    let body = rows[2].body.as_deref().unwrap();
    assert!(body.contains(r#""k":"track","n":"buy","p":{"a":"x","b":1.0},"s":""#), "{body}");
    assert_eq!(body, json::to_string(&json::parse(body).unwrap()), "bodies are canonical");
}

#[test]
fn an_identified_visitor_is_a_pseudonym_in_every_later_event_and_nowhere_else() {
    let (mut recorder, mut entropy) = salted();
    recorder.identify(Namespace::User, Kind::Email, "ann@example.org", "Ann@Example.org", NOON, &mut entropy).unwrap();
    let props = r#"{"q":"mail Ann@example.org","x":"YW5uQGV4YW1wbGUub3Jn","account":"DE-4711"}"#;
    let body = track(&mut recorder, &mut entropy, props, NOON);
    let salt = Salt::new([5; 32]);
    assert_eq!(
        body.get("u").and_then(Value::as_text),
        Some(salt.pseudonym("shop", "user", 20781, Kind::Email, "ann@example.org").as_str())
    );
    let props = body.get("p").unwrap();
    assert_eq!(props.get("q").and_then(Value::as_text), Some("mail [email]"));
    assert_eq!(props.get("x").and_then(Value::as_text), Some("[email]"));
    assert_eq!(
        props.get("account").and_then(Value::as_text),
        Some(salt.pseudonym("shop", "prop:account", 20781, Kind::Opaque, "DE-4711").as_str())
    );
    let body = track(&mut recorder, &mut entropy, r#"{"note":"for de-4711"}"#, NOON);
    assert_eq!(body.get("p").unwrap().get("note").and_then(Value::as_text), Some("[id]"));
}

#[test]
fn with_a_pepper_bodies_hold_aliases_and_the_line_what_lifts_them() {
    let (salted, mut entropy) = salted();
    let pepper = Config::parse("shop pepper - - - - - - - - - - account").unwrap();
    let mut recorder = Recorder { config: pepper, ..salted };
    recorder.identify(Namespace::User, Kind::Opaque, "ann-4711", "ann-4711", NOON, &mut entropy).unwrap();
    recorder.identify(Namespace::Group, Kind::Opaque, "acme", "acme", NOON, &mut entropy).unwrap();
    let props = r#"{"account":"DE-4711"}"#;
    let mut rows = recorder.capture(EventKind::Track, "a", props, "", NOON, &mut entropy).unwrap();
    rows.extend(recorder.capture(EventKind::Track, "b", props, "", NOON, &mut entropy).unwrap());
    let first = |namespace: &str, id: &str| Salt::new([5; 32]).pseudonym("shop", namespace, 20781, Kind::Opaque, id);
    let expected = [first("prop:account", "DE-4711"), first("group", "acme"), first("user", "ann-4711")];
    assert_eq!(pepper::of(&rows[0].line), None, "row 0 hides nothing");
    let mut seen = Vec::new();
    for (row, parsed) in rows.iter().zip(parsed(&rows)).skip(1) {
        let body = json::parse(parsed.body.as_deref().unwrap()).unwrap();
        let aliases = [body.get("p").unwrap().get("account"), body.get("g"), body.get("u")];
        let aliases = aliases.map(|alias| alias.and_then(Value::as_text).unwrap().to_owned());
        let veil = pepper::of(&row.line).unwrap();
        let lifted: Vec<_> = aliases.iter().cloned().zip(expected.iter().map(String::as_str)).collect();
        assert_eq!(pepper::lift(&veil), Some(lifted));
        assert!(!parsed.line().contains("p1."), "{}", parsed.line());
        seen.extend(aliases);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6, "other ones in each row");
    assert_eq!(verify::verify(parsed(&rows)).verdict, verify::Outcome::Holds);

    // In another chain the same aliases stand for the same.
    recorder.lane = None;
    let again = recorder.relink(&rows, &mut entropy);
    let veils = |rows: &[StoredRow]| rows.iter().map(|row| pepper::of(&row.line)).collect::<Vec<_>>();
    assert_eq!(veils(&again), veils(&rows));
    // What hides nothing has no veil.
    recorder.reset();
    let row = recorder.capture(EventKind::Track, "c", "", "", NOON, &mut entropy).unwrap().pop().unwrap();
    assert_eq!(pepper::of(&row.line), None);
}

#[test]
fn without_a_salt_no_pseudonym_is_made() {
    let (mut recorder, mut entropy) = recorder("shop - - - - - - - - - - - account");
    let identified = recorder.identify(Namespace::User, Kind::Opaque, "ann-4711", "ann-4711", NOON, &mut entropy);
    assert_eq!(identified, Err(Code::NoSalt));
    let body = track(&mut recorder, &mut entropy, r#"{"account":"x","who":"ann-4711"}"#, NOON);
    assert!(body.get("u").is_none());
    assert_eq!(json::to_string(body.get("p").unwrap()), r#"{"who":"[id]"}"#);
    assert_eq!(recorder.pseudonym_failures, 2);
}

#[test]
fn in_the_audience_profile_nothing_lasts_longer_than_a_visit() {
    let (mut recorder, mut entropy) = recorder("shop audience - - - - - - - - - - account");
    let refused = recorder.identify(Namespace::User, Kind::Opaque, "ann-4711", "ann-4711", NOON, &mut entropy);
    assert_eq!(refused, Err(Code::AudienceProfile));
    let first = track(&mut recorder, &mut entropy, r#"{"account":"x","who":"ann-4711","n":1}"#, NOON);
    assert!(first.get("d").is_none() && first.get("u").is_none() && first.get("s").is_some());
    assert_eq!(json::to_string(first.get("p").unwrap()), r#"{"n":1,"who":"[id]"}"#);
    assert!(!recorder.must_leave_lane(NOON + visit::IDLE_MS), "the same visit");
    let later = NOON + 1 + visit::IDLE_MS;
    assert!(recorder.must_leave_lane(later));
    // Another page of the new visit finds the lane that was left open.
    let left = recorder.lane.take().unwrap();
    assert!(recorder.may_go_on(&left));
    let second = track(&mut recorder, &mut entropy, "", later);
    assert_ne!(first.get("s"), second.get("s"));
    assert!(!recorder.must_leave_lane(later + 1));
    assert!(!recorder.must_leave_lane(later - 60_000), "a clock set back does not open a chain for each event");
    assert!(recorder.may_go_on(recorder.lane.as_ref().unwrap()) && !recorder.may_go_on(&left));
}

#[test]
fn a_lane_from_before_a_reset_is_not_gone_on_with() {
    let (mut recorder, mut entropy) = salted();
    track(&mut recorder, &mut entropy, "", NOON);
    let lane = recorder.lane.take().unwrap();
    assert!(recorder.may_go_on(&lane));
    recorder.reset();
    assert!(!recorder.may_go_on(&lane), "nobody has come yet");
    track(&mut recorder, &mut entropy, "", NOON);
    assert!(!recorder.may_go_on(&lane) && recorder.may_go_on(recorder.lane.as_ref().unwrap()));
}

#[test]
fn the_first_row_holds_the_hash_of_the_token_and_the_record_the_token() {
    let (mut recorder, mut entropy) = recorder("shop");
    let rows = parsed(&recorder.capture(EventKind::Track, "a", "", "", NOON, &mut entropy).unwrap());
    let saved = recorder.lane.as_ref().unwrap().save();
    let mut words = saved.rsplit(' ');
    let (whose, token) = (words.next(), words.next().unwrap());
    assert!(hex::is_hex(token, 32));
    let body = json::parse(rows[0].body.as_deref().unwrap()).unwrap();
    assert_eq!(body.get("et").and_then(Value::as_text), Some(token_hash(token).hex().as_str()));
    assert!(rows.iter().all(|row| !row.line().contains(token)));
    let event = json::parse(rows[1].body.as_deref().unwrap()).unwrap();
    assert_eq!(event.get("d").and_then(Value::as_text), whose, "whose lane it is");
}

#[test]
fn strict_refuses_what_would_be_scrubbed() {
    let (mut recorder, mut entropy) = recorder(
        "shop secret 0000000000000000000000000000000000000000000000000000000000000001 - - - - - - - - 256 account",
    );
    let mut capture = |name: &str, props: &str| {
        let context = r#"{"url":"https://shop.example/ann@example.org"}"#;
        recorder.capture(EventKind::Page, name, props, context, NOON, &mut entropy).err()
    };
    for (name, props) in [
        ("mail ann@example.org", ""),
        ("n", r#"{"a":"ann@example.org"}"#),
        ("n", r#"{"ann@example.org":1}"#),
        ("n", r#"{"a":[{"b":4111111111111111}]}"#),
        ("n", &format!(r#"{{"a":"{}"}}"#, "x".repeat(257))),
    ] {
        assert_eq!(capture(name, props), Some(Code::Scrubbed), "{name} {props}");
    }
    // Nor is a declared identifier scrubbed, nor does it matter how JSON was spelled.
    for (name, props) in [("", ""), ("n", r#"{"account":"ann@example.org","b":1.0, "a":"ok\u0041"}"#)] {
        assert_eq!(capture(name, props), None, "{name} {props}");
    }
}

#[test]
fn a_pseudonym_from_elsewhere_is_of_the_visits_epoch_or_none() {
    let (mut recorder, mut entropy) = recorder("shop oprf - - - - - - - - - - account");
    assert_eq!(recorder.expect("ann.jones", "Ann.Jones", NOON, &mut entropy), "", "no key is known");
    let key = Salt::new([5; 32]);
    let epoch = Epoch { id: 20781, not_before: 20781 * DAY, not_after: 20782 * DAY, salt: key, next: None };
    let salts = epoch::document("shop", core::slice::from_ref(&epoch));
    assert_eq!(recorder.epochs(&salts, NOON), Err(Code::EpochsMalformed), "salts are no keys");
    recorder.epochs(&Published::Key.document("shop", &[epoch]), NOON).unwrap();
    let words = format!("20781 {}", "05".repeat(32));
    assert_eq!(recorder.expect("ann.jones", "Ann.Jones", NOON, &mut entropy), words);

    let pseudonym = "p2.0kjgA_5tMJc05lhIFTSs9Q";
    let mut identify = |given: &str| {
        let done = recorder.identify(Namespace::User, Kind::Opaque, given, "", NOON, &mut entropy);
        let props = format!(r#"{{"account":"{given}","note":"by ann.jones"}}"#);
        let body = track(&mut recorder, &mut entropy, &props, NOON);
        assert_eq!(body.get("p").and_then(|p| p.get("note")).and_then(Value::as_text), Some("[id]"));
        let text = |value: Option<&Value>| value.and_then(Value::as_text).map(String::from);
        (done, text(body.get("u")), text(body.get("p").and_then(|p| p.get("account"))))
    };
    let given = Some(pseudonym.into());
    assert_eq!(identify(&format!("20781 {pseudonym}")), (Ok(()), given.clone(), given));
    for wrong in [
        "",
        pseudonym,
        "20781",
        "20780 p2.0kjgA_5tMJc05lhIFTSs9Q",
        "20781 ann.jones",
        "20781 p1.0kjgA_5tMJc05lhIFTSs9Q",
    ] {
        // Nobody is the user then: the one before may be somebody else.
        assert_eq!(identify(wrong), (Err(Code::NoEpochKey), None, None), "{wrong}");
    }
    recorder.reset();
    let body = track(&mut recorder, &mut entropy, r#"{"note":"by ann.jones"}"#, NOON);
    assert!(json::to_string(&body).contains("[id]"), "a call that waits may have named somebody since");
}

#[test]
fn a_new_epoch_takes_nothing_over() {
    let (mut recorder, mut entropy) = salted();
    recorder.identify(Namespace::User, Kind::Opaque, "ann", "ann", NOON, &mut entropy).unwrap();
    let before = track(&mut recorder, &mut entropy, "", NOON);
    let late_visit = NOON + DAY / 2 - 1;
    track(&mut recorder, &mut entropy, "", late_visit);
    assert!(!recorder.must_leave_lane(late_visit + 60_000), "a visit is not cut at midnight");
    assert!(recorder.must_leave_lane(NOON + DAY));
    recorder.lane = None;
    let after = track(&mut recorder, &mut entropy, "", NOON + DAY);
    assert!(after.get("u").is_none(), "the salt of the ended epoch is not used");
    for id in ["d", "s"] {
        assert_ne!(before.get(id), after.get(id));
    }
    assert!(!recorder.lane.as_ref().unwrap().epoch.published, "without a document for the day");
}

#[test]
fn bad_input_is_dropped_with_a_code() {
    let (mut recorder, mut entropy) = salted();
    let mut capture =
        |name: &str, props: &str| recorder.capture(EventKind::Track, name, props, "", NOON, &mut entropy).err();
    assert_eq!(capture("", ""), Some(Code::InvalidName));
    assert_eq!(capture("n", "[]"), Some(Code::InvalidProperties));
    assert_eq!(capture("n", "{"), Some(Code::InvalidProperties));
    let many: Vec<_> = (0..200).map(|n| format!("\"k{n}\":\"{}\"", "x".repeat(100))).collect();
    assert_eq!(capture("n", &format!("{{{}}}", many.join(","))), Some(Code::TooLarge));
    assert!(recorder.lane.is_none(), "what is dropped opens no lane");
}

#[test]
fn relinked_events_keep_bodies_and_times_in_a_new_chain() {
    let (mut recorder, mut entropy) = salted();
    let mut rows = recorder.capture(EventKind::Track, "a", "", "", NOON, &mut entropy).unwrap();
    rows.extend(recorder.capture(EventKind::Track, "b", "", "", NOON + 5, &mut entropy).unwrap());
    recorder.lane = None;
    let (again, rows) = (parsed(&recorder.relink(&rows, &mut entropy)), parsed(&rows));
    assert_ne!(again[0].chain, rows[0].chain);
    let content = |rows: &[Row]| rows[1..].iter().map(|row| (row.t, row.body.clone())).collect::<Vec<_>>();
    assert_eq!(content(&again), content(&rows));
    assert_eq!(verify::verify(again).verdict, verify::Outcome::Holds);
}
