//! The exports of other services: wherever the columns are in them, the rows are found and the chain is checked.

use super::support::*;
use nymtrail::core::row::Row;
use nymtrail::core::verify::{Class, Outcome};
use nymtrail_collector::columns::Found;
use nymtrail_collector::error::Code;
use nymtrail_collector::forms::{Failure, read_rows};
use nymtrail_collector::verify::{Checked, check_rows};
use proptest::prelude::*;
use serde_json::{Value, json};

const PLAIN: [&str; 8] = ["chain", "seq", "t", "gprev", "salt", "body", "bc", "link"];

/// The row's columns under the names they travel by.
pub fn named(row: &Row) -> Value {
    let columns: serde_json::Map<String, Value> = serde_json::from_str(&row.line()).unwrap();
    columns.into_iter().map(|(name, value)| (format!("nt_{name}"), value)).collect()
}

/// The same as attributes of OTLP, whose 64-bit numbers are strings.
pub fn attributes(row: &Row) -> Value {
    let Value::Object(columns) = named(row) else { unreachable!() };
    let attribute = |(key, value): (String, Value)| match value {
        Value::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
        value => json!({"key": key, "value": {"stringValue": value}}),
    };
    columns.into_iter().map(attribute).chain([json!({"key": "page", "value": {"stringValue": "/"}})]).collect()
}

/// An event of a service, with the columns among its properties.
pub fn event(row: &Row) -> Value {
    let mut properties = named(row);
    properties["items"] = json!([{"sku": "a", "chain": "retail"}, {"sku": "b"}]);
    properties["$geo"] = json!(null);
    json!({"event": "view", "timestamp": "2026-09-21T14:13:20Z", "chain": "Hilton", "link": "/rooms", "properties": properties})
}

/// The columns with the body in pieces of so many bytes.
fn in_pieces(row: &Row, size: usize, put: impl Fn(&mut Value, Vec<&str>)) -> Value {
    let (mut columns, body) = (named(row), row.body.clone().unwrap_or_default());
    let pieces = body.as_bytes().chunks(size).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    columns.as_object_mut().unwrap().remove("nt_body");
    put(&mut columns, pieces);
    columns
}

/// As a list, which services do that cut long texts.
fn in_a_list(row: &Row) -> Value {
    in_pieces(row, 7, |columns, pieces| {
        if row.body.is_some() {
            columns["nt_body"] = json!(pieces);
        }
    })
}

/// As columns `nt_body_00`, `nt_body_01` and so on, all numbers as texts, `null` for what is not there.
fn numbered(row: &Row) -> Value {
    let mut columns = in_pieces(row, 7, |columns, pieces| {
        for (at, piece) in pieces.iter().enumerate() {
            columns[format!("nt_body_{at:02}")] = json!(piece);
        }
    });
    columns["nt_seq"] = json!(row.seq.to_string());
    columns["nt_t"] = json!(row.t.to_string());
    for name in ["nt_gprev", "nt_bc", "nt_salt", "nt_body", "nt_body_07", "nt_body_13"] {
        columns.as_object_mut().unwrap().entry(name).or_insert(json!(null));
    }
    columns
}

pub fn lines(values: impl IntoIterator<Item = Value>) -> String {
    values.into_iter().map(|value| format!("{value}\n")).collect()
}

