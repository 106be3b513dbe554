//! Rows in Parquet files, as their own crate writes them, and addresses of databases. `tests/sql/tampering.py` reads what DuckDB
//! writes and what PostgreSQL has.

use super::support::*;
use nymtrail::core::row::Row;
use nymtrail_collector::verify::check_rows;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const SCHEMA: &str = "message rows {
    required binary chain (UTF8); required int64 seq; required int64 t; optional binary gprev (UTF8);
    optional binary salt (UTF8); optional binary body (UTF8); optional binary bc (UTF8); required binary link (UTF8);
    optional binary country (UTF8); }";

/// The rows, some hundred in a group, with the columns of this schema; one that is no column of a row is filled with anything.
fn parquet(rows: &[Row], schema: &str, compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let names: Vec<_> =
        schema.get_fields().iter().map(|field| field.name().trim_start_matches("nt_").to_owned()).collect();
    let properties = WriterProperties::builder().set_compression(compression).set_data_page_row_count_limit(100);
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
    for rows in rows.chunks(250) {
        let mut group = file.next_row_group().unwrap();
        for name in &names {
            let texts: Vec<Option<&String>> = rows
                .iter()
                .map(|row| match name.as_str() {
                    "chain" => Some(&row.chain),
                    "gprev" => row.gprev.as_ref(),
                    "salt" => row.salt.as_ref(),
                    "body" => row.body.as_ref(),
                    "bc" => row.bc.as_ref(),
                    _ => Some(&row.link),
                })
                .collect();
            let levels: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
            let numbers: Vec<u64> = rows.iter().map(|row| if name == "t" { row.t } else { row.seq }).collect();
            let mut column = group.next_column().unwrap().unwrap();
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(out) => {
                    let values: Vec<ByteArray> = texts.into_iter().flatten().map(|text| text.as_str().into()).collect();
                    out.write_batch(&values, Some(&levels), None).map(drop)
                }
                ColumnWriter::Int64ColumnWriter(out) => {
                    let values: Vec<_> = numbers.iter().map(|number| *number as i64).collect();
                    out.write_batch(&values, None, None).map(drop)
                }
                ColumnWriter::Int32ColumnWriter(out) => {
                    let values: Vec<_> = numbers.iter().map(|number| *number as i32).collect();
                    out.write_batch(&values, None, None).map(drop)
                }
                _ => panic!("no such column"),
            }
            .unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

fn verify(dir: &Path, file: &[u8]) -> (i32, Value) {
    std::fs::write(dir.join("rows.parquet"), file).unwrap();
    let (code, out, err) = run(dir, &["verify", "rows.parquet", "--format", "json"], b"");
    assert_eq!(err, "", "nothing but the verdict is printed, least of all a panic");
    (code, serde_json::from_str(&out).unwrap())
}

fn error(found: &Value) -> (&str, Option<u64>) {
    (found["error"]["code"].as_str().unwrap_or_default(), found["error"]["line"].as_u64())
}

/// Some hundred rows, one of them erased.
fn rows() -> Vec<Row> {
    let mut rows = [chain(1, 300), chain(2, 299)].concat();
    rows[7].erase();
    rows.sort();
    rows
}

#[test]
fn parquet_files_are_judged_like_lines() {
    let dir = tempfile::tempdir().unwrap();
    let honest = rows();
    let mut damaged = honest.clone();
    damaged[20].body = Some("{}".into());
    damaged.remove(400);
    let mut shuffled = damaged.clone();
    shuffled.sort_by_key(|row| row.link[60..].to_owned());
    let packings = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for (rows, packing) in [honest, damaged, shuffled].iter().zip(packings.into_iter().cycle().skip(1)) {
        let lines: String = rows.iter().map(|row| row.line() + "\n").collect();
        let expected = check_rows(lines.as_bytes()).unwrap().report;
        let (code, found) = verify(dir.path(), &parquet(rows, SCHEMA, packing));
        assert_eq!(code, if expected.verdict.as_str() == "holds" { 0 } else { 2 });
        assert_eq!(found["found"]["plain"], rows.len());
        for (found, expected) in found["chains"].as_array().unwrap().iter().zip(&expected.chains) {
            let class = expected.class.map(|class| class.as_str());
            assert_eq!(found["chain"], expected.chain);
            assert_eq!((&found["rows"], &found["erased"]), (&json!(expected.rows), &json!(expected.erased)));
            assert_eq!((&found["first_bad"], &found["class"]), (&json!(expected.first_bad), &json!(class)));
        }
    }
    // On standard input, and with a receipt to compare with.
    let file = parquet(&rows(), SCHEMA, packings[0]);
    assert_eq!(run(dir.path(), &["verify", "-"], &file).0, 0);
    let (code, out, _) = run(dir.path(), &["verify", "-", "--report", "page.html"], &file);
    assert!(code == 0 && out.contains("599 rows"), "{out}");
}

#[test]
fn columns_may_have_other_names_and_types_but_not_mean_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let schema = |from: &str, to: &str| {
        assert!(SCHEMA.contains(from));
        SCHEMA.replace(from, to)
    };
    let with = |schema: &str| verify(dir.path(), &parquet(&rows(), schema, Compression::SNAPPY));
    let named: String = ["chain", "seq", "t", "gprev", "salt", "body", "bc", "link"]
        .iter()
        .fold(SCHEMA.to_owned(), |schema, name| schema.replace(&format!(" {name}"), &format!(" nt_{name}")));
    assert_eq!(with(&named).1["found"]["named"], 599);
    assert_eq!(with(&schema("int64 seq", "int32 seq")).0, 0);
    assert_eq!(with(&schema("int64 seq", "int64 seq (INTEGER(64, false))")).0, 0);
    assert_eq!(error(&with(&schema(" chain", " origin")).1), ("no_rows", None));
    for wrong in [
        schema("int64 t;", "int64 t (TIMESTAMP(MILLIS,true));"),
        schema("required binary link (UTF8);", "required int64 link;"),
        schema(" salt", " pepper"),
    ] {
        let (code, found) = with(&wrong);
        // Without salts there are rows, of which none fits.
        let is_tampered = found["verdict"] == "tampered" && code == 2;
        assert!(is_tampered || (code == 1 && error(&found) == ("malformed_row", Some(1))), "{wrong}: {found}");
    }
    let mut rows = rows();
    rows[300].seq = 1 << 53;
    assert_eq!(
        error(&verify(dir.path(), &parquet(&rows, SCHEMA, Compression::SNAPPY)).1),
        ("malformed_row", Some(301))
    );
}

#[test]
fn damaged_parquet_files_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = rows().into_iter().take(120).collect();
    for packing in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let whole = parquet(&rows, SCHEMA, packing);
        for part in 0..24 {
            let (code, found) = verify(dir.path(), &whole[..4 + part * (whole.len() - 5) / 23]);
            assert_eq!((code, error(&found)), (1, ("malformed_parquet", None)), "{part} of 23 parts");
        }
    }
    for foreign in [&b"PAR1"[..], b"PAR1PAR1", b"PAR1\0\0\0\0\xff\xff\xff\x7fPAR1", b"PAR1\0\0\0\0\0\0\0\0PAR1"] {
        assert_eq!(error(&verify(dir.path(), foreign).1), ("malformed_parquet", None), "{foreign:?}");
    }
}

