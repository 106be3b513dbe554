//! The key server over HTTP: what it answers, to whom, how often, and what it keeps.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, header};
use http_body_util::BodyExt;
use nymtrail::core::epoch::{DAY, Keyring, Published};
use nymtrail::core::hex;
use nymtrail::ports::Entropy;
use nymtrail_collector::oprf::evaluate::Admission;
use nymtrail_collector::oprf::limits::Rate;
use nymtrail_collector::oprf::server::{App, Config, router};
use nymtrail_collector::oprf::store::KeyStore;
use nymtrail_collector::oprf::tickets::Secret;
use nymtrail_collector::oprf::{audit, keys};
use nymtrail_collector::serve::Origins;
use nymtrail_collector::store::Expected;
use nymtrail_oprf::session::Session;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tower::ServiceExt;

/// 2026-09-21 14:13:20Z, day 20,717.
const NOW: u64 = 1_790_000_000_000;
const TODAY: u64 = 20_717;

struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

struct Server {
    app: Arc<App>,
    now: Arc<AtomicU64>,
    dir: tempfile::TempDir,
}

impl Server {
    fn start(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = KeyStore::open(&dir.path().join("keys.db"), &Expected::default()).unwrap();
        keys::rotate(&mut store, NOW).unwrap();
        let now = Arc::new(AtomicU64::new(NOW));
        let clock = now.clone();
        Self { app: App::new(store, config, Box::new(move || clock.load(Ordering::SeqCst))), now, dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("keys.db")
    }

    async fn send(&self, peer: &str, request: Request<Body>) -> Response<Body> {
        let mut request = request;
        let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        router(self.app.clone()).oneshot(request).await.unwrap()
    }

    async fn post(&self, peer: &str, body: String) -> (u16, Value, Option<String>) {
        let request = Request::post("/v1/evaluate").header(header::CONTENT_TYPE, "text/plain;charset=UTF-8");
        let response = self.send(peer, request.body(Body::from(body)).unwrap()).await;
        let retry = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), read(response).await, retry)
    }

    async fn document(&self) -> String {
        let response = self.send("192.0.2.1", Request::get("/v1/keys").body(Body::empty()).unwrap()).await;
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert!(!response.headers().contains_key(header::ETAG) && !response.headers().contains_key(header::SET_COOKIE));
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// What was counted, as `outcome requests/elements`.
    fn counted(&self) -> Vec<String> {
        let store = KeyStore::read(&self.path()).unwrap();
        let sums = audit::sums(store.db(), 0).unwrap();
        sums.iter().map(|sum| format!("{} {}/{}", sum.outcome, sum.requests, sum.elements)).collect()
    }
}

async fn read(response: Response<Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap_or(Value::Null)
}

fn client() -> Session {
    let mut session = Session::default();
    session.call(0, &["shop"], &mut System);
    session
}

/// A question for this identifier: its number and its element.
fn ask(session: &mut Session, identifier: &str) -> (String, String) {
    let words = session.call(1, &["user", "opaque", identifier], &mut System);
    let mut words = words.split(' ').map(String::from);
    (words.next().unwrap(), words.next().unwrap())
}

fn request(epoch: u64, elements: &[&str]) -> String {
    json!({"epoch": epoch, "elements": elements}).to_string()
}

/// Asks as the client does, with the key that the document gives.
async fn pseudonym(server: &Server, keyring: &mut Keyring, identifier: &str) -> String {
    keyring.accept(&server.document().await, "shop").unwrap();
    let epoch = keyring.current(server.now.load(Ordering::SeqCst)).unwrap();
    let mut session = client();
    let (number, element) = ask(&mut session, identifier);
    let (status, answer, _) = server.post("192.0.2.1", request(epoch.id, &[&element])).await;
    assert_eq!(status, 200, "{answer}");
    let texts =
        [&epoch.id.to_string(), &hex::encode(epoch.salt.bytes()), &number, answer["elements"][0].as_str().unwrap()];
    let [id, key, number, element] = texts.map(|text| text as &str);
    session.call(2, &[id, key, number, element, answer["proof"].as_str().unwrap()], &mut System)
}