fn csv(header: &[&str], records: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(header).unwrap();
    records.into_iter().for_each(|record| writer.write_record(record).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn fields(row: &Row) -> Vec<String> {
    let value: Value = serde_json::from_str(&row.line()).unwrap();
    let field = |name| match &value[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    PLAIN.map(field).to_vec()
}

/// Every form, by name: from rows to what is exported.
pub type Form = (&'static str, fn(&[Row]) -> String);
pub const FORMS: &[Form] = &[
    ("events, one a line", |rows| lines(rows.iter().map(event))),
    ("columns at the top", |rows| lines(rows.iter().map(named))),
    ("a batch on one line", |rows| {
        json!({"api_key": "k", "batch": rows.iter().map(event).collect::<Value>()}).to_string()
    }),
    ("a list on one line", |rows| rows.iter().map(event).collect::<Value>().to_string()),
    ("a list, printed over many lines", |rows| {
        serde_json::to_string_pretty(&rows.iter().map(event).collect::<Value>()).unwrap()
    }),
    ("a list of plain rows", |rows| format!("[\n{}\n]\n", rows.iter().map(Row::line).collect::<Vec<_>>().join(",\n"))),
    ("what the endpoint json posts", |rows| {
        let rows: Vec<_> = rows.iter().map(Row::line).collect();
        format!(
            r#"{{"sent_at":1,"deployment":"shop","epoch":1,"chain":"{}","events":[{}]}}"#,
            "0".repeat(64),
            rows.join(",")
        )
    }),
    ("events without line ends between", |rows| lines(rows.iter().map(event)).replace('\n', "")),
    ("numbers as strings and as floats", |rows| {
        let with_strings = |row: &Row| {
            let mut event = event(row);
            event["properties"]["nt_seq"] = row.seq.to_string().into();
            event["properties"]["nt_t"] =
                if row.seq.is_multiple_of(2) { json!(row.t as f64) } else { json!(format!("{}.000", row.t)) };
            event
        };
        lines(rows.iter().map(with_strings))
    }),
    ("plain rows with numbers as strings and null for nothing", |rows| {
        let quoted = |row: &Row| {
            json!({"chain": row.chain, "seq": row.seq.to_string(), "t": row.t.to_string(), "link": row.link, "salt": row.salt,
                "body": row.body, "bc": row.bc, "gprev": row.gprev.clone().unwrap_or_default()})
        };
        lines(rows.iter().map(quoted))
    }),
    ("OTLP, one document", |rows| {
        let records: Value =
            rows.iter().map(|row| json!({"timeUnixNano": "1", "attributes": attributes(row)})).collect();
        json!({"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeLogs": [{"scope": {}, "logRecords": records}]}]})
        .to_string()
    }),
    ("OTLP, one request a line, the value before the key", |rows| {
        let swap = |row| attributes(row).to_string().replace(r#"{"key""#, r#"{ "key""#);
        rows.iter()
            .map(|row| {
                let pairs: Vec<Value> = serde_json::from_str(&swap(row)).unwrap();
                let pairs: Vec<_> =
                    pairs.iter().map(|a| format!(r#"{{"value":{},"key":{}}}"#, a["value"], a["key"])).collect();
                format!(
                    r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{}]}}]}}]}}]}}"#,
                    pairs.join(",")
                ) + "\n"
            })
            .collect()
    }),
    ("a warehouse's list of parameters", |rows| {
        let parameter = |attribute: &Value| {
            let value = &attribute["value"];
            json!({"key": attribute["key"], "value": {"string_value": value["stringValue"], "int_value": value["intValue"],
                "float_value": null, "double_value": null}})
        };
        let event = |row| json!({"event_name": "view", "event_params": attributes(row).as_array().unwrap().iter().map(parameter).collect::<Value>()});
        lines(rows.iter().map(event))
    }),
    ("properties as a text of JSON", |rows| {
        lines(rows.iter().map(|row| json!({"uuid": "u", "properties": event(row)["properties"].to_string()})))
    }),
    ("records of a topic", |rows| {
        let record =
            |row: &Row| json!({"key": row.chain, "value": serde_json::from_str::<Value>(&row.line()).unwrap()});
        lines([json!({"records": rows.iter().map(record).collect::<Value>()})])
    }),
    ("lines of a topic's reader", |rows| lines(rows.iter().map(|row| json!({"partition": 0, "payload": row.line()})))),
    ("CSV with plain columns", |rows| csv(&PLAIN, rows.iter().map(fields))),
    ("CSV with named columns among others, in capitals", |rows| {
        let mut header = vec!["EVENT".to_owned()];
        header.extend(PLAIN.map(|name| format!("NT_{}", name.to_ascii_uppercase())));
        let header: Vec<_> = header.iter().map(String::as_str).collect();
        let record = |row| [vec!["a \"view\",\nor two".to_owned()], fields(row)].concat();
        format!("\u{feff}{}", csv(&header, rows.iter().map(record)))
    }),
    ("CSV with flattened properties", |rows| {
        let header = PLAIN.map(|name| format!("properties.nt_{name}"));
        csv(&header.each_ref().map(String::as_str), rows.iter().map(fields))
    }),
    ("a long body as a list of its pieces", |rows| lines(rows.iter().map(|row| json!({"properties": in_a_list(row)})))),
    ("a long body in numbered pieces", |rows| lines(rows.iter().map(numbered))),
    ("CSV with a body in pieces", |rows| {
        let header: Vec<_> =
            PLAIN.iter().filter(|name| **name != "body").map(|name| format!("data.nt_{name}")).collect();
        let body = |row: &Row| row.body.clone().unwrap_or_default();
        // The last pieces first, and a column more than any body needs.
        let most = rows.iter().map(|row| body(row).len()).max().unwrap_or_default() / 7 + 2;
        let pieces: Vec<_> = (0..most).rev().map(|at| format!("NT_BODY_{at:02}")).collect();
        let header: Vec<_> = header.iter().chain(&pieces).map(String::as_str).collect();
        let record = |row: &Row| {
            let (mut record, body) = (fields(row), body(row));
            record.remove(5);
            let piece = |at: usize| body.get(at * 7..body.len().min(at * 7 + 7)).unwrap_or_default().to_owned();
            record.into_iter().chain((0..most).rev().map(piece)).collect()
        };
        csv(&header, rows.iter().map(record))
    }),
    ("CSV with JSON in a field", |rows| {
        csv(&["uuid", "properties"], rows.iter().map(|row| vec!["u".into(), event(row)["properties"].to_string()]))
    }),
];

