//! Everything that is refused: its code, its status, and what is kept all the same.

use super::support::*;
use axum::body::Body;
use axum::http::{Method, Request};
use nymtrail::core::row::Row;
use nymtrail_collector::epochs::{EARLY_MS, GRACE_MS};
use nymtrail_collector::serve::{Config, Origins};
use serde_json::json;

const DAY: u64 = 86_400_000;

#[tokio::test]
async fn a_body_that_is_no_batch() {
    let collector = Collector::new();
    let good = batch(&chain(1, 1));
    for wrong in [
        "",
        "{}",
        "[]",
        "null",
        "{\"deployment\":\"shop\"}",
        &good[..good.len() - 1],
        &format!("{good}{good}"),
        &good.replace("\"deployment\":\"shop\"", "\"deployment\":7"),
        &good.replace("\"epoch\":20717,", ""),
        &good.replace("\"epoch\":20717", "\"epoch\":-1"),
        &good.replace("\"sent_at\":1790000000000", "\"sent_at\":\"now\""),
        &good.replace("\"rows\":[", "\"rows\":{\"a\":").replace("}]}", "}}}"),
        &"[".repeat(100_000),
    ] {
        let answer = collector.post(wrong.to_owned()).await;
        assert_eq!(answer.error(), (400, "malformed_batch"), "{}", &wrong[..wrong.len().min(80)]);
    }
    assert_eq!(collector.post(good).await.outcomes(), ["stored"]);
}