#[tokio::test]
async fn a_pseudonym_is_the_same_within_an_epoch_and_another_in_the_next() {
    let server = Server::start(Config::default());
    let mut keyring = Keyring::of(Published::Key, None);
    let first = pseudonym(&server, &mut keyring, "ann").await;
    assert!(first.starts_with("p2.") && first.len() == 25, "{first}");
    server.now.store(NOW + 3_600_000, Ordering::SeqCst);
    assert_eq!(pseudonym(&server, &mut keyring, "ann").await, first);
    assert_ne!(pseudonym(&server, &mut keyring, "bob").await, first);
    server.now.store(NOW + DAY, Ordering::SeqCst);
    assert_ne!(pseudonym(&server, &mut keyring, "ann").await, first, "by a key that the first document committed to");
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_counted() {
    let server = Server::start(Config::default());
    let (_, element) = ask(&mut client(), "ann");
    let zeros = "A".repeat(43);
    let many = vec![element.as_str(); 17];
    for (body, status, code) in [
        (String::new(), 400, "malformed_evaluation"),
        ("[]".into(), 400, "malformed_evaluation"),
        (r#"{"epoch":-1,"elements":[]}"#.into(), 400, "malformed_evaluation"),
        (format!(r#"{{"epoch":{TODAY},"elements":["{element}"],"input":"ann"}}"#), 400, "malformed_evaluation"),
        (request(TODAY, &[]), 400, "not_an_element"),
        (request(TODAY, &[&element, &zeros]), 400, "not_an_element"),
        (request(TODAY, &[&element[..42]]), 400, "not_an_element"),
        (request(TODAY, &[&format!("{element}=")]), 400, "not_an_element"),
        (request(TODAY, &["AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]), 400, "not_an_element"),
        (request(TODAY, &many), 400, "too_many_elements"),
        (request(TODAY - 1, &[&element]), 422, "unknown_epoch"),
        (request(TODAY + 1, &[&element]), 422, "unknown_epoch"),
        (request(u64::MAX, &[&element]), 422, "unknown_epoch"),
        ("x".repeat(5000), 413, "body_too_large"),
    ] {
        let (seen, answer, _) = server.post("192.0.2.1", body.clone()).await;
        assert_eq!((seen, answer["error"]["code"].as_str()), (status, Some(code)), "{body}");
    }
    let ticket = json!({"epoch": TODAY, "elements": [element], "ticket": "t1.a.b.c.d"}).to_string();
    assert_eq!(server.post("192.0.2.1", ticket).await.1["error"]["code"], "ticket_refused");
    assert_eq!(
        server.counted(),
        [
            "malformed_evaluation 4/0",
            "not_an_element 5/5",
            "ticket_refused 1/1",
            "too_many_elements 1/17",
            "unknown_epoch 3/3"
        ]
    );
    let get = server.send("192.0.2.1", Request::get("/v1/evaluate").body(Body::empty()).unwrap()).await;
    assert_eq!(get.status(), 405);
}

#[tokio::test]
async fn a_requester_has_its_limit_and_so_have_all() {
    let rate = |per_second, burst| Rate { per_second, burst };
    let server = Server::start(Config { per_requester: rate(1.0, 16.0), global: rate(1.0, 40.0), ..Config::default() });
    let elements: Vec<String> = (0..16).map(|n| ask(&mut client(), &n.to_string()).1).collect();
    let body = request(TODAY, &elements.iter().map(String::as_str).collect::<Vec<_>>());
    let mut seen = Vec::new();
    for peer in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let (status, answer, retry) = server.post(peer, body.clone()).await;
        assert!(status == 200 || answer["error"]["code"] == "rate_limited");
        seen.push((status, retry));
    }
    let refused = |seconds: &str| (429, Some(seconds.to_owned()));
    assert_eq!(seen, [(200, None), refused("16"), (200, None), refused("8")]);
    assert_eq!(server.counted(), ["evaluated 2/32", "rate_limited 2/32"]);
    server.now.store(NOW + 8000, Ordering::SeqCst);
    assert_eq!(server.post("192.0.2.3", body).await.0, 200);
}

#[tokio::test]
async fn a_ticket_has_its_evaluations_in_an_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
    let secret = Secret::read(&file).unwrap();
    let admission = Admission { secret: Some(secret.clone()), ticket_required: true };
    let rate = Rate { per_second: 0.001, burst: 16.0 };
    let server = Server::start(Config { admission, per_requester: rate, ..Config::default() });
    let (_, element) = ask(&mut client(), "ann");
    let with =
        |ticket: &str, count| json!({"epoch": TODAY, "elements": vec![&element; count], "ticket": ticket}).to_string();
    let ticket = secret.sign("shop", "AAAAAAAAAAAAAAAA", 20, NOW + DAY);
    let code = |answer: &Value| answer["error"]["code"].as_str().unwrap_or("evaluated").to_owned();
    for (body, expected) in [
        (request(TODAY, &[&element]), "ticket_refused"),
        (with("t1.AAAAAAAAAAAAAAAA.99.1790086400000.AAAA", 1), "ticket_refused"),
        (with(&ticket, 16), "evaluated"),
        (with(&ticket, 5), "ticket_spent"),
        // More than the address would get without: many may share one.
        (with(&ticket, 4), "evaluated"),
        (with(&ticket, 1), "ticket_spent"),
        (with(&secret.sign("shop", "BBBBBBBBBBBBBBBB", 1, NOW + DAY), 1), "evaluated"),
    ] {
        assert_eq!(code(&server.post("192.0.2.1", body).await.1), expected);
    }
    server.now.store(NOW + DAY - 1, Ordering::SeqCst);
    let tomorrow = with(&ticket, 16).replace(&TODAY.to_string(), &(TODAY + 1).to_string());
    server.document().await;
    assert_eq!(code(&server.post("192.0.2.1", tomorrow).await.1), "evaluated", "another epoch, another count");
}

#[tokio::test]
async fn neither_who_asked_nor_what_is_in_a_file() {
    let server = Server::start(Config { trusted_proxies: vec!["192.0.2.1".parse().unwrap()], ..Config::default() });
    let (_, element) = ask(&mut client(), "ann@example.org");
    let request = Request::post("/v1/evaluate").header("x-forwarded-for", "203.0.113.77");
    let response = server.send("192.0.2.1", request.body(Body::from(request_of(&element))).unwrap()).await;
    assert_eq!(response.status(), 200);
    let answer = read(response).await;
    let needles =
        [element.as_str(), answer["elements"][0].as_str().unwrap(), "ann@example", "203.0.113.77", "192.0.2.1"];
    let files = std::fs::read_dir(server.dir.path()).unwrap();
    let all: Vec<u8> = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    for needle in needles {
        assert!(!all.windows(needle.len()).any(|part| part == needle.as_bytes()), "{needle}");
    }
    for raw in [[203, 0, 113, 77], [192, 0, 2, 1]] {
        assert!(!all.windows(4).any(|part| part == raw));
    }
    assert_eq!(server.counted(), ["evaluated 1/1"]);
}

fn request_of(element: &str) -> String {
    request(TODAY, &[element])
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask() {
    let server = Server::start(Config { origins: Origins::of(&["https://shop.example".into()]), ..Config::default() });
    for (origin, allowed) in [("https://shop.example", true), ("https://evil.example", false)] {
        let request = Request::post("/v1/evaluate").header(header::ORIGIN, origin);
        let response = server.send("192.0.2.1", request.body(Body::from("{}")).unwrap()).await;
        let seen = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(seen.is_some_and(|value| value == origin), allowed);
        assert!(response.headers().get(header::ACCESS_CONTROL_ALLOW_CREDENTIALS).is_none());
    }
}