fn check(text: &str) -> Result<Checked, Failure> {
    check_rows(text.as_bytes())
}

#[test]
fn rows_are_found_in_every_form() {
    let mut rows = [chain(1, 6), chain(2, 3)].concat();
    rows[3] = rows[3].erased();
    for (name, form) in FORMS {
        let text = form(&rows);
        for input in [text.clone().into_bytes(), gzip(&text), text.trim_end().into()] {
            let found = read_rows(&input[..]).unwrap_or_else(|failure| panic!("{name}: {failure:?}\n{text}"));
            assert_eq!(found.rows, rows, "{name}");
            let Found { plain, named, attributes, without } = found.found;
            assert_eq!((plain + named + attributes, without), (9, 0), "{name}");
            assert!([plain, named, attributes].contains(&9), "{name}");
        }
        let Checked { report, .. } = check(&text).unwrap();
        assert_eq!((report.verdict, report.chains.iter().map(|chain| chain.rows).sum()), (Outcome::Holds, 9), "{name}");
    }
}

#[test]
fn damage_is_found_in_every_form() {
    let rows = chain(1, 6);
    let edited = [&rows[..3], &[with(&rows[3], |row| row.body = Some("{}".into()))], &rows[4..]].concat();
    let without = [&rows[..3], &rows[4..]].concat();
    let emptied = [&rows[..3], &[with(&rows[3], |row| row.body = Some(String::new()))], &rows[4..]].concat();
    for (name, form) in FORMS {
        for (rows, seq, class) in
            [(&edited, 3, Class::BadLink), (&without, 4, Class::Gap), (&emptied, 3, Class::BadLink)]
        {
            let found = &check(&form(rows)).unwrap().report.chains[0];
            assert_eq!((found.first_bad, found.class), (Some(seq), Some(class)), "{name}");
        }
    }
}