/// In one process, so that there can be many.
#[test]
fn whatever_is_wrong_in_a_parquet_file_is_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = rows().into_iter().take(20).collect();
    let path = dir.path().join("rows.parquet");
    let mut seed = 1u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let (mut errors, mut read) = (0, 0);
    for packing in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())] {
        let whole = parquet(&rows, SCHEMA, packing);
        for round in 0..700 {
            let mut file = whole.clone();
            // Half of them in the last part, where the lengths and places are.
            let from = if round % 2 == 0 { 4 } else { whole.len() - whole.len() / 4 };
            for _ in 0..=random(3) {
                let at = from + random(whole.len() - from - 4);
                file[at] = [0, 0xff, file[at] ^ (1 << random(8)), random(256) as u8][random(4)];
            }
            std::fs::write(&path, &file).unwrap();
            let checked = nymtrail_collector::verify::check_file(&path, Default::default());
            *if checked.is_err() { &mut errors } else { &mut read } += 1;
        }
    }
    assert!(errors > 100 && read > 100, "{errors} errors, {read} read");
}

#[test]
fn an_address_is_never_printed() {
    let dir = tempfile::tempdir().unwrap();
    let secret = "hunter2";
    for (address, code) in [
        (format!("postgres://me:{secret}@127.0.0.1:1/db?table=events"), "cannot_connect"),
        (format!("postgresql://me:{secret}@127.0.0.1:1/db?sslmode=require"), "cannot_connect"),
        (format!("postgres://me@/db?host=/nowhere/{secret}"), "cannot_connect"),
        (format!("postgres://me:{secret}@host:port/db"), "malformed_address"),
        (format!("postgres://me:{secret}@host/db?table=a;drop"), "malformed_address"),
    ] {
        for args in [&["verify", &address][..], &["verify", &address, "--log", "nowhere", "--format", "json"]] {
            let (exit, out, err) = run(dir.path(), args, b"");
            assert_eq!(exit, 1);
            assert!(!out.contains(secret) && !err.contains(secret), "{out}{err}");
            assert!(args.len() > 2 || err.contains(code), "{err}");
        }
    }
}