#[tokio::test]
async fn a_body_that_is_not_utf8() {
    let collector = Collector::new();
    let mut body = batch(&chain(1, 1)).into_bytes();
    let at = body.windows(4).position(|part| part == b"open").unwrap();
    body[at] = 0xff;
    assert_eq!(collector.post(body).await.error(), (400, "invalid_utf8"));
    assert!(collector.rows().is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let collector = Collector::new();
    let answer = collector.post(vec![b' '; 10_000_000]).await;
    assert_eq!(answer.error(), (413, "body_too_large"));
    let mut body = batch(&chain(1, 1));
    body += &" ".repeat((1 << 20) - body.len());
    assert_eq!(collector.post(body.clone()).await.status, 200, "the limit itself is allowed");
    assert_eq!(collector.post(body + " ").await.error(), (413, "body_too_large"));
}

#[tokio::test]
async fn a_gzipped_body_that_is_damaged_or_too_large() {
    let collector = Collector::new();
    let good = batch(&chain(1, 9));
    let packed = gzip(&good);
    for cut in [0, 1, 10, packed.len() / 2, packed.len() - 8, packed.len() - 1] {
        assert_eq!(collector.post_packed(packed[..cut].to_vec()).await.error(), (400, "malformed_gzip"), "{cut}");
    }
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 0xff;
    for wrong in [damaged, good.clone().into_bytes(), [&packed[..], b"more"].concat()] {
        assert_eq!(collector.post_packed(wrong).await.error(), (400, "malformed_gzip"));
    }
    assert_eq!(collector.post(packed.clone()).await.error(), (400, "invalid_utf8"), "gzipped without saying so");
    assert_eq!(collector.post_packed(gzip("{")).await.error(), (400, "malformed_batch"));

    let full = good.clone() + &" ".repeat((1 << 20) - good.len());
    assert_eq!(collector.post_packed(gzip(&(full.clone() + " "))).await.error(), (413, "body_too_large"));
    let noise: Vec<u8> = (0..1 << 20).flat_map(|n: u32| n.wrapping_mul(0x9e37_79b9).to_be_bytes()).collect();
    assert_eq!(collector.post_packed(noise).await.error(), (413, "body_too_large"), "before it is unpacked");
    assert!(collector.rows().is_empty());
    assert_eq!(collector.post_packed(gzip(&full)).await.outcomes(), ["stored"; 9], "the limit itself is allowed");
}

#[tokio::test]
async fn another_deployment() {
    let collector = Collector::new();
    let rows = chain(1, 2);
    assert_eq!(collector.post(batch_of("blog", json!(TODAY), &rows)).await.error(), (403, "wrong_deployment"));
    assert!(collector.rows().is_empty());

    // The batch says one thing and the chain's own opening another: none of the chain is taken, the others are.
    let mut foreign = chain_of(2, 3, r#"{"dep":"blog","ep":20717,"v":1,"x":"open"}"#);
    let late = foreign.pop().unwrap();
    let answer = collector.post_rows(&[rows.clone(), foreign].concat()).await;
    assert_eq!(answer.outcomes(), ["stored", "stored", "wrong_deployment", "wrong_deployment"]);
    assert_eq!(answer.status, 207);
    assert_eq!(collector.post_rows(&[late]).await.outcomes(), ["wrong_deployment"], "and not a gap for ever");
}

#[tokio::test]
async fn an_epoch_that_is_not_open() {
    let collector = Collector::new();
    let start = TODAY * DAY;
    let rows = chain(1, 4);
    for epoch in [TODAY - 3, TODAY + 1, TODAY + 400, u64::MAX] {
        assert_eq!(
            collector.post(batch_of("shop", json!(epoch), &rows)).await.error(),
            (422, "unknown_epoch"),
            "{epoch}"
        );
    }
    for (now, open) in [
        (start - EARLY_MS - 1, false),
        (start - EARLY_MS, true),
        (start + DAY + GRACE_MS - 1, true),
        (start + DAY + GRACE_MS, false),
    ] {
        collector.set_clock(now);
        let answer = collector.post_rows(&rows).await;
        if open {
            assert_eq!(answer.status, 200, "{now}");
        } else {
            assert_eq!(answer.error(), (422, "unknown_epoch"), "{now}");
        }
    }
}

#[tokio::test]
async fn a_chain_stays_in_its_epoch() {
    let collector = Collector::new();
    let rows = chain(1, 4);
    assert_eq!(collector.post_rows(&rows[..2]).await.status, 200);
    let elsewhere = collector.post(batch_of("shop", json!(TODAY - 1), &rows[2..3])).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.outcomes()), (207, vec!["unknown_epoch"]));
    assert_eq!(collector.post(batch_of("shop", json!(null), &rows[2..3])).await.outcomes(), ["unknown_epoch"]);
    assert_eq!(collector.post_rows(&rows[2..]).await.outcomes(), ["stored", "stored"], "its own is still open to it");

    let moved = chain(2, 2);
    let answer = collector.post(batch_of("shop", json!(TODAY - 1), &moved)).await;
    assert_eq!(answer.outcomes(), ["unknown_epoch", "unknown_epoch"], "its opening names another epoch");
}

