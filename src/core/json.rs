//! A small JSON reader and the canonical writer of bodies.
//!
//! serde_json would cost 13 to 20 KB of gzip in the wasm. This reader keeps numbers as the text they were written in,
//! so that what JavaScript printed is what is hashed; the writer sorts keys and escapes everything outside 0x20 to
//! 0x7E, so that no charset, normalisation or byte order mark on the way can change a body.

use super::{decimal, move_last};
use alloc::{string::String, vec::Vec};

/// How deep lists and maps may nest; deeper input is refused, so that reading never exhausts the stack.
pub const MAX_DEPTH: usize = 16;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string. Lone surrogates became U+FFFD.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object, in the order it was written.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The member `name` of a map.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number from 0, if it is one.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(raw) => super::words::whole(raw),
            _ => None,
        }
    }

    /// The items of a list; nothing for any other value.
    pub fn items(&self) -> &[Value] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map; nothing for any other value.
    pub fn entries(&self) -> &[(String, Value)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }
}

/// Writes one JSON object, member by member. The caller keeps the keys in order, so that what is written is canonical.
pub struct Object {
    out: String,
    before: char,
}

impl Default for Object {
    fn default() -> Self {
        Self { out: String::with_capacity(256), before: '{' }
    }
}

impl Object {
    /// Begins the member `name`; what is pushed to the result is its value.
    pub fn member(&mut self, name: &str) -> &mut String {
        self.out.push(self.before);
        self.before = ',';
        write_text(name, &mut self.out);
        self.out.push(':');
        &mut self.out
    }

    /// A member that is a string.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        write_text(value, self.member(name));
        self
    }

    /// A member that is a string, if there is one and it is not empty.
    pub fn optional(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value
            && !value.is_empty()
        {
            self.text(name, value);
        }
        self
    }

    /// A member that is a whole number.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.member(name).push_str(decimal(value).as_str());
        self
    }

    /// A member that is JSON already.
    pub fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        self.member(name).push_str(value);
        self
    }

    /// The object.
    pub fn finish(&mut self) -> String {
        if self.before == '{' {
            self.out.push('{');
        }
        self.out.push('}');
        core::mem::take(&mut self.out)
    }
}

/// Reads one JSON value with nothing after it. `None` for anything that RFC 8259 does not allow, and for nesting
/// beyond [`MAX_DEPTH`].
pub fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(MAX_DEPTH)?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

/// Reads byte by byte: all that JSON's grammar names is ASCII, and searching for characters costs the wasm a kilobyte.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.peek() {
            b'{' => self.map(depth.checked_sub(1)?),
            b'[' => self.list(depth.checked_sub(1)?),
            b'"' => self.string().map(Value::Text),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        let mut entries = Vec::new();
        let mut more = self.begins(b'}');
        while more {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            entries.push((name, self.value(depth)?));
            more = self.goes_on(b'}')?;
        }
        Some(Value::Map(entries))
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        let mut more = self.begins(b']');
        while more {
            items.push(self.value(depth)?);
            more = self.goes_on(b']')?;
        }
        Some(Value::List(items))
    }

    /// Passes the opening bracket. False if the closing one follows at once.
    fn begins(&mut self, close: u8) -> bool {
        self.at += 1;
        self.space();
        !self.skip(close)
    }

    /// Passes a comma, or the closing bracket: then false.
    fn goes_on(&mut self, close: u8) -> Option<bool> {
        self.space();
        if self.skip(close) {
            return Some(false);
        }
        self.expect(b',').map(|()| true)
    }

    fn string(&mut self) -> Option<String> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), 0..=0x1f | b'"' | b'\\') {
                self.at += 1;
            }
            out.push_str(self.text.get(start..self.at)?);
            if self.skip(b'"') {
                return Some(out);
            }
            self.expect(b'\\')?;
            let escape = self.next();
            out.push(match escape {
                b'"' | b'\\' | b'/' => char::from(escape),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.unicode()?,
                _ => return None,
            });
        }
    }

    fn unicode(&mut self) -> Option<char> {
        let unit = self.unit()?;
        if (0xd800..0xdc00).contains(&unit) {
            let after_high = self.at;
            if self.skip(b'\\') && self.skip(b'u') {
                let low = self.unit()?;
                if (0xdc00..0xe000).contains(&low) {
                    return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
                }
            }
            self.at = after_high;
        }
        Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | char::from(self.next()).to_digit(16)?;
        }
        Some(unit)
    }

    /// By RFC 8259: -? int frac? exp?
    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        Some(Value::Number(self.text.get(start..self.at)?.into()))
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        let end = self.at + word.len();
        let found = self.text.get(self.at..end)? == word;
        self.at = end;
        found.then_some(value)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn expect(&mut self, expected: u8) -> Option<()> {
        self.skip(expected).then_some(())
    }

    fn skip(&mut self, expected: u8) -> bool {
        let found = self.peek() == expected;
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    /// The byte at hand; at the end a NUL, which JSON has nowhere.
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }
}

