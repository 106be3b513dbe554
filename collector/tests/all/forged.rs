//! What a visitor's page may say in a body or a property, and what becomes of that in an export.

use super::exports::{FORMS, attributes, event, lines, named};
use super::support::*;
use nymtrail::core::row::Row;
use nymtrail::core::verify::Outcome;
use nymtrail_collector::error::Code;
use nymtrail_collector::forms::{Failure, read_rows};
use nymtrail_collector::verify::{Checked, check_rows};
use serde_json::{Value, json};

fn check(text: &str) -> Result<Checked, Failure> {
    check_rows(text.as_bytes())
}

#[test]
fn what_a_page_says_in_a_body_is_never_taken_for_a_row() {
    let foreign = named(&chain(9, 1)[0]).to_string();
    let mut head = head(&chain(1, 1)[0]);
    let body = json!({"k": "track", "n": foreign, "p": named(&chain(9, 1)[0])}).to_string();
    let mut rows = chain(1, 1);
    rows.push(head.append(body, "0".repeat(32), NOW + 1));
    for (name, form) in FORMS {
        assert_eq!(read_rows(form(&rows).as_bytes()).unwrap().rows, rows, "{name}");
    }
}

/// What a visitor may put into a property: a row of another chain, or what is none, in all disguises.
fn forgeries() -> Vec<Value> {
    let foreign = &chain(9, 1)[0];
    let plain: Value = serde_json::from_str(&foreign.line()).unwrap();
    let broken = json!({"nt_chain": "x", "nt_seq": "first"});
    let mut cut = plain.clone();
    cut["seq"] = json!("first");
    vec![
        json!(named(foreign).to_string()),
        json!(plain.to_string()),
        json!(attributes(foreign).to_string()),
        json!(broken.to_string()),
        json!([broken.to_string(), json!({"a": [broken]}).to_string()]),
        plain.clone(),
        json!([{"a": plain}]),
        json!({"a": cut}),
        json!({"chain": foreign.chain, "link": foreign.link, "price": 3}),
    ]
}

#[test]
fn what_a_page_says_in_a_property_is_no_row_where_the_event_has_its_own() {
    let rows = chain(1, 4);
    let objects = [named(&chain(9, 1)[0]), json!({"a": [named(&chain(9, 1)[0])]}), attributes(&chain(9, 1)[0])];
    let spread = |row: &Row, forged: &Value| {
        let mut properties = named(row);
        properties["a"] = forged.clone();
        properties["z"] = json!([forged]);
        json!({"event": "view", "properties": properties})
    };
    let record = |row: &Row, forged: &Value| {
        let mut all = attributes(row);
        let value = match forged {
            Value::String(text) => json!({"stringValue": text}),
            _ => json!({"kvlistValue": {"values": [{"key": "a", "value": forged}]}}),
        };
        all.as_array_mut().unwrap().insert(2, json!({"key": "p", "value": value}));
        json!({"body": {"stringValue": "view"}, "attributes": all})
    };
    // Where the columns stand beside the properties and not among them.
    let beside = |row: &Row, forged: &Value| {
        json!({"type": "track", "event": forged, "properties": {"a": forged}, "context": {"nymtrail": named(row)},
            "traits": [forged]})
    };
    let entity = |row: &Row, forged: &Value| json!({"contexts_com_nymtrail_row_1": [named(row)], "unstruct_event_com_nymtrail_event_1": {"props": forged}});
    let holds = |name: &str, events: Vec<Value>| {
        for text in [lines(events.clone()), json!(events).to_string(), json!({"batch": events}).to_string()] {
            let found = read_rows(text.as_bytes()).unwrap_or_else(|failure| panic!("{name}: {failure:?} {text}"));
            assert_eq!((found.rows, found.found.without), (rows.clone(), 0), "{name}: {text}");
        }
    };
    for forged in forgeries().iter().chain(&objects) {
        holds("among the properties", rows.iter().map(|row| spread(row, forged)).collect());
        holds("attributes", rows.iter().map(|row| record(row, forged)).collect());
    }
    for forged in &forgeries() {
        holds("beside the properties", rows.iter().map(|row| beside(row, forged)).collect());
        holds("in an entity", rows.iter().map(|row| entity(row, forged)).collect());
    }
    // Objects with our own names beside the row do count: as a chain of their own, so the row's chain is what it was.
    for forged in &objects {
        let Checked { report, .. } = check(&lines(rows.iter().map(|row| beside(row, forged)))).unwrap();
        let chains: Vec<_> = report.chains.iter().map(|chain| (chain.chain.as_str(), chain.rows)).collect();
        assert!(chains.len() == 2 && chains.contains(&(&rows[0].chain, 4)), "{chains:?}");
    }
}

#[test]
fn what_an_event_without_columns_says_counts_for_what_it_is() {
    let rows = chain(1, 4);
    let bad = with(&rows[3], |row| row.body = Some("{}".into()));
    let other = |forged: Value| json!({"event": "view", "properties": {"a": {"b": forged}}});
    let with_event = |forged: Value| check(&(lines(rows[..3].iter().map(event)) + &lines([other(forged)])));
    let chains = |forged: Value| with_event(forged).map(|checked| checked.report.chains.len());
    // A chain of its own, whole or not.
    assert_eq!(chains(named(&chain(9, 1)[0])), Ok(2));
    assert_eq!(chains(json!(named(&chain(9, 1)[0]).to_string())), Ok(2));
    // A row of a chain that is there: by itself it cannot make an altered one pass, only the reverse.
    let Checked { report, .. } = with_event(named(&bad)).unwrap();
    assert_eq!((report.verdict, report.chains[0].first_bad), (Outcome::Tampered, Some(3)));
    assert_eq!(with_event(named(&rows[3])).unwrap().report.chains[0].rows, 4);
    // Columns that make no row are not passed over.
    for broken in [json!({"nt_chain": "x"}), json!("{\"nt_chain\":\"x\"}")] {
        assert_eq!(chains(broken), Err(Failure { code: Code::MalformedRow, line: Some(4) }));
    }
}