#[test]
fn what_holds_no_row_is_counted() {
    let rows = chain(1, 3);
    let other = json!({"event": "view", "properties": {"items": [1, {"a": []}]}});
    let without = |text: &str| read_rows(text.as_bytes()).unwrap().found.without;
    assert_eq!(without(&lines([other.clone(), event(&rows[0]), json!(7), json!("text"), json!([])])), 4);
    assert_eq!(
        without(&json!({"batch": [other, event(&rows[0]), other, event(&rows[1])], "more": [{}]}).to_string()),
        2
    );
    assert_eq!(without(&json!([other, {"attributes": attributes(&rows[0])}]).to_string()), 1);
    assert_eq!(
        without(&json!({"nt_chain": null, "nt_seq": null, "nt_link": ""}).to_string()),
        1,
        "a table's other events"
    );
    assert_eq!(without(&json!({"batch": [other, other]}).to_string()), 1, "the line as a whole");
    let named: Vec<_> = PLAIN.iter().map(|name| format!("nt_{name}")).collect();
    let named: Vec<_> = named.iter().map(String::as_str).collect();
    assert_eq!(without(&csv(&named, [fields(&rows[0]), vec![String::new(); 8]])), 1);
    assert_eq!(without("name,price\ntea,3\n{not json},4\n"), 2);
    assert_eq!(without(r#"{"chain":"Hilton"}"#.replace("}", r#","price":3}"#).as_str()), 1);
}

#[test]
fn columns_that_make_no_row_are_named_by_their_line() {
    let rows = chain(1, 3);
    let good = lines([event(&rows[0])]);
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut columns = named(&rows[1]);
        change(&mut columns);
        columns
    };
    let cases = [
        wrong(&|columns| columns["nt_seq"] = json!("one")),
        wrong(&|columns| columns["nt_seq"] = json!("-1")),
        wrong(&|columns| columns["nt_seq"] = json!(1.5)),
        wrong(&|columns| columns["nt_seq"] = json!("1.")),
        wrong(&|columns| columns["nt_seq"] = json!([1])),
        wrong(&|columns| columns["nt_t"] = json!(9007199254740992u64)),
        wrong(&|columns| columns["nt_t"] = json!(null)),
        wrong(&|columns| columns["nt_link"] = json!("")),
        wrong(&|columns| columns["nt_chain"] = json!(17)),
        wrong(&|columns| columns["nt_body"] = json!({"n": "view"})),
        wrong(&|columns| columns["nt_salt"] = json!(true)),
    ];
    for wrong in cases {
        let failure = Failure { code: Code::MalformedRow, line: Some(3) };
        let text = good.clone() + "\n" + &json!({"properties": wrong}).to_string();
        assert_eq!(check(&text), Err(failure), "{text}");
        let inner = json!({"properties": json!({"properties": wrong}).to_string()});
        assert_eq!(check(&(good.clone() + "\n" + &inner.to_string())), Err(failure), "in a text");
        let document = format!("[\n{},\n{wrong},{}]", event(&rows[0]), event(&rows[2]));
        assert_eq!(check(&document), Err(failure), "in a document");
    }
    let twice = r#"{"p":{"nt_chain":"a","nt_chain":"b","nt_seq":0,"nt_t":0,"nt_link":"c"}}"#;
    assert_eq!(check(twice), Err(Failure { code: Code::MalformedRow, line: Some(1) }));
    let lists = [
        json!([{"key": "nt_chain", "value": {"stringValue": "a"}}]),
        json!([{"key": "nt_chain", "value": {"arrayValue": {"values": []}}}]),
        json!([{"key": "nt_seq", "value": {"intValue": 1, "stringValue": "1"}}]),
    ];
    for list in lists {
        assert_eq!(check(&list.to_string()), Err(Failure { code: Code::MalformedRow, line: Some(1) }), "{list}");
    }
    let plain = rows[1].line().replace("\"seq\":1", "\"seq\":\"x\"");
    assert!(check(&format!("{{\"a\":{plain}}}")).is_err());

    let table = csv(&PLAIN, rows.iter().map(fields));
    for (wrong, code, line) in [
        (table.replacen(&rows[1].t.to_string(), "1.79E+12", 1), Code::MalformedRow, 3),
        (table.replacen(&format!("{},1,", rows[0].chain), ",1,", 1), Code::MalformedRow, 3),
        (format!("{table}a,b\n"), Code::MalformedRow, 5),
    ] {
        assert_eq!(check(&wrong), Err(Failure { code, line: Some(line) }), "{wrong}");
    }
    let mut bytes = table.into_bytes();
    bytes.extend(b"\xff\xff,,,,,,,\r\n");
    assert_eq!(check_rows(&bytes[..]), Err(Failure { code: Code::InvalidUtf8, line: Some(5) }));
}

#[test]
fn a_row_that_comes_twice_counts_once() {
    let rows = chain(1, 5);
    let twice: Vec<_> = rows.iter().chain(&rows).cloned().collect();
    for (name, form) in FORMS {
        let Checked { report, found, .. } = check(&form(&twice)).unwrap();
        assert_eq!((report.verdict, report.chains.len(), report.chains[0].rows), (Outcome::Holds, 1, 5), "{name}");
        assert_eq!(found.plain + found.named + found.attributes, 10, "{name}");
    }
    // As a list, in pieces and whole, it is the same row.
    let mixed = lines(rows.iter().flat_map(|row| [event(row), in_a_list(row), numbered(row)]));
    assert_eq!(check(&mixed).unwrap().report.chains[0].rows, 5);
}

#[test]
fn pieces_are_joined_in_the_order_of_their_numbers_and_none_may_be_missing() {
    let mut rows = chain(1, 2);
    let body =
        json!({"k": "track", "n": "long", "p": {"a": (0..140).map(|n| n.to_string()).collect::<String>()}}).to_string();
    rows.push(head(&rows[1]).append(body, "0".repeat(32), NOW + 5));
    let long = |size: usize, change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut columns = in_pieces(&rows[2], size, |columns, pieces| {
            for (at, piece) in pieces.iter().enumerate() {
                columns[format!("nt_body_{at:02}")] = json!(piece);
            }
        });
        change(columns.as_object_mut().unwrap());
        check(&lines([event(&rows[0]), event(&rows[1]), columns]))
    };
    let is_bad = |checked: Result<Checked, Failure>| {
        let report = checked.unwrap().report;
        let found = &report.chains[0];
        assert_eq!((found.first_bad, found.class), (Some(2), Some(Class::BadLink)));
    };
    // Also more than a hundred, where the order of the names is another one.
    for size in [1, 3, 50, 1000] {
        assert_eq!(long(size, &|_| {}).unwrap().report.verdict, Outcome::Holds, "{size}");
    }
    for missing in ["nt_body_00", "nt_body_03", "nt_body_06"] {
        is_bad(long(50, &|columns| drop(columns.remove(missing).unwrap())));
        is_bad(long(50, &|columns| columns[missing] = json!(null)));
        is_bad(long(50, &|columns| columns[missing] = json!("")));
        // Nor does it pass for an erased row.
        let bc = rows[2].commitment();
        is_bad(long(50, &|columns| {
            columns.remove(missing);
            columns.insert("nt_bc".into(), json!(bc));
        }));
    }
    is_bad(long(50, &|columns| columns["nt_body_03"] = json!("another piece")));
    is_bad(long(50, &|columns| drop(columns.insert("nt_body_07".into(), json!("more")))));
    let swap = |columns: &mut serde_json::Map<String, Value>| {
        let third = columns["nt_body_03"].take();
        columns["nt_body_03"] = columns["nt_body_04"].take();
        columns["nt_body_04"] = third;
    };
    is_bad(long(50, &|columns| swap(columns)));

    let malformed = Err(Failure { code: Code::MalformedRow, line: Some(3) });
    let also = |name: &str, value: Value| long(50, &move |columns| drop(columns.insert(name.into(), value.clone())));
    assert_eq!(also("nt_body", json!(rows[2].body)), malformed, "whole and in pieces");
    assert_eq!(also("nt_body_0", json!("{")), malformed, "the same piece twice");
    assert_eq!(also("nt_body_03", json!(7)), malformed);
    for other in ["nt_body_", "nt_body_x", "nt_body_+7", "nt_body_-1", "nt_body_99999999999", "nt_bodys_00", "body_00"]
    {
        assert_eq!(also(other, json!("x")).unwrap().report.verdict, Outcome::Holds, "{other} is something else");
    }
    for list in [json!([["{}"]]), json!(["{", 1, "}"]), json!([null]), json!({"0": "{}"})] {
        let mut columns = named(&rows[2]);
        columns["nt_body"] = list;
        assert_eq!(check(&lines([event(&rows[0]), event(&rows[1]), columns])), malformed);
    }
    // An empty list is no body.
    let mut columns = named(&rows[2]);
    columns["nt_body"] = json!([]);
    is_bad(check(&lines([event(&rows[0]), event(&rows[1]), columns])));
}

