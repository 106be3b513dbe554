//! From a batch to an answer for each of its rows.
//!
//! A batch is read and checked as a whole ([`Batch::read`], [`Batch::check`]), which needs no store; then each row is
//! judged by the rows around its place ([`judge`]) and stored, all in one transaction ([`take`]). One bad row costs
//! itself only.

use crate::device::CheckpointAnswer;
use crate::epochs;
use crate::error::Code;
use crate::operator::{self, ARRIVED, Erasure};
use crate::peppers::Pepper;
use crate::pseudonyms::{self, Lifted, Veil};
use crate::rows::{self, Claim};
use crate::store::read_row;
use nymtrail::core::{chain, epoch::Period, row::Row};
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A batch as it arrived, its rows read.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The deployment its events belong to.
    pub deployment: String,
    /// The epoch of all its chains; `null` in the mode `random`.
    #[serde(deserialize_with = "Option::deserialize")] // so that it can't be left out
    pub epoch: Option<u64>,
    /// The sender's clock at the time of sending, in ms since 1970. Not kept.
    pub sent_at: f64,
    /// The age of its newest event at the time of sending, in ms. Not kept.
    pub age_ms: f64,
    /// The rows; of what can't be one, the place that it claims.
    #[serde(deserialize_with = "read_rows")]
    pub rows: Vec<Result<Row, Claim>>,
    /// Checkpoints that the device signed, as notes. Judged by [`crate::device`] once the rows were taken.
    #[serde(default)]
    pub checkpoints: Vec<String>,
    /// What came beside each row to tell whom its aliases stand for; judged by [`crate::pseudonyms`], as are the next two.
    #[serde(skip)]
    pub veils: Vec<Option<Veil>>,
    /// Pseudonyms of the first level are not stored.
    #[serde(skip)]
    pub peppered: bool,
    /// The pepper of the epoch, if it is needed.
    #[serde(skip)]
    pub pepper: Option<Pepper>,
}

/// More rows than this must have [`ROW_BYTES`] on average.
const FEW_ROWS: usize = 64;
/// No row is shorter: its hashes alone take more.
const ROW_BYTES: usize = 64;

/// Reads each row from the exact text it was linked and stored as. A list of hundreds of thousands of next to nothing is
/// refused as a whole, as the answer for each of them would be many times what was sent.
fn read_rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Result<Row, Claim>>, D::Error> {
    let texts = Vec::<&RawValue>::deserialize(deserializer)?;
    let bytes: usize = texts.iter().map(|text| text.get().len()).sum();
    if texts.len() > FEW_ROWS && bytes < texts.len() * ROW_BYTES {
        return Err(D::Error::custom("no rows"));
    }
    let read = |text: &RawValue| match rows::parse(text.get()) {
        Some(row) if rows::is_storable(&row) => Ok(row),
        Some(row) => Err(Claim::from(&row)),
        None => Err(Claim::read(text.get())),
    };
    Ok(texts.into_iter().map(read).collect())
}

impl Batch {
    /// Reads a request's body.
    ///
    /// # Errors
    /// `invalid_utf8`, `malformed_batch`.
    pub fn read(body: &[u8]) -> Result<Self, Code> {
        let text = std::str::from_utf8(body).map_err(|_| Code::InvalidUtf8)?;
        let batch: Self = serde_json::from_str(text).map_err(|_| Code::MalformedBatch)?;
        Ok(Self { veils: pseudonyms::read_veils(text), ..batch })
    }

    /// Whether this collector takes such batches at `now`.
    ///
    /// # Errors
    /// `wrong_deployment`, `unknown_epoch`.
    pub fn check(&self, deployment: &str, period: Period, now: u64) -> Result<(), Code> {
        if self.deployment != deployment {
            return Err(Code::WrongDeployment);
        }
        if self.epoch.is_some_and(|id| !epochs::is_open(period, id, now)) {
            return Err(Code::UnknownEpoch);
        }
        Ok(())
    }
}

/// What became of a row that is now in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was added.
    Stored,
    /// It was there already.
    Duplicate,
}

