//! Takes out of an event what must not be in it, before anything is hashed, stored or queued.
//!
//! Detectors are hand-written scanners: the regex crates would cost the wasm 28 to 167 KB.

use super::{
    base64url,
    detect::{self, Off},
    error::Code,
    json::Value,
    taint::Taint,
};
use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};

/// Longer strings are prose, and prose holds names: the value is replaced.
pub const MAX_TEXT_CHARS: usize = 256;
/// More entries than this in one object or list is a data dump, not an event.
pub const MAX_ENTRIES: usize = 256;
/// How deep properties may nest.
pub const MAX_NESTING: usize = 4;
/// Characters of an event name or a property key.
pub const MAX_NAME_CHARS: usize = 128;
/// Percent-encoding is undone so often at the most; a link inside a link inside a link is encoded three times.
const MAX_PERCENT_ROUNDS: usize = 3;

/// Scrubs an event's name.
///
/// # Errors
/// [`Code::InvalidName`] if it is empty or too long.
pub fn name(name: &str, taint: &Taint, off: Off) -> Result<String, Code> {
    if name.is_empty() || chars(name) > MAX_NAME_CHARS {
        return Err(Code::InvalidName);
    }
    Ok(text(name, taint, off))
}

/// Scrubs properties in place: an object, its keys and all it holds.
///
/// # Errors
/// [`Code::InvalidProperties`] if it is no object, nests too deep or has too many entries.
pub fn properties(value: &mut Value, taint: &Taint, off: Off) -> Result<(), Code> {
    match value {
        Value::Map(_) => walk(value, taint, off, MAX_NESTING),
        _ => Err(Code::InvalidProperties),
    }
}

fn walk(value: &mut Value, taint: &Taint, off: Off, depth: usize) -> Result<(), Code> {
    let deeper = depth.checked_sub(1).ok_or(Code::InvalidProperties);
    match value {
        Value::Text(content) => *content = text(content, taint, off),
        Value::Number(digits) => {
            // A customer's number, or a card's.
            let scrubbed = unlimited(digits, taint, off);
            if scrubbed != *digits {
                *value = Value::Text(scrubbed);
            }
        }
        Value::Null | Value::Bool(_) => {}
        Value::List(items) => {
            let depth = deeper?;
            fits(items.len())?;
            for item in items {
                walk(item, taint, off, depth)?;
            }
        }
        Value::Map(entries) => {
            let depth = deeper?;
            fits(entries.len())?;
            // A key that holds an identifier says who it is as plainly as a value would.
            entries.retain(|(key, _)| chars(key) <= MAX_NAME_CHARS && text(key, taint, off) == *key);
            for (_, item) in entries {
                walk(item, taint, off, depth)?;
            }
        }
    }
    Ok(())
}

/// How many characters; `chars().count()` brings a vectorised loop of a kilobyte.
fn chars(text: &str) -> usize {
    text.bytes().filter(|byte| byte & 0xc0 != 0x80).count()
}

fn fits(entries: usize) -> Result<(), Code> {
    if entries > MAX_ENTRIES { Err(Code::InvalidProperties) } else { Ok(()) }
}

/// `content` without what the detectors and the search for known identifiers find in it.
pub fn text(content: &str, taint: &Taint, off: Off) -> String {
    if chars(content) > MAX_TEXT_CHARS { "[long]".into() } else { unlimited(content, taint, off) }
}

/// As [`text`], whatever the length.
pub fn unlimited(content: &str, taint: &Taint, off: Off) -> String {
    let folded = detect::fold(content);
    let found = detect::replace(&folded, off).map(|found| found.text);
    if taint.occurs_in(found.as_deref().unwrap_or(&folded)) {
        return "[id]".into();
    }
    for view in views(&folded) {
        let view = detect::fold(&view);
        if let Some(found) = detect::replace(&view, off) {
            return found.word.into();
        }
        if taint.occurs_in(&view) {
            return "[id]".into();
        }
    }
    found.unwrap_or_else(|| content.to_owned())
}

/// What `content` says once decoded: percent-encoding, then base64 or hex. Each only if it makes readable text.
fn views(content: &str) -> Vec<String> {
    let mut views = Vec::new();
    let mut current = Cow::Borrowed(content);
    for _ in 0..MAX_PERCENT_ROUNDS {
        let Some(decoded) = percent_decoded(&current) else { break };
        views.push(decoded.clone());
        current = Cow::Owned(decoded);
    }
    let special = |byte: &u8| matches!(byte, b'+' | b'/' | b'-' | b'_');
    for token in current.as_bytes().split(|byte| !(byte.is_ascii_alphanumeric() || special(byte))) {
        decoded(token, &mut views);
        // A slash may be a digit of base64, or stand between it and something else.
        if token.iter().any(special) {
            token.split(special).for_each(|part| decoded(part, &mut views));
        }
    }
    views
}

