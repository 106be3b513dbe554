//! The collector's own log, its witnesses, and what the verifier makes of both.

use super::support::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use nymtrail::core::chain::Hash;
use nymtrail::core::merkle;
use nymtrail::core::note::{Checkpoint, Note};
use nymtrail_collector::error::Code;
use nymtrail_collector::keys::Signer;
use nymtrail_collector::log::{Log, LogConfig};
use nymtrail_collector::signing::{NoteKey, NoteSigner};
use nymtrail_collector::witness::{Client, Refusal, Witness, router};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn dir(collector: &Collector) -> PathBuf {
    collector.dir.path().join("a.db.log")
}

pub fn open(collector: &Collector, witnesses: Vec<Client>, needed: usize) -> Result<Log, Code> {
    Log::open(&collector.path(), LogConfig { dir: dir(collector), witnesses, needed })
}

fn published(collector: &Collector) -> (Note, Checkpoint) {
    let note = Note::parse(&fs::read_to_string(dir(collector).join("checkpoint")).unwrap()).unwrap();
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    (note, checkpoint)
}

fn log_key(collector: &Collector) -> NoteKey {
    NoteSigner::read(&collector.path(), "shop").unwrap().unwrap().key().clone()
}

fn verify(collector: &Collector, args: &[&str]) -> (i32, Value) {
    let args = [&["verify", "a.db", "--format", "json", "--log", "a.db.log"], args].concat();
    let (code, out, err) = run(collector.dir.path(), &args, b"");
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")))
}

/// The file of a tile or bundle, whole or as the part that a tree of this size has.
fn tile(dir: &Path, kind: &str, n: u64, size: u64) -> Vec<u8> {
    let whole = dir.join(format!("tile/{kind}/{n:03}"));
    let part = dir.join(format!("tile/{kind}/{n:03}.p/{}", size - n * 256));
    if size >= (n + 1) * 256 { fs::read(whole).unwrap() } else { fs::read(part).unwrap() }
}

/// The entries of the log, out of its bundles.
fn entries(dir: &Path, size: u64) -> Vec<String> {
    let mut all = Vec::new();
    for n in 0..size.div_ceil(256) {
        let bytes = tile(dir, "entries", n, size);
        let mut rest = &bytes[..];
        while let Some((length, more)) = rest.split_first_chunk::<2>() {
            let (entry, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
            all.push(String::from_utf8(entry.into()).unwrap());
            rest = more;
        }
    }
    all
}

#[tokio::test]
async fn every_receipt_is_in_a_log_that_others_can_read() {
    let collector = Collector::new();
    let mut log = open(&collector, Vec::new(), 0).unwrap();
    assert_eq!(log.step(), Ok(false), "nothing to log yet");
    let mut receipts = Vec::new();
    for n in 0..300 {
        let answer = collector.post_rows(&chain(n, 2)).await;
        receipts
            .extend(answer.body["receipt"].as_object().unwrap().values().map(|note| note.as_str().unwrap().to_owned()));
        if n % 70 == 0 {
            assert_eq!(log.step(), Ok(true));
        }
    }
    assert_eq!((log.step(), log.step()), (Ok(true), Ok(false)));
    let dir = dir(&collector);

    // The checkpoint: signed_note and tlog_tiles, unmodified.
    let text = fs::read(dir.join("checkpoint")).unwrap();
    let verifier = signed_note::StandardVerifier::new(&log_key(&collector).to_string()).unwrap();
    let note = signed_note::Note::from_bytes(&text).unwrap();
    note.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)])).unwrap();
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("shop/log", 300));

    // The entries are the receipts, each once; the leaves in the tiles are their hashes, and the root is over them, as our
    // core (which the log does not use) and ct-merkle compute it.
    let entries = entries(&dir, 300);
    let mut sorted = entries.clone();
    sorted.sort();
    receipts.sort();
    assert!(sorted == receipts);
    let leaves: Vec<u8> = (0..2).flat_map(|n| tile(&dir, "0", n, 300)).collect();
    let leaves: Vec<Hash> = leaves.as_chunks().0.iter().copied().map(Hash).collect();
    assert_eq!(merkle::root(&leaves).0, checkpoint.hash().0);
    let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    entries.iter().for_each(|entry| tree.push(entry.clone().into_bytes()));
    assert_eq!(tree.root().as_bytes().as_slice(), checkpoint.hash().0);
    let first = tile(&dir, "1", 0, 1);
    assert_eq!(first, merkle::root(&leaves[..256]).0, "the tile of the next level");
    assert!(!dir.join("tile/0/000.p").exists(), "parts of a tile that is whole are gone");

    // A proof out of the tiles alone, by the crate's reader.
    struct Files(PathBuf);
    impl tlog_tiles::TileReader for Files {
        fn height(&self) -> u8 {
            8
        }
        fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
            let path = |tile: &tlog_tiles::Tile| self.0.join(tile.path().replacen("tile/8/", "tile/", 1));
            tiles.iter().map(|tile| fs::read(path(tile)).map_err(|_| tlog_tiles::Error::InvalidTile)).collect()
        }
        fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
    }
    let files = Files(dir.clone());
    let reader = tlog_tiles::TileHashReader::new(300, *checkpoint.hash(), &files);
    for at in [0, 1, 255, 256, 299] {
        let proof = tlog_tiles::prove_record(300, at, &reader).unwrap();
        let leaf = tlog_tiles::record_hash(entries[at as usize].as_bytes());
        tlog_tiles::check_record(&proof, 300, *checkpoint.hash(), at, leaf).unwrap();
        let path: Vec<_> = proof.iter().map(|hash| Hash(hash.0)).collect();
        assert!(merkle::verify_inclusion(&Hash(leaf.0), at, 300, &path, &Hash(checkpoint.hash().0)));
    }
}