/// The answer for one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowAnswer {
    /// The chain it names, if that can be read.
    pub chain: Option<String>,
    /// The place it names, if that can be read.
    pub seq: Option<u64>,
    /// What became of it.
    #[serde(flatten, serialize_with = "outcome")]
    pub outcome: Result<Taken, Code>,
}

fn outcome<S: Serializer>(outcome: &Result<Taken, Code>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fields {
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'static str>,
    }
    let fields = match outcome {
        Ok(Taken::Stored) => Fields { status: "stored", code: None, message: None },
        Ok(Taken::Duplicate) => Fields { status: "duplicate", code: None, message: None },
        Err(code) => Fields { status: "refused", code: Some(code.as_str()), message: Some(code.message()) },
    };
    fields.serialize(serializer)
}

/// The answer for a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Rows added.
    pub stored: usize,
    /// Rows that were there already.
    pub duplicate: usize,
    /// Rows not taken.
    pub refused: usize,
    /// One answer a row, in the order of the batch.
    pub results: Vec<RowAnswer>,
    /// The receipt of each chain of which a row is in the store now: a signed note. Filled in by [`crate::receipts`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub receipt: BTreeMap<String, String>,
    /// What became of the device's checkpoints, in the order of the batch. Filled in by [`crate::device`], as is `conflict`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<CheckpointAnswer>,
    /// Of each chain that forked what was signed on both sides: the sender's note, if it sent one, then the collector's, if it
    /// has one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub conflict: BTreeMap<String, Vec<String>>,
    /// What became of the veils, if there are any. Filled in by [`crate::pseudonyms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub veils: Option<Lifted>,
}

impl Answer {
    /// Counts the answers of single rows.
    pub fn of(results: Vec<RowAnswer>) -> Self {
        let count = |outcome| results.iter().filter(|row| row.outcome == Ok(outcome)).count();
        let (stored, duplicate) = (count(Taken::Stored), count(Taken::Duplicate));
        Self {
            stored,
            duplicate,
            refused: results.len() - stored - duplicate,
            results,
            receipt: BTreeMap::new(),
            checkpoints: Vec::new(),
            conflict: BTreeMap::new(),
            veils: None,
        }
    }

    /// The HTTP status: 409 with a fork, 207 with any other refused row, else 200.
    pub fn status(&self) -> u16 {
        let refused = |code| self.results.iter().any(|row| row.outcome == Err(code));
        match self.refused {
            _ if !self.conflict.is_empty() => 409,
            0 => 200,
            _ if refused(Code::Fork) => 409,
            _ => 207,
        }
    }
}

/// Judges and stores the rows of a batch. The caller's transaction makes it all or nothing.
///
/// # Errors
/// `unavailable`.
pub fn take(db: &Connection, batch: &Batch) -> Result<Answer, Code> {
    // A row needs the one before it, wherever in the batch that stands.
    let mut order: Vec<(usize, &Result<Row, Claim>)> = batch.rows.iter().enumerate().collect();
    order.sort_by_key(|(_, row)| match row {
        Ok(row) => (Some(row.chain.as_str()), Some(row.seq)),
        Err(claim) => (claim.chain.as_deref(), claim.seq),
    });

    let mut results: Vec<Option<RowAnswer>> = vec![None; batch.rows.len()];
    let mut forked: Option<&Row> = None;
    for (at, row) in order {
        let (claim, outcome) = match row {
            Ok(row) => {
                let outcome = take_row(db, batch, row, forked)?;
                forked = if outcome == Err(Code::Fork) { Some(row) } else { forked };
                (Claim::from(row), outcome)
            }
            Err(claim) => {
                if let Claim { chain: Some(chain), seq: Some(seq), link: Some(link) } = claim {
                    keep_claim(db, chain, *seq, link, link)?;
                }
                (claim.clone(), Err(Code::MalformedRow))
            }
        };
        results[at] = Some(RowAnswer { chain: claim.chain, seq: claim.seq, outcome });
    }
    Ok(Answer::of(results.into_iter().flatten().collect()))
}