#[test]
fn a_document_longer_than_a_line_may_be_is_read_all_the_same() {
    let rows = chain(1, 40);
    let filler = "x".repeat(500_000);
    let events = rows.iter().map(|row| json!({"filler": filler, "properties": named(row)}));
    let text = json!({"batch": events.collect::<Value>()}).to_string();
    assert!(text.len() > 17 << 20);
    assert_eq!(read_rows(gzip(&text).as_slice()).unwrap().rows, rows);
    assert_eq!(read_rows((text + "\n" + &lines(chain(2, 2).iter().map(event))).as_bytes()).unwrap().rows.len(), 42);
}

#[test]
fn what_is_cut_off_is_no_export() {
    let rows = chain(1, 5);
    let text = serde_json::to_string_pretty(&rows.iter().map(event).collect::<Value>()).unwrap();
    assert_eq!(check(&text[..text.len() - 2]).unwrap_err().code, Code::MalformedRow);
    assert_eq!(check(&rows[0].line()[..90]).unwrap_err().code, Code::MalformedRow);
    let packed = gzip(&lines(rows.iter().map(event)));
    let two = [packed.as_slice(), packed.as_slice()].concat();
    assert_eq!(read_rows(&two[..]).unwrap().rows.len(), 10, "several members are one file");
    for cut in [3, 12, packed.len() / 2, packed.len() - 1] {
        assert_eq!(check_rows(&packed[..cut]), Err(Code::MalformedGzip.into()), "{cut}");
    }
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 1;
    assert!(check_rows(&damaged[..]).is_err(), "what comes out may be no JSON any more before the checksum is reached");
    let at = packed.len() - 6;
    (damaged[packed.len() / 2], damaged[at]) = (packed[packed.len() / 2], packed[at] ^ 1);
    assert_eq!(check_rows(&damaged[..]), Err(Code::MalformedGzip.into()), "the checksum");
    assert_eq!(check_rows(&[packed, b"more".into()].concat()[..]), Err(Code::MalformedGzip.into()));
    let document = gzip(&text);
    assert_eq!(check_rows(&document[..document.len() - 9]), Err(Code::MalformedGzip.into()), "also in a document");
    let table = gzip(&csv(&PLAIN, rows.iter().map(fields)));
    assert_eq!(check_rows(&table[..table.len() - 9]), Err(Code::MalformedGzip.into()), "also in CSV");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any byte of an export changed: it is found, or the export can't be read, or no column was touched.
    #[test]
    fn a_changed_byte_never_adds_or_alters_a_row_unseen(
        form in 0..FORMS.len(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let rows = chain(1, 4);
        let mut input = FORMS[form].1(&rows).into_bytes();
        let at = at.index(input.len());
        input[at] = byte;
        // The last row may go, and so may all: that is what sizes are for.
        if let Ok(Checked { report, .. }) = check_rows(&input[..])
            && report.verdict == Outcome::Holds
            && let Some(found) = report.chains.first()
        {
            prop_assert_eq!((report.chains.len(), &found.chain), (1, &rows[0].chain));
            prop_assert!(found.rows == 4 || found.rows == 3, "{} rows", found.rows);
        }
    }

    #[test]
    fn no_input_is_too_strange(input in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:a-z0-9_\\\\\n]{0,80}") {
        let _ = check_rows(&input[..]);
        let _ = check_rows(&[&[0x1f, 0x8b, 8], &input[..]].concat()[..]);
        let _ = check_rows(text.as_bytes());
        let _ = check_rows(format!("a,b\n{text}").as_bytes());
    }
}