#[tokio::test]
async fn it_is_served_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = LogConfig { dir: folder.path().into(), ..LogConfig::default() };
    let config = nymtrail_collector::serve::Config { log: Some(log.clone()), ..Default::default() };
    let collector = Collector::with(config);
    collector.post_rows(&chain(1, 3)).await;
    Log::open(&collector.path(), log).unwrap().step().unwrap();
    let answer = collector.get("/log/checkpoint").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (200, &"*".parse().unwrap())
    );
    assert!(text(answer).await.starts_with("shop/log\n1\n"));
    assert_eq!(collector.get("/log/tile/0/000.p/1").await.status(), 200);
    for missing in ["/log/tile/0/001", "/log/", "/log/../a.db", "/log/%2e%2e/a.db"] {
        let status = collector.get(missing).await.status().as_u16();
        assert!(status == 404 || status == 405, "{missing} {status}");
    }
}

#[tokio::test]
async fn a_crash_anywhere_leaves_a_log_that_goes_on() {
    let (collector, reference) = (Collector::new(), tempfile::tempdir().unwrap());
    let mut log = open(&collector, Vec::new(), 0).unwrap();
    for n in 0..5 {
        collector.post_rows(&chain(n, 2)).await;
    }
    log.step().unwrap();
    for n in 5..9 {
        collector.post_rows(&chain(n, 2)).await;
    }
    let before = fs::read(dir(&collector).join("checkpoint")).unwrap();
    log.step().unwrap();
    let after = fs::read(dir(&collector).join("checkpoint")).unwrap();
    drop(log);
    // After the transaction, before or among the files.
    let _ = fs::remove_dir_all(dir(&collector).join("tile/0/000.p"));
    fs::write(dir(&collector).join("tile/.new"), "half a ti").unwrap();
    fs::write(dir(&collector).join("checkpoint"), &before).unwrap();
    assert_eq!(open(&collector, Vec::new(), 0).unwrap().step(), Ok(true));
    assert!(fs::read(dir(&collector).join("checkpoint")).unwrap() == after, "the same tree, so the same signature");
    assert_eq!(tile(&dir(&collector), "0", 0, 9).len(), 9 * 32);
    // The folder is gone altogether.
    fs::rename(dir(&collector), reference.path().join("old")).unwrap();
    assert_eq!(open(&collector, Vec::new(), 0).unwrap().step(), Ok(true));
    assert!(fs::read(dir(&collector).join("checkpoint")).unwrap() == after);
    for path in ["tile/0/000.p/9", "tile/entries/000.p/9"] {
        let (old, new) = (reference.path().join("old"), dir(&collector));
        assert!(
            fs::read(new.join(path)).unwrap() == fs::read(old.join(path)).unwrap_or_default() || path.contains("/0/")
        );
    }
    // The transaction was not: what is queued is still there.
    collector.post_rows(&chain(9, 2)).await;
    assert_eq!(open(&collector, Vec::new(), 0).unwrap().step(), Ok(true));
    assert_eq!(published(&collector).1.size, 10);
}