/// Adds what `token` says in base64 and in hex.
fn decoded(token: &[u8], views: &mut Vec<String>) {
    // Shorter tokens hold no address: "a@b.cc" is 8 digits of base64 and 12 of hex.
    if token.len() >= 8 {
        for bytes in [base64url::decode_lenient(token), hex_bytes(token)] {
            if let Some(Ok(view)) = bytes.map(String::from_utf8) {
                views.push(view);
            }
        }
    }
}

/// `text` with its percent-encoding undone; `None` if there is none, or it does not make text.
pub fn percent_decoded(text: &str) -> Option<String> {
    if !text.bytes().any(|byte| byte == b'%') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let mut changed = false;
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let digits = (byte == b'%').then(|| Some((digit(ahead.next())?, digit(ahead.next())?))).flatten();
        if let Some((high, low)) = digits {
            bytes.push(high << 4 | low);
            rest = ahead;
            changed = true;
        } else {
            bytes.push(byte);
        }
    }
    if changed { String::from_utf8(bytes).ok() } else { None }
}

fn hex_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let mut digits = text.iter().copied();
    let mut bytes = Vec::with_capacity(text.len() / 2);
    while let Some(high) = digits.next() {
        bytes.push(digit(Some(high))? << 4 | digit(digits.next())?);
    }
    Some(bytes)
}

fn digit(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;

    fn none() -> Taint {
        Taint::new([1; 32])
    }

    #[test]
    fn mail_is_replaced_where_it_stands() {
        for (before, after) in [
            ("ann@example.org", "[email]"),
            ("write to Ann.O'Neil+x@mail.example.co.uk, please", "write to [email], please"),
            ("a@b.cc and c@d.ee", "[email] and [email]"),
            ("zoë@exämple.com", "[email]"),
            ("ann\u{ff20}example.org", "[email]"),
            ("ann\u{200b}@exa\u{ad}mple.org", "[email]"),
            ("ｆｕｌｌ ｗｉｄｔｈ", "ｆｕｌｌ ｗｉｄｔｈ"),
            ("@handle", "@handle"),
            ("3 @ 4.50", "3 @ 4.50"),
            ("user@localhost", "user@localhost"),
            ("plain", "plain"),
        ] {
            assert_eq!(text(before, &none(), Off::default()), after);
        }
    }

    #[test]
    fn encoded_mail_is_found() {
        for encoded in [
            "ann%40example.org",
            "q=ann%2540example.org",
            "ann%252540example.org",
            "YW5uQGV4YW1wbGUub3Jn",
            "token=YW5uQGV4YW1wbGUub3Jn;x",
            "616e6e406578616d706c652e6f7267",
            "616E6E406578616D706C652E6F7267",
        ] {
            assert_eq!(text(encoded, &none(), Off::default()), "[email]", "{encoded}");
        }
    }

    #[test]
    fn a_known_identifier_is_found_in_what_patterns_cannot_see() {
        let mut taint = none();
        taint.add("Customer 4711");
        for content in [
            "Customer 4711",
            "bill for customer 4711!",
            "Customer%204711",
            "Q3VzdG9tZXIgNDcxMQ==",
            "437573746f6d65722034373131",
        ] {
            assert_eq!(text(content, &taint, Off::default()), "[id]", "{content}");
        }
        taint.add("4711815");
        let mut props = json::parse(r#"{"a":4711815,"b":[{"c":"customer 4711"}],"customer 4711":1,"d":12}"#).unwrap();
        properties(&mut props, &taint, Off::default()).unwrap();
        assert_eq!(json::to_string(&props), r#"{"a":"[id]","b":[{"c":"[id]"}],"d":12}"#);
        taint.add("ｋｄ-\u{200b}Ａ７７");
        assert_eq!(text("for KD-a77", &taint, Off::default()), "[id]");
    }

    #[test]
    fn a_card_may_be_a_number() {
        let mut props = json::parse(r#"{"a":4111111111111111,"b":1795521600123,"c":-12.3456,"d":[4111]}"#).unwrap();
        properties(&mut props, &none(), Off::default()).unwrap();
        assert_eq!(json::to_string(&props), r#"{"a":"[card]","b":1795521600123,"c":-12.3456,"d":[4111]}"#);
    }

    #[test]
    fn limits() {
        assert_eq!(text(&"x".repeat(257), &none(), Off::default()), "[long]");
        assert_eq!(text(&"x".repeat(256), &none(), Off::default()).len(), 256);
        assert_eq!(name("", &none(), Off::default()), Err(Code::InvalidName));
        assert_eq!(name(&"n".repeat(129), &none(), Off::default()), Err(Code::InvalidName));
        for wrong in ["[]", "1", r#"{"a":[[[[1]]]]}"#, &format!("{{\"a\":[{}1]}}", "1,".repeat(256))] {
            assert_eq!(
                properties(&mut json::parse(wrong).unwrap(), &none(), Off::default()),
                Err(Code::InvalidProperties),
                "{wrong}"
            );
        }
        properties(&mut json::parse(r#"{"a":[[[1]]]}"#).unwrap(), &none(), Off::default()).unwrap();
    }
}