/// The rows that were added without their event. They are logged at once: later nobody could tell them from rows that
/// somebody with access to the table erased.
pub fn came_erased(batch: &Batch, answer: &Answer) -> Vec<Erasure> {
    let added = batch.rows.iter().zip(&answer.results).filter(|(_, result)| result.outcome == Ok(Taken::Stored));
    let erased = added.filter_map(|(row, _)| row.as_ref().ok()).filter(|row| row.body.is_none());
    let places: Vec<_> = erased.map(|row| (row.chain.clone(), row.seq)).collect();
    operator::erasures(&places, ARRIVED)
}

fn take_row(db: &Connection, batch: &Batch, row: &Row, forked: Option<&Row>) -> Result<Result<Taken, Code>, Code> {
    if let Err(code) = take_chain(db, batch, row)? {
        return Ok(Err(code));
    }
    let place = Place::find(db, row, forked)?;
    let outcome = match judge(row, &place) {
        Ok(Taken::Stored) if batch.peppered && row.body.as_deref().is_some_and(pseudonyms::holds_first) => {
            Err(Code::FirstLevel)
        }
        outcome => outcome,
    };
    match outcome {
        Ok(Taken::Stored) => {
            let mut insert = db.prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
            let Row { chain, seq, link, t, salt, body, bc, gprev } = row;
            insert.execute(params![chain, seq, t, gprev, salt, body, bc, link])?;
            db.prepare_cached("DELETE FROM claims WHERE chain = ? AND seq = ?")?.execute(params![chain, seq])?;
        }
        Err(Code::BadLink | Code::TimeBack | Code::FirstLevel) => {
            // Either the content or the link is not what it was; the next row was linked to what it was.
            let prev = row.gprev.as_ref().or(place.before.first()).map(String::as_str).unwrap_or_default();
            let computed = chain::link(row.seq, row.t, prev, &row.commitment().unwrap_or_default()).hex();
            keep_claim(db, &row.chain, row.seq, &row.link, &computed)?;
        }
        _ => {}
    }
    Ok(outcome)
}

/// Whether rows of this chain may come in this batch. The first row seen of a chain says to which epoch it belongs.
fn take_chain(db: &Connection, batch: &Batch, row: &Row) -> Result<Result<(), Code>, Code> {
    let mut find = db.prepare_cached("SELECT epoch, refused FROM chains WHERE chain = ?")?;
    let known: Option<(Option<u64>, Option<String>)> =
        find.query_row([&row.chain], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((_, Some(word))) = known {
        let known = [Code::WrongDeployment, Code::UnknownEpoch, Code::ChainErased];
        let refused = known.into_iter().find(|code| code.as_str() == word);
        return Ok(Err(refused.unwrap_or(Code::Internal)));
    }
    let genesis = if row.seq == 0 { check_genesis(batch, row) } else { Ok(()) };
    match known {
        Some((epoch, _)) if epoch != batch.epoch => Ok(Err(Code::UnknownEpoch)),
        Some(_) if genesis.is_ok() => Ok(Ok(())),
        _ => {
            let mut keep = db.prepare_cached(
                "INSERT INTO chains VALUES (?, ?, ?) ON CONFLICT (chain) DO UPDATE SET refused = excluded.refused",
            )?;
            keep.execute(params![row.chain, batch.epoch, genesis.err().map(Code::as_str)])?;
            Ok(genesis)
        }
    }
}

/// Whether a chain's opening event says the same as the batch it came in.
fn check_genesis(batch: &Batch, row: &Row) -> Result<(), Code> {
    #[derive(Deserialize)]
    struct Opening {
        dep: String,
        ep: Option<u64>,
    }
    // An opening that was erased, or one of an SDK that says neither, has nothing to compare.
    let Some(opening) = row.body.as_deref().and_then(|body| serde_json::from_str::<Opening>(body).ok()) else {
        return Ok(());
    };
    if opening.dep != batch.deployment {
        Err(Code::WrongDeployment)
    } else if opening.ep != batch.epoch {
        Err(Code::UnknownEpoch)
    } else {
        Ok(())
    }
}

/// The statement for those rows of a chain.
macro_rules! select {
    ($which:literal) => {
        concat!("SELECT chain, seq, t, gprev, salt, body, bc, link FROM events WHERE chain = ? AND ", $which)
    };
}

/// What surrounds the place that a row claims.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The stored row in that very place.
    pub same: Option<Row>,
    /// The nearest stored row before it.
    pub below: Option<Row>,
    /// The nearest stored row after it.
    pub above: Option<Row>,
    /// Links that the row may follow: the one of the stored row right before it, else those that a row refused for
    /// good there may have had.
    pub before: Vec<String>,
    /// The link of a row before it that was refused as a fork.
    pub forked: Option<String>,
}