#[tokio::test]
async fn a_store_that_was_set_back_signs_no_second_story() {
    let collector = Collector::new();
    collector.post_rows(&chain(1, 2)).await;
    open(&collector, Vec::new(), 0).unwrap().step().unwrap();
    let db = Connection::open(collector.path()).unwrap();
    collector.post_rows(&chain(2, 2)).await;
    open(&collector, Vec::new(), 0).unwrap().step().unwrap();
    // The log's entries of the backup, as if the file had been put back.
    db.execute_batch("DELETE FROM log_entries WHERE at >= 1; DELETE FROM log_hashes WHERE at >= 1").unwrap();
    assert_eq!(open(&collector, Vec::new(), 0).err(), Some(Code::LogConflict));
    // As long, but another tree.
    db.execute_batch("DELETE FROM log_entries; DELETE FROM log_hashes").unwrap();
    collector.post_rows(&chain(3, 2)).await;
    collector.post_rows(&chain(4, 2)).await;
    let published = fs::read(dir(&collector).join("checkpoint")).unwrap();
    fs::remove_file(dir(&collector).join("checkpoint")).unwrap();
    open(&collector, Vec::new(), 0).unwrap().step().unwrap();
    fs::write(dir(&collector).join("checkpoint"), published).unwrap();
    assert_eq!(open(&collector, Vec::new(), 0).err(), Some(Code::LogConflict));
}

/// A witness of this log, on a port of its own.
async fn serve(collector: &Collector, n: u8) -> Client {
    let signer = Signer::named(&format!("w{n}"), &[n; 32]);
    let vkey = signer.vkey().to_string();
    let state = collector.dir.path().join(format!("w{n}.state"));
    let witness = Witness::open(signer, vec![log_key(collector)], &state).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(witness)).await });
    Client::parse(&format!("http://{address}={vkey}")).unwrap()
}