#[tokio::test]
async fn a_row_that_is_no_row_costs_itself_alone() {
    let rows = chain(1, 3);
    let line = rows[1].line();
    for (from, to) in [
        ("\"seq\":1", "\"seq\":\"1\""),
        ("\"seq\":1", "\"seq\":1.0"),
        ("\"seq\":1", "\"seq\":1,\"extra\":true"),
        ("\"t\":", "\"T\":"),
        ("\"salt\":\"", "\"salt\":\"g"),
        ("\"body\":\"{", "\"body\":\"["),
        ("\"body\":\"{", "\"body\":\"\u{e9}{"),
        ("\"body\":\"{", "\"body\":\"\\u0000{"),
        ("\"body\":\"", "\"bc\":\""),
        ("\"chain\":\"", "\"chain\":\"0"),
    ] {
        let collector = Collector::new();
        let body = batch(&rows).replace(&line, &line.replace(from, to));
        assert_ne!(body, batch(&rows), "{from}");
        let answer = collector.post(body).await;
        let outcomes = answer.outcomes();
        assert_eq!((outcomes[0], outcomes[1], answer.status.as_u16()), ("stored", "malformed_row", 207), "{to}");
    }
    let collector = Collector::new();
    let answer = collector.post(batch(&rows).replace(&line, "\"just a text\"")).await;
    assert_eq!(answer.outcomes(), ["stored", "malformed_row", "gap"], "nothing says what the third follows");
    assert_eq!((&answer.body["results"][1]["chain"], &answer.body["results"][1]["seq"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn a_batch_of_next_to_nothing_many_times_is_refused_as_a_whole() {
    let collector = Collector::new();
    let empty = batch(&[]);
    let of = |row: &str, times: usize| empty.replace("[]", &format!("[{}]", vec![row; times].join(",")));
    for (row, times) in
        [("0", 500_000), ("{}", 300_000), ("[]", 65), ("\"0123456789012345678901234567890123456789\"", 1000)]
    {
        assert_eq!(collector.post(of(row, times)).await.error(), (400, "malformed_batch"), "{times} of {row}");
    }
    assert_eq!(collector.post(of("0", 64)).await.outcomes(), ["malformed_row"; 64], "few cost themselves alone");
    let rows = chain(1, 200);
    let erased: Vec<_> = rows.iter().map(Row::erased).collect();
    assert_eq!(collector.post_rows(&erased).await.outcomes(), ["stored"; 200], "the shortest rows there are");
}

#[tokio::test]
async fn a_row_whose_link_is_wrong() {
    let rows = chain(1, 3);
    let changes: [fn(&mut nymtrail::core::row::Row); 4] = [
        |row| row.body = Some("{}".into()),
        |row| row.t += 1,
        |row| row.salt = Some("0".repeat(32)),
        |row| row.link = "0".repeat(64),
    ];
    for change in changes {
        let collector = Collector::new();
        let sent = [rows[0].clone(), with(&rows[1], change), rows[2].clone()];
        assert_eq!(collector.post_rows(&sent).await.outcomes(), ["stored", "bad_link", "stored"]);
    }
    let collector = Collector::new();
    let foreign = with(&rows[0], |row| row.chain = "0".repeat(64));
    assert_eq!(
        collector.post_rows(&[foreign]).await.outcomes(),
        ["bad_link"],
        "a chain's id is the link of its first row"
    );
}

#[tokio::test]
async fn no_answer_repeats_what_was_sent() {
    let collector = Collector::new();
    let secret = "me@example.org";
    let row = with(&chain(1, 1)[0], |row| row.chain = secret.into()).line();
    let body = format!(
        r#"{{"deployment":"shop","epoch":{TODAY},"sent_at":1,"age_ms":0,"rows":[{row},"{secret}",{{"{secret}":1}}]}}"#
    );
    for body in [body, format!("{{\"{secret}\""), batch_of(secret, json!(1), &[])] {
        let answer = collector.post(body).await;
        assert!(!answer.body.to_string().contains("example.org"), "{}", answer.body);
    }
}

#[tokio::test]
async fn paths_methods_and_types() {
    let collector = Collector::new();
    let send = async |method: Method, path: &str, kind: Option<&str>, encoding: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in [("content-type", kind), ("content-encoding", encoding)] {
            request = if let Some(value) = value { request.header(name, value) } else { request };
        }
        answer(collector.send(request.body(Body::from(batch(&chain(1, 1)))).unwrap()).await).await
    };
    for path in ["/v1", "/v1/batch/", "/v2/batch", "/v1/rows", "/v1/verify"] {
        assert_eq!(send(Method::GET, path, None, None).await.error(), (404, "not_found"), "{path}");
    }
    for (method, path) in [
        (Method::GET, "/v1/batch"),
        (Method::DELETE, "/v1/epochs"),
        (Method::POST, "/v1/health"),
        (Method::PUT, "/v1/batch"),
    ] {
        assert_eq!(send(method, path, None, None).await.error(), (405, "method_not_allowed"), "{path}");
    }
    for kind in ["text/html", "application/x-www-form-urlencoded", "text/plainer", ""] {
        let answer = send(Method::POST, "/v1/batch", Some(kind), None).await;
        assert_eq!(answer.error(), (415, "unsupported_media_type"), "{kind}");
    }
    for encoding in ["br", "zstd", "deflate", "gzip, gzip", ""] {
        let answer = send(Method::POST, "/v1/batch", Some("text/plain"), Some(encoding)).await;
        assert_eq!(answer.error(), (415, "unsupported_media_type"), "{encoding}");
    }
    let twice = Request::post("/v1/batch").header("content-encoding", "identity").header("content-encoding", "gzip");
    let response = collector.send(twice.body(Body::from(gzip(&batch(&chain(1, 1))))).unwrap()).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["accept-encoding"]),
        (415, &"gzip, identity".parse().unwrap())
    );
    for kind in
        [None, Some("text/plain;charset=UTF-8"), Some("application/json"), Some("Application/JSON; charset=utf-8")]
    {
        assert_eq!(send(Method::POST, "/v1/batch", kind, Some("identity")).await.status, 200, "{kind:?}");
    }
}

#[tokio::test]
async fn answers_may_be_read_by_the_pages_allowed_even_errors() {
    let origin = |config: Config, origin: &'static str, path: &'static str, method: Method| async move {
        let request = Request::builder().method(method).uri(path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST").body(Body::from("{")).unwrap();
        let response = Collector::with(config).send(request).await;
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), header("access-control-allow-origin"))
    };
    let listed = Config { origins: Origins::of(&["https://shop.example".into()]), ..Config::default() };
    let shop = || Some("https://shop.example".to_owned());
    for (path, method, status) in [
        ("/v1/batch", Method::POST, 400),
        ("/v1/batch", Method::OPTIONS, 200),
        ("/v1/batch", Method::PUT, 405),
        ("/nothing", Method::GET, 404),
        ("/v1/health", Method::GET, 200),
    ] {
        assert_eq!(
            origin(listed.clone(), "https://shop.example", path, method.clone()).await,
            (status, shop()),
            "{path}"
        );
        assert_eq!(origin(listed.clone(), "https://other.example", path, method.clone()).await.1, None, "{path}");
        assert_eq!(origin(Config::default(), "https://shop.example", path, method.clone()).await.1, None, "{path}");
        let all = Config { origins: Origins::of(&["*".into()]), ..Config::default() };
        assert_eq!(origin(all, "https://other.example", path, method).await, (status, Some("*".into())), "{path}");
    }
    let preflight =
        Request::builder().method(Method::OPTIONS).uri("/v1/batch").header("origin", "https://shop.example");
    let preflight = preflight
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-encoding");
    let response = Collector::with(listed.clone()).send(preflight.body(Body::empty()).unwrap()).await;
    let allowed = response.headers()["access-control-allow-headers"].to_str().unwrap().to_owned();
    assert!(allowed.split(',').any(|name| name.trim() == "content-encoding"), "{allowed}");

    let everybody = origin(listed, "https://other.example", "/v1/epochs", Method::GET).await;
    assert_eq!(everybody, (200, Some("*".into())), "the document is for everybody");
}

#[tokio::test]
async fn the_epochs_document_can_not_tell_visitors_apart() {
    let collector = Collector::new();
    let response = collector.get("/v1/epochs").await;
    assert_eq!(response.status(), 200);
    let names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
    assert!(!names.iter().any(|name| ["set-cookie", "etag", "last-modified"].contains(&name.as_str())), "{names:?}");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let first = text(response).await;
    assert_eq!(text(collector.get("/v1/epochs").await).await, first);
    let document: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&document["deployment"], &document["epochs"][0]["id"]), (&json!("shop"), &json!(TODAY)));
}