impl Place {
    fn find(db: &Connection, row: &Row, forked: Option<&Row>) -> Result<Self, Code> {
        let find = |statement: &str| -> Result<Vec<Row>, Code> {
            let mut statement = db.prepare_cached(statement)?;
            let found = statement.query_map(params![row.chain, row.seq], read_row)?;
            found.map(|row| row?).collect()
        };
        let below = find(select!("seq < ? ORDER BY seq DESC LIMIT 1"))?.pop();
        let mut above = find(select!("seq >= ? ORDER BY seq LIMIT 2"))?.into_iter().peekable();
        let same = above.next_if(|other| other.seq == row.seq);
        let before = match &below {
            Some(below) if below.seq + 1 == row.seq => vec![below.link.clone()],
            _ => claims(db, row)?,
        };
        let forked = forked.filter(|before| before.chain == row.chain && before.seq + 1 == row.seq);
        Ok(Self { same, below, above: above.next(), before, forked: forked.map(|before| before.link.clone()) })
    }
}

/// Judges a well-formed row by what surrounds its place. This is the whole rule; it reads and writes nothing.
///
/// # Errors
/// `fork`: another row has the place, or the row leads to one that was refused as a fork, or past the one after it.
/// `gap`: the row before is not known yet. `bad_link`: the link does not follow. `time_back`: it is out of order.
pub fn judge(row: &Row, place: &Place) -> Result<Taken, Code> {
    if let Some(same) = &place.same {
        // An event that was erased on either side is the same event: its commitment says so.
        return if *same == *row || same.erased() == row.erased() { Ok(Taken::Duplicate) } else { Err(Code::Fork) };
    }
    let linked = match row.seq {
        0 => row.links_to(None) && row.link == row.chain,
        _ => place.before.iter().any(|link| row.links_to(Some(link))),
    };
    if !linked {
        return Err(if place.forked.as_deref().is_some_and(|link| row.links_to(Some(link))) {
            Code::Fork
        } else if row.seq > 0 && place.before.is_empty() {
            Code::Gap
        } else {
            Code::BadLink
        });
    }
    let after = place.above.as_ref().filter(|above| above.seq == row.seq + 1);
    if after.is_some_and(|above| !above.links_to(Some(&row.link))) {
        return Err(Code::Fork);
    }
    if place.below.as_ref().is_some_and(|below| row.t < below.t)
        || place.above.as_ref().is_some_and(|above| above.t < row.t)
    {
        return Err(Code::TimeBack);
    }
    Ok(Taken::Stored)
}

fn claims(db: &Connection, row: &Row) -> Result<Vec<String>, Code> {
    let mut find = db.prepare_cached("SELECT claimed, computed FROM claims WHERE chain = ? AND seq + 1 = ?")?;
    let found = find.query_row(params![row.chain, row.seq], |row| Ok(vec![row.get(0)?, row.get(1)?]));
    Ok(found.optional()?.unwrap_or_default())
}

fn keep_claim(db: &Connection, chain: &str, seq: u64, claimed: &str, computed: &str) -> Result<(), Code> {
    let mut keep = db.prepare_cached("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)")?;
    keep.execute(params![chain, seq, claimed, computed])?;
    Ok(())
}