/// Appends `value` in canonical form: keys sorted by code point, no white space, ASCII only.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(raw) => out.push_str(raw),
        Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            let mut separator = '[';
            for item in items {
                out.push(core::mem::replace(&mut separator, ','));
                write(item, out);
            }
            if items.is_empty() {
                out.push('[');
            }
            out.push(']');
        }
        Value::Map(entries) => {
            // Insertion: few entries, most of them in order already; a general sort is 2 KB of wasm.
            let mut sorted: Vec<&(String, Value)> = Vec::with_capacity(entries.len());
            for entry in entries {
                sorted.push(entry);
                move_last(&mut sorted, |a, b| a.0 > b.0);
            }
            let mut separator = '{';
            for (name, value) in sorted {
                out.push(core::mem::replace(&mut separator, ','));
                write_text(name, out);
                out.push(':');
                write(value, out);
            }
            if entries.is_empty() {
                out.push('{');
            }
            out.push('}');
        }
    }
}

/// `value` in canonical form.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// Appends `text` as a JSON string, escaping quote, backslash and everything outside 0x20 to 0x7E.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut units = [0; 2];
    let mut rest = text;
    loop {
        // What needs no escape is most of every text, and goes over in one piece.
        let plain = rest.bytes().take_while(|byte| is_plain(*byte)).count();
        let (before, after) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        out.push_str(before);
        let mut chars = after.chars();
        let Some(c) = chars.next() else { break };
        rest = chars.as_str();
        if matches!(c, '"' | '\\') {
            out.push('\\');
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            out.push_str("\\u");
            super::hex::push(&unit.to_be_bytes(), out);
        }
    }
    out.push('"');
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> Option<String> {
        parse(text).map(|value| to_string(&value))
    }

    #[test]
    fn canonical_form() {
        assert_eq!(
            canonical(r#" {"b":[1.50,-0,2e+7,[],{}],"a":"é\n\u0001\ud83d\ude00\/\"","a2":null} "#).as_deref(),
            Some(r#"{"a":"\u00e9\u000a\u0001\ud83d\ude00/\"","a2":null,"b":[1.50,-0,2e+7,[],{}]}"#)
        );
        assert_eq!(canonical(r#""\ud800x""#).as_deref(), Some(r#""\ufffdx""#));
        assert_eq!(canonical(r#""\ud800\u0041""#).as_deref(), Some(r#""\ufffdA""#));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "--1",
            "nul",
            "\"\u{1}\"",
            "\"\\x\"",
            "1 2",
            "\"\\u12g4\"",
            "{a:1}",
            "\"",
            "NaN",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse(&("[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH))).is_some());
        assert_eq!(parse(&("[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1))), None);
        assert_eq!(parse(&"[".repeat(1_000_000)), None);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<i32>().prop_map(|n| (f64::from(n) / 8.0).into()),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(value in any_json()) {
            let ours = canonical(&value.to_string()).unwrap();
            prop_assert!(ours.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&ours).unwrap(), &value);
            let again = canonical(&ours).unwrap();
            prop_assert_eq!(again, ours);
        }

        #[test]
        fn accepts_just_what_serde_json_accepts(text in r#"[\[\]{}:," \\0-9eE.+a-u-]{0,24}"#) {
            // serde_json refuses numbers that overflow f64 and lone surrogates; neither can come out of this alphabet
            // but for exponents of three digits and more.
            prop_assume!(!text.contains(['e', 'E']));
            prop_assert_eq!(parse(&text).is_some(), serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
