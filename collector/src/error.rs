//! Every code the collector and its command line can report, in one table.
//!
//! A code is a stable word that programs match on. Neither a code nor its message ever holds a value that came from
//! outside, so both may be answered, printed and logged.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:expr, $message:literal;)+) => {
        /// What went wrong, as a stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The stable word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)+ }
            }

            /// The HTTP status of an answer with this code; for a code of one row, the status of a batch that holds
            /// such a row. `None`: the command line alone reports it.
            pub const fn status(self) -> Option<u16> {
                match self { $(Code::$name => $status,)+ }
            }

            /// What happened and what to do.
            pub const fn message(self) -> &'static str {
                match self { $(Code::$name => $message,)+ }
            }
        }
    };
}

codes! {
    // A whole request.
    /// A batch that is not the documented JSON object.
    MalformedBatch = "malformed_batch", Some(400), "the body is not a batch; send a JSON object with deployment, epoch, sent_at, age_ms and rows";
    /// A body that is not UTF-8.
    InvalidUtf8 = "invalid_utf8", Some(400), "the text is not UTF-8; a row is written in ASCII, so it was changed on its way";
    /// Compressed data that can't be unpacked.
    MalformedGzip = "malformed_gzip", Some(400), "the gzip data is damaged or cut short; compress it again, or do without";
    /// A batch for somebody else.
    WrongDeployment = "wrong_deployment", Some(403), "this collector serves another deployment; compare the name in createTrail() with --deployment";
    /// An erasure that is not the documented JSON object.
    MalformedErasure = "malformed_erasure", Some(400), "the body is not an erasure; send a JSON object with chain and token";
    /// A token that is not the chain's.
    WrongToken = "wrong_token", Some(403), "this is not the token that the chain's first row has the hash of, or it has none; nothing was erased";
    /// A path that leads nowhere.
    NotFound = "not_found", Some(404), "there is nothing at this path; batches go to POST /v1/batch";
    /// A known path with another method.
    MethodNotAllowed = "method_not_allowed", Some(405), "this path does not take that method; batches go to POST /v1/batch";
    /// A body that came too slowly.
    RequestTimeout = "request_timeout", Some(408), "the body did not arrive in time; send it again";
    /// A body over the limit.
    BodyTooLarge = "body_too_large", Some(413), "the body is over the limit of this collector; send fewer rows at a time";
    /// A content type or an encoding that can't hold a batch.
    UnsupportedMediaType = "unsupported_media_type", Some(415), "send the batch as text/plain or application/json, as it is or gzipped";
    /// Aliases where nothing can be made of them.
    NoPepper = "no_pepper", Some(403), "the batch has aliases in place of pseudonyms, and this collector has no pepper for them; start it with --pepper, or leave pepper out in the page";
    /// An epoch the collector doesn't take events of.
    UnknownEpoch = "unknown_epoch", Some(422), "this epoch is not open: it lies ahead, ended more than 48 hours ago, or is not the one the chain was begun under";
    /// The store can't be written or read just now.
    Unavailable = "unavailable", Some(503), "the store can't be used at the moment; nothing was taken, try again later";
    /// More bodies at once than there is room for.
    Overloaded = "overloaded", Some(503), "too much is arriving at once; nothing of this request was taken, try again later";
    /// A defect of the collector.
    Internal = "internal", Some(500), "the collector failed; nothing of this request was taken, and its log says where";

    // A request for evaluations.
    /// A request that is not the documented JSON object.
    MalformedEvaluation = "malformed_evaluation", Some(400), "the body is not a request for evaluations; send a JSON object with epoch, elements and, if there is one, ticket";
    /// More elements than one request may have.
    TooManyElements = "too_many_elements", Some(400), "a request may have 16 elements; send the others in another one";
    /// Something that can't be evaluated.
    NotAnElement = "not_an_element", Some(400), "an element is 32 bytes in base64url, of ristretto255 in its one encoding and not the identity, and a request has at least one";
    /// A ticket that is missing or not good.
    TicketRefused = "ticket_refused", Some(403), "the ticket is missing, has expired, or was not signed with this server's secret for this deployment; get a new one from the site";
    /// A ticket that was used up.
    TicketSpent = "ticket_spent", Some(403), "the ticket has had its evaluations in this epoch";
    /// More evaluations than there may be.
    RateLimited = "rate_limited", Some(429), "there are no more evaluations for now; nothing was evaluated, try again after the seconds in Retry-After";

    // One row.
    /// A row that isn't one.
    MalformedRow = "malformed_row", Some(207), "the row is not a JSON object with exactly the columns of format e1";
    /// A row whose predecessor isn't known yet.
    Gap = "gap", Some(207), "the row before this one has not arrived; send that one first, then this one again";
    /// A row whose link isn't the hash of what it holds.
    BadLink = "bad_link", Some(207), "the link does not follow from the row and the one before it; the row was changed after it was linked";
    /// A row that is older than the one before it.
    TimeBack = "time_back", Some(207), "the time is before that of the row it follows, or after that of the row it precedes";
    /// A pseudonym that could be tried out.
    FirstLevel = "first_level", Some(207), "the row holds a pseudonym of the first level, and this collector has a pepper so that none is stored; use collector(url, { pepper: true }) in the page";
    /// Another row holds this place in the chain.
    Fork = "fork", Some(409), "another row holds this place in the chain; start a new chain and send these events there";

    /// A row of a chain that its device had erased.
    ChainErased = "chain_erased", Some(207), "this chain was erased as its device asked; no row of it is taken any more, so give its events up";

    // One checkpoint of a device. The rows beside it are taken as without it.
    /// A checkpoint that isn't one of a chain of this deployment.
    MalformedCheckpoint = "malformed_checkpoint", Some(200), "this is no checkpoint of a chain of this deployment; the rows beside it were judged without it";
    /// A checkpoint of a chain without a key.
    NoDeviceKey = "no_device_key", Some(200), "the chain's first row names no key or is not here, so its checkpoints can't be checked";
    /// A checkpoint with another key's signature.
    BadSignature = "bad_signature", Some(200), "the checkpoint is not signed by the key that the chain's first row names";
    /// A checkpoint over rows that aren't here.
    CheckpointAhead = "checkpoint_ahead", Some(200), "the checkpoint covers rows that are not here; send it again with or after them";

    /// A demo without events.
    NothingToDamage = "nothing_to_damage", Some(409), "there is no undamaged event in the chain in use; send one first";

    // The command line.
    /// Zstandard data that can't be unpacked.
    MalformedZstd = "malformed_zstd", None, "the zstd data is damaged or cut short; compress it again, or do without";
    /// A Parquet file that can't be read.
    MalformedParquet = "malformed_parquet", None, "the Parquet file is damaged, cut short or packed in another way than with snappy, gzip or zstd; write it again";
    /// An address of no database.
    MalformedAddress = "malformed_address", None, "a table is given as postgres://USER@HOST/DATABASE?table=NAME, where NAME is a table or SCHEMA.TABLE";
    /// A database that does not let us in.
    CannotConnect = "cannot_connect", None, "the PostgreSQL server can't be reached, asks for TLS, or lets this user not in; give the password in PGPASSWORD, and take a tunnel where TLS is needed";
    /// A table that isn't one of rows.
    NoTable = "no_table", None, "there is no such table that this user may read, or it lacks one of the columns chain, seq, t, gprev, salt, body, bc and link";
    /// Input that can't be opened or read.
    CannotRead = "cannot_read", None, "the input can't be read; check that it exists and may be read";
    /// A SQLite file that isn't ours.
    NotAStore = "not_a_store", None, "this SQLite file is not a store of the collector; name the file given to `nymtrail serve --db`";
    /// A SQLite file that isn't the key server's.
    NotAKeyStore = "not_a_key_store", None, "this SQLite file is not a store of keys; name the file given to `nymtrail keys serve --db`, and never the collector's";
    /// A secret that is none.
    TicketSecret = "ticket_secret", None, "the file of the ticket secret can't be read, or its first line has fewer than 32 characters";
    /// Tickets that could not be checked.
    TicketsWithoutSecret = "tickets_without_secret", None, "--require-ticket needs --ticket-secret, by which tickets are known";
    /// A store of another version.
    StoreVersion = "store_version", None, "this store was written by another version of the collector; use that version, or start with a new file";
    /// A store of another deployment.
    StoreDeployment = "store_deployment", None, "this store belongs to another deployment; use its name with --deployment, or another file with --db";
    /// A store with epochs of another length.
    StorePeriod = "store_period", None, "this store has epochs of another length; leave --epoch out, or start with a new file";
    /// Input without a single row.
    NoRows = "no_rows", None, "no row of a chain was found, neither with the columns as they are nor named nt_*, so there is nothing to say";
    /// A chain that is not in the store.
    NoChain = "no_chain", None, "no chain in this store begins with that; `nymtrail verify` lists them all";
    /// The beginning of more than one chain's id.
    AmbiguousChain = "ambiguous_chain", None, "several chains begin with that; give more digits of the id";
    /// A row that is not in the store.
    NoRow = "no_row", None, "the chain has no row with that seq";
    /// An export of nothing.
    NothingHeld = "nothing_held", None, "no event here holds that: it was never here, was erased, or has a pseudonym of another epoch";
    /// A time that is over for everything.
    AllDue = "all_due", None, "everything here is older than that, which may be the fault of this machine's clock; look at it, and if it is right add --all";
    /// An erasure of nothing.
    NothingToErase = "nothing_to_erase", None, "no event here matches, or it was erased before; the store's files were rewritten all the same";
    /// An erasure of the log of erasures.
    OperatorChain = "operator_chain", None, "that is the operator's own chain, in which erasures are logged; nothing of it is erased";
    /// Erased events of which bytes may be left in a file.
    NotForgotten = "not_forgotten", None, "the events are erased and that is logged, but another program keeps the store's files busy, so that old bytes may be left in them; run this again";
    /// A row that no checkpoint covers.
    NoCheckpoint = "no_checkpoint", None, "no receipt covers this row yet; it gets one with the next batch of its chain";
    /// Rows that a checkpoint was not made of.
    RowsChanged = "rows_changed", None, "the rows are not those that the collector signed; `nymtrail verify` tells more";
    /// A file that begins as a proof and is none.
    MalformedProof = "malformed_proof", None, "the proof is damaged or cut short; get the file again as `nymtrail prove` wrote it";
    /// A proof among options that are about rows.
    ProofAlone = "proof_alone", None, "a proof is of one row; leave --receipts, --opening and --expect-size out";
    /// A file that is no opening.
    MalformedOpening = "malformed_opening", None, "this is no opening; give one JSON object with v, old, new, blind, r and pk";
    /// A file of receipts with something else in it.
    MalformedReceipt = "malformed_receipt", None, "this is no receipt; give notes as the collector answered them, or its answers, one a line";
    /// A public key that is none.
    MalformedKey = "malformed_key", None, "a key is a line such as shop/collector+1a2b3c4d+BA…, as `nymtrail keys show` prints it, or a file of such lines";
    /// The collector's own key.
    KeyFile = "key_file", None, "the key file beside the store can't be read or written, is damaged, or is of another deployment; put the right one back";
    /// The file of the peppers.
    PepperFile = "pepper_file", None, "the file of the peppers can't be read or written, or is damaged; put the right one back, or name it with --pepper";
    /// A file that begins as evidence and is none.
    MalformedEvidence = "malformed_evidence", None, "the evidence is damaged or cut short; get the file again as `nymtrail evidence` wrote it";
    /// A statement whose lines are not those that were signed.
    MalformedStatement = "malformed_statement", None, "this is no statement, or its lines are not those that were signed; get the file again as `nymtrail statement` wrote it";
    /// Nothing that contradicts itself.
    NoEvidence = "no_evidence", None, "nothing here contradicts what these keys signed; if chains grew since, give the rows as they are now with --rows";
    /// A log whose files and store contradict each other.
    LogConflict = "log_conflict", None, "the log's published checkpoint is not one of the store: the store was set back or exchanged, or the folder belongs to another; nothing is signed";
    /// A log that can't be written.
    LogFolder = "log_folder", None, "the folder of the log can't be read or written; name another one with --log";
    /// A log checkpoint without the tree.
    LogTiles = "log_tiles", None, "the tiles of the log are missing or damaged; give the whole folder with --log, or check a store";
    /// A witness given in another form.
    MalformedWitness = "malformed_witness", None, "a witness is given as URL=VKEY, such as http://witness.example:8788=witness.example/w1+1a2b3c4d+BA…";
    /// `--expect-size` that can't be matched to a chain.
    WhichChain = "which_chain", None, "a size without a chain fits input with exactly one chain; write --expect-size CHAIN=N";
    /// Demo helpers on an address that others can reach.
    DemoOnLoopback = "demo_on_loopback", None, "--demo lets anyone damage the store, so it needs a loopback address such as --listen 127.0.0.1:8787";
    /// A store where everybody could fetch it.
    StoreInWww = "store_in_www", None, "the store, which holds salts, or the pepper lies in the folder given to --www, which is served to everybody; keep it elsewhere with --db or --pepper";
    /// An address that can't be bound.
    CannotListen = "cannot_listen", None, "the address can't be listened on; another program may hold the port, so try another --listen";
    /// An output that can't be written.
    CannotWrite = "cannot_write", None, "the output can't be written";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Code {}

/// A failure of SQLite. Its text may quote statements but never values; it is logged where it happens, and the code
/// goes on.
impl From<rusqlite::Error> for Code {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(kind = ?error.sqlite_error_code(), %error, "the store failed");
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_words_with_a_message_and_a_possible_status() {
        let words: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '8'), "{code}");
            assert!(code.message().len() > 25, "{code} needs a message that says what to do");
            assert!(code.status().is_none_or(|status| axum::http::StatusCode::from_u16(status).is_ok()));
        }
    }

    #[test]
    fn the_manual_lists_every_code_with_its_status() {
        let manual = include_str!("../../docs/COLLECTOR.md");
        for code in Code::ALL {
            let status = code.status().map_or("-".to_owned(), |status| status.to_string());
            let row = format!("| `{code}` | {status} |");
            assert!(manual.contains(&row), "docs/COLLECTOR.md lacks the table row `{row}`");
        }
    }
}
