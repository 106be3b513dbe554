//! What the operator's own chain says: which rows it erased, and why.

use nymtrail::core::hex;
use nymtrail::core::json::{self, Object};
use nymtrail::core::row::Row;

/// That rows were erased, and why: one, or all from one to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The rows' chain.
    pub chain: String,
    /// The first one's place in it.
    pub seq: u64,
    /// The last one's.
    pub to: u64,
    /// The reason, a word: 1 to 32 of `a-z 0-9 _ -`.
    pub why: String,
}

impl Erasure {
    /// As the body of a record. `to` is in it only if it is another row.
    pub fn body(&self) -> String {
        let mut body = Object::default();
        body.text("chain", &self.chain).number("seq", self.seq);
        if self.to > self.seq {
            body.number("to", self.to);
        }
        body.text("why", &self.why).text("x", "erase").finish()
    }

    /// Reads a record's body; `None` if it is none, to the letter.
    pub fn parse(body: &str) -> Option<Self> {
        let value = json::parse(body)?;
        let text = |name| value.get(name).and_then(json::Value::as_text).map(str::to_owned);
        let seq = value.get("seq")?.as_u64()?;
        let to = value.get("to").map_or(Some(seq), json::Value::as_u64)?;
        let read = Self { chain: text("chain")?, seq, to, why: text("why")? };
        (read.body() == body).then_some(read)
    }
}

/// The key of an operator's chain, if the row opens one by what it says itself.
pub fn opens(row: &Row) -> Option<[u8; 32]> {
    let body = json::parse(row.body.as_deref().filter(|_| row.seq == 0)?)?;
    let text = |name| body.get(name).and_then(json::Value::as_text);
    (text("x") == Some("operator") && text("alg") == Some("Ed25519")).then(|| hex::decode(text("pk")?)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_nothing_else_is_one() {
        let erasure = Erasure { chain: "ab".repeat(32), seq: 41, to: 41, why: "art17".into() };
        let body = erasure.body();
        assert_eq!(body, format!(r#"{{"chain":"{}","seq":41,"why":"art17","x":"erase"}}"#, "ab".repeat(32)));
        let several = Erasure { to: 43, ..erasure.clone() };
        assert_eq!(several.body(), body.replace("41,", r#"41,"to":43,"#));
        assert_eq!(Erasure::parse(&several.body()), Some(several));
        assert_eq!(Erasure::parse(&body), Some(erasure));
        for (from, to) in [
            ("41", "-1"),
            ("41", "4.5"),
            ("41", "41,\"to\":41"),
            ("41", "41,\"to\":40"),
            ("41", "41,\"to\":\"43\""),
            ("\"erase\"", "\"other\""),
            ("{", "{ "),
            ("\"why\":\"art17\",", ""),
            ("}", ",\"y\":1}"),
        ] {
            assert_eq!(Erasure::parse(&body.replacen(from, to, 1)), None, "{to}");
        }
    }
}
