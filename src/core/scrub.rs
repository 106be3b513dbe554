//! Takes out of an event what must not be in it, before anything is hashed, stored or queued.
//!
//! Detectors are hand-written scanners: the regex crates would cost the wasm 28 to 167 KB. What a detector finds is
//! replaced by a word in brackets, never by a hash, which could be looked up.

use super::{base64url, error::Code, json::Value, taint::Taint};
use alloc::{borrow::ToOwned, string::String, vec::Vec};

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
pub fn name(name: &str, taint: &Taint) -> Result<String, Code> {
    if name.is_empty() || chars(name) > MAX_NAME_CHARS {
        return Err(Code::InvalidName);
    }
    Ok(text(name, taint))
}

/// Scrubs properties in place: an object, its keys and all it holds.
///
/// # Errors
/// [`Code::InvalidProperties`] if it is no object, nests too deep or has too many entries.
pub fn properties(value: &mut Value, taint: &Taint) -> Result<(), Code> {
    match value {
        Value::Map(_) => walk(value, taint, MAX_NESTING),
        _ => Err(Code::InvalidProperties),
    }
}

fn walk(value: &mut Value, taint: &Taint, depth: usize) -> Result<(), Code> {
    let deeper = depth.checked_sub(1).ok_or(Code::InvalidProperties);
    match value {
        Value::Text(content) => *content = text(content, taint),
        Value::Number(digits) if taint.occurs_in(digits) => *value = Value::Text("[id]".into()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::List(items) => {
            let depth = deeper?;
            fits(items.len())?;
            for item in items {
                walk(item, taint, depth)?;
            }
        }
        Value::Map(entries) => {
            let depth = deeper?;
            fits(entries.len())?;
            // A key that holds an identifier says who it is as plainly as a value would.
            entries.retain(|(key, _)| chars(key) <= MAX_NAME_CHARS && text(key, taint) == *key);
            for (_, item) in entries {
                walk(item, taint, depth)?;
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
pub fn text(content: &str, taint: &Taint) -> String {
    if chars(content) > MAX_TEXT_CHARS {
        return "[long]".into();
    }
    let plain = without_mail(content);
    if taint.occurs_in(&plain) {
        return "[id]".into();
    }
    for view in views(content) {
        if without_mail(&view) != view {
            return "[email]".into();
        }
        if taint.occurs_in(&view) {
            return "[id]".into();
        }
    }
    plain
}

/// What `content` says once decoded: percent-encoding, base64, hex. Each only if it makes readable text.
fn views(content: &str) -> Vec<String> {
    let mut views = Vec::new();
    let mut current = content.to_owned();
    for _ in 0..MAX_PERCENT_ROUNDS {
        let Some(decoded) = percent_decoded(&current) else { break };
        views.push(decoded.clone());
        current = decoded;
    }
    for token in content.as_bytes().split(|c| !(c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_'))) {
        // Shorter tokens hold no address: "a@b.cc" is 8 digits of base64 and 12 of hex.
        if token.len() >= 8 {
            for bytes in [base64url::decode_lenient(token), hex_bytes(token)] {
                if let Some(Ok(view)) = bytes.map(String::from_utf8) {
                    views.push(view);
                }
            }
        }
    }
    views
}

/// `text` with its percent-encoding undone; `None` if there is none, or it does not make text.
pub fn percent_decoded(text: &str) -> Option<String> {
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

/// Replaces every e-mail address by `[email]`: something, an at sign (full-width too), and a domain with a dot.
fn without_mail(text: &str) -> String {
    if !text.contains(AT_SIGNS) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(AT_SIGNS) {
        let (before, from_at) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let mut after_at = from_at.chars();
        let sign = after_at.next().unwrap_or('@');
        let after = after_at.as_str();
        let local = before.trim_end_matches(is_local);
        let domain = after.find(|c| !is_domain(c)).unwrap_or(after.len());
        let (domain, behind) = after.split_at_checked(domain).unwrap_or((after, ""));
        if local.len() < before.len() && is_domain_name(domain) {
            out.push_str(local);
            out.push_str("[email]");
            rest = behind;
        } else {
            out.push_str(before);
            out.push(sign);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

const AT_SIGNS: [char; 3] = ['@', '\u{ff20}', '\u{fe6b}'];

/// Every letter beyond ASCII may stand in an address; the tables that tell letters apart would cost kilobytes.
fn is_letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_whitespace())
}

fn is_local(c: char) -> bool {
    is_letter_or_digit(c)
        || matches!(c, '!' | '#'..='\'' | '*' | '+' | '-' | '.' | '/' | '=' | '?' | '^'..='`' | '{'..='~')
}

fn is_domain(c: char) -> bool {
    is_letter_or_digit(c) || c == '-' || c == '.' || c == '\u{ff0e}' || c == '\u{3002}'
}

fn is_domain_name(domain: &str) -> bool {
    domain
        .trim_end_matches(['.', '-'])
        .rsplit_once(['.', '\u{ff0e}', '\u{3002}'])
        .is_some_and(|(host, top)| !host.is_empty() && chars(top) >= 2 && top.chars().any(|c| !c.is_ascii_digit()))
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
            ("@handle", "@handle"),
            ("3 @ 4.50", "3 @ 4.50"),
            ("user@localhost", "user@localhost"),
            ("plain", "plain"),
        ] {
            assert_eq!(text(before, &none()), after);
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
            assert_eq!(text(encoded, &none()), "[email]", "{encoded}");
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
            assert_eq!(text(content, &taint), "[id]", "{content}");
        }
        taint.add("4711815");
        let mut props = json::parse(r#"{"a":4711815,"b":[{"c":"customer 4711"}],"customer 4711":1,"d":12}"#).unwrap();
        properties(&mut props, &taint).unwrap();
        assert_eq!(json::to_string(&props), r#"{"a":"[id]","b":[{"c":"[id]"}],"d":12}"#);
    }

    #[test]
    fn limits() {
        assert_eq!(text(&"x".repeat(257), &none()), "[long]");
        assert_eq!(text(&"x".repeat(256), &none()).len(), 256);
        assert_eq!(name("", &none()), Err(Code::InvalidName));
        assert_eq!(name(&"n".repeat(129), &none()), Err(Code::InvalidName));
        for wrong in ["[]", "1", r#"{"a":[[[[1]]]]}"#, &format!("{{\"a\":[{}1]}}", "1,".repeat(256))] {
            assert_eq!(properties(&mut json::parse(wrong).unwrap(), &none()), Err(Code::InvalidProperties), "{wrong}");
        }
        properties(&mut json::parse(r#"{"a":[[[1]]]}"#).unwrap(), &none()).unwrap();
    }
}