async fn step(mut log: Log) -> Log {
    let work = move || {
        log.step().unwrap();
        log
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn witnesses_make_a_store_a_witnessed_one() {
    let collector = Collector::new();
    collector.post_rows(&chain(1, 4)).await;
    let log = step(open(&collector, Vec::new(), 0).unwrap()).await; // makes the key
    drop(log);
    let (one, other) = (serve(&collector, 1).await, serve(&collector, 2).await);
    let keys = [1u8, 2].map(|n| Signer::named(&format!("w{n}"), &[n; 32]).vkey().to_string());
    collector.post_rows(&chain(2, 4)).await;
    let log = step(open(&collector, vec![one.clone(), other], 2).unwrap()).await;
    assert_eq!(published(&collector).0.signatures.len(), 3);
    let both = ["--witness", &keys[0], "--witness", &keys[1], "--require", "witnessed"];
    let (code, found) = verify(&collector, &both);
    assert_eq!((code, &found["level"], &found["log"]["witnesses"]), (0, &json!("witnessed"), &json!(2)));
    assert_eq!(verify(&collector, &["--require", "witnessed"]).0, 3, "without their keys nobody witnessed it");
    let third = Signer::named("w3", &[3; 32]).vkey().to_string();
    let three = [&both[..], &["--witness", &third]].concat();
    assert_eq!(verify(&collector, &three).0, 3);
    assert_eq!(verify(&collector, &[&three[..], &["--witnesses-needed", "2"]].concat()).0, 0);

    // A receipt that is not in the log yet; the log grows from what each witness saw last.
    collector.post_rows(&chain(3, 4)).await;
    let (code, found) = verify(&collector, &both);
    assert_eq!((code, &found["verdict"], &found["level"]), (3, &json!("holds"), &json!("receipted")));
    let log = step(log).await;
    assert_eq!(verify(&collector, &both).0, 0);
    // An export and receipts kept elsewhere are as good, without the store.
    let (_, export, _) = run(collector.dir.path(), &["export", "--db", "a.db"], b"");
    let mut kept = String::new();
    let store = nymtrail_collector::store::Store::read(&collector.path()).unwrap();
    store
        .each_checkpoint(None, |_, _, _, note| {
            kept += &(note + "\n");
            Ok(())
        })
        .unwrap();
    fs::write(collector.dir.path().join("kept"), kept).unwrap();
    let (key, log_key) = (collector.vkey().to_string(), log_key(&collector).to_string());
    let args = ["verify", "-", "--receipts", "kept", "--key", &key, "--key", &log_key, "--log", "a.db.log"];
    let (code, out, err) = run(collector.dir.path(), &[&args[..], &both[..]].concat(), export.as_bytes());
    assert_eq!(code, 0, "{out}{err}");

    // A log that was changed after it was cosigned.
    let path = dir(&collector).join("tile/0/000.p/3");
    let mut bytes = fs::read(&path).unwrap();
    bytes[7] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(verify(&collector, &both).1["verdict"], "rewritten");
    let text = fs::read_to_string(dir(&collector).join("checkpoint")).unwrap();
    fs::write(dir(&collector).join("checkpoint"), text.replacen("\n3\n", "\n2\n", 1)).unwrap();
    assert_eq!(verify(&collector, &both).1["verdict"], "forged");
    // A store whose log is shorter than a checkpoint that was kept elsewhere.
    fs::write(dir(&collector).join("checkpoint"), &text).unwrap();
    let db = Connection::open(collector.path()).unwrap();
    db.execute_batch("DELETE FROM log_entries WHERE at = 2").unwrap();
    fs::rename(dir(&collector).join("checkpoint"), collector.dir.path().join("mine")).unwrap();
    fs::remove_dir_all(dir(&collector)).unwrap();
    fs::rename(collector.dir.path().join("mine"), dir(&collector)).unwrap(); // a file of that name
    assert_eq!(verify(&collector, &both).1["verdict"], "truncated");
    drop(log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_enough_witnesses_nothing_is_claimed() {
    let collector = Collector::new();
    collector.post_rows(&chain(1, 4)).await;
    drop(step(open(&collector, Vec::new(), 0).unwrap()).await);
    let one = serve(&collector, 1).await;
    let vkey = Signer::named("w1", &[1; 32]).vkey().to_string();
    let gone = Client::parse(&format!("http://127.0.0.1:9={}", Signer::named("w9", &[9; 32]).vkey())).unwrap();
    collector.post_rows(&chain(2, 4)).await;
    drop(step(open(&collector, vec![one.clone(), gone.clone()], 2).unwrap()).await);
    let (note, checkpoint) = published(&collector);
    assert_eq!((note.signatures.len(), checkpoint.size), (1, 2), "published, but as what it is");
    assert_eq!(verify(&collector, &["--witness", &vkey, "--require", "witnessed"]).0, 3);
    collector.post_rows(&chain(3, 4)).await;
    drop(step(open(&collector, vec![one, gone], 1).unwrap()).await);
    assert_eq!(published(&collector).0.signatures.len(), 2);
    assert_eq!(verify(&collector, &["--witness", &vkey, "--require", "witnessed"]).0, 0);
    for wrong in ["", "http://a", "https://a", &vkey, &format!("ftp://a={vkey}"), &format!("http://={vkey}")] {
        assert_eq!(Client::parse(wrong).err(), Some(Code::MalformedWitness), "{wrong}");
    }
}

/// A log of these leaves, signed.
fn head(signer: &NoteSigner, leaves: &[Hash]) -> String {
    let checkpoint = Checkpoint { origin: "shop/log".into(), size: leaves.len() as u64, root: merkle::root(leaves) };
    signer.sign(checkpoint.text()).to_string()
}

fn request(signer: &NoteSigner, old: usize, leaves: &[Hash]) -> String {
    let proof = if old == 0 || old == leaves.len() { None } else { merkle::consistency_proof(leaves, old as u64) };
    let lines: String = proof.unwrap_or_default().iter().map(|hash| STANDARD.encode(hash.0) + "\n").collect();
    format!("old {old}\n{lines}\n{}", head(signer, leaves))
}

#[test]
fn a_witness_keeps_to_the_rules_of_tlog_witness() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let signer = NoteSigner::new("shop/log", &[1; 32]);
    let other = NoteSigner::new("shop/log", &[2; 32]);
    let stranger = NoteSigner::new("blog/log", &[1; 32]);
    let open = || Witness::open(Signer::named("w", &[7; 32]), vec![signer.key().clone()], &state).unwrap();
    let leaves: Vec<Hash> = (0u8..20).map(|n| Hash([n; 32])).collect();
    let mut forked = leaves.clone();
    forked[3] = Hash([99; 32]);
    let mut witness = open();
    let good = request(&signer, 0, &leaves[..5]);
    for (what, request, expected) in [
        ("no request", "old 0".to_owned(), Refusal::Malformed),
        ("zeros", good.replacen("old 0", "old 00", 1), Refusal::Malformed),
        ("no note", "old 0\n\nnothing\n".into(), Refusal::Malformed),
        (
            "64 hashes",
            good.replacen('\n', &("\n".to_owned() + &"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(64)), 1),
            Refusal::Malformed,
        ),
        ("old beyond", good.replacen("old 0", "old 6", 1), Refusal::Malformed),
        (
            "unknown",
            format!("old 0\n\n{}", stranger.sign("blog/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".into())),
            Refusal::UnknownLog,
        ),
        ("another's key", request(&other, 0, &leaves[..5]), Refusal::NotSigned),
        ("bad signature", good.replacen("\n5\n", "\n6\n", 1), Refusal::NotSigned),
        ("old not ours", request(&signer, 3, &leaves[..5]), Refusal::Conflict(0)),
        (
            "a proof from nothing",
            good.replacen('\n', "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 1),
            Refusal::NotProved,
        ),
    ] {
        assert_eq!(witness.add_checkpoint(&request, 9), Err(expected), "{what}");
    }
    let lines = witness.add_checkpoint(&good, 9).unwrap();
    let vkey = Signer::named("w", &[7; 32]).vkey().clone();
    let note = Note::parse(&(head(&signer, &leaves[..5]) + &lines)).unwrap();
    assert_eq!(nymtrail_collector::keys::judge(&note, &[vkey]), nymtrail::core::note::Signed::At(9));
    let mut witness = open(); // what was cosigned is on disk
    for (what, request, expected) in [
        ("from nothing again", good.clone(), Refusal::Conflict(5)),
        ("smaller", request(&signer, 3, &leaves[..4]), Refusal::Conflict(5)),
        ("the same size, another tree", request(&signer, 5, &forked[..5]), Refusal::Conflict(5)),
        ("another tree", request(&signer, 5, &forked[..9]), Refusal::NotProved),
        ("no proof", format!("old 5\n\n{}", head(&signer, &leaves[..9])), Refusal::NotProved),
    ] {
        assert_eq!(witness.add_checkpoint(&request, 9), Err(expected), "{what}");
    }
    assert!(witness.add_checkpoint(&request(&signer, 5, &leaves[..5]), 10).is_ok(), "the same again");
    assert!(witness.add_checkpoint(&request(&signer, 5, &leaves), 11).is_ok());
}

#[test]
fn of_many_requests_at_once_none_sets_a_witness_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let leaves: Vec<Hash> = (0u8..200).map(|n| Hash([n; 32])).collect();
    let signer = NoteSigner::new("shop/log", &[1; 32]);
    let open = || Witness::open(Signer::named("w", &[7; 32]), vec![signer.key().clone()], &state).unwrap();
    open().add_checkpoint(&request(&signer, 0, &leaves[..1]), 1).unwrap();
    // Two witnesses on one state, as two processes would be: of each round's two, one wins.
    let mut at = 1;
    for round in 0..20 {
        let ask = |size: usize| {
            let (mut witness, request) = (open(), request(&signer, at, &leaves[..size]));
            move || witness.add_checkpoint(&request, 2).map(|_| size)
        };
        let (one, other) = (ask(at + 3), ask(at + 5));
        let done = std::thread::scope(|scope| {
            let (one, other) = (scope.spawn(one), scope.spawn(other));
            [one.join().unwrap(), other.join().unwrap()]
        });
        let won: Vec<usize> = done.iter().filter_map(|done| done.as_ref().ok().copied()).collect();
        assert_eq!(won.len(), 1, "round {round}: {done:?}");
        assert!(done.contains(&Err(Refusal::Conflict(won[0] as u64))));
        at = won[0];
    }
}

#[tokio::test]
async fn answers_of_a_witness_have_the_status_of_tlog_witness() {
    use tower::ServiceExt;
    let folder = tempfile::tempdir().unwrap();
    let signer = NoteSigner::new("shop/log", &[1; 32]);
    let witness =
        Witness::open(Signer::named("w", &[7; 32]), vec![signer.key().clone()], &folder.path().join("s")).unwrap();
    let app = router(witness);
    let leaves: Vec<Hash> = (0u8..9).map(|n| Hash([n; 32])).collect();
    let other = NoteSigner::new("shop/log", &[2; 32]);
    let stranger = NoteSigner::new("blog/log", &[1; 32]);
    let unknown = format!(
        "old 0\n\n{}",
        stranger.sign(head(&stranger, &leaves).split_once("\n\n").unwrap().0.replace("shop", "blog") + "\n")
    );
    for (request, status, body) in [
        ("x".to_owned(), 400, ""),
        (unknown, 404, ""),
        (request(&other, 0, &leaves), 403, ""),
        (request(&signer, 0, &leaves[..5]), 200, "\u{2014} w "),
        (request(&signer, 0, &leaves), 409, "5\n"),
        (format!("old 5\n\n{}", head(&signer, &leaves)), 422, ""),
    ] {
        let call = axum::http::Request::builder().method("POST").uri("/add-checkpoint");
        let answer = app.clone().oneshot(call.body(axum::body::Body::from(request)).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        if status == 409 {
            assert_eq!(answer.headers()["content-type"], "text/x.tlog.size");
        }
        assert!(text(answer).await.starts_with(body));
    }
}
