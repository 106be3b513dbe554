//! A small JSON reader and the canonical writer of bodies.
//!
//! serde_json would cost 13 to 20 KB of gzip in the wasm. This reader keeps numbers as the text they were written in,
//! so that what JavaScript printed is what is hashed; the writer sorts keys and escapes everything outside 0x20 to
//! 0x7E, so that no charset, normalisation or byte order mark on the way can change a body.

use super::{decimal, move_last};
use alloc::{string::String, vec::Vec};

/// How deep lists and maps may nest; deeper input is refused, so that reading never exhausts the stack.
pub const MAX_DEPTH: usize = 16;

/// A JSON value that is known to be one: its text, looked into when it is asked for. A tree of values would cost the wasm
/// two kilobytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a>(&'a str);

impl<'a> Value<'a> {
    /// The string, if it is one. Lone surrogates became U+FFFD.
    pub fn text(&self) -> Option<String> {
        Reader { text: self.0, at: 0 }.string()
    }

    /// The whole number from 0, if it is one.
    pub fn whole(&self) -> Option<u64> {
        super::words::whole(self.0)
    }

    /// The number as it was written, if it is one.
    pub fn number(&self) -> Option<&'a str> {
        matches!(self.kind(), b'-' | b'0'..=b'9').then_some(self.0)
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == b'n'
    }

    /// Whether it is an object.
    pub fn is_map(&self) -> bool {
        self.kind() == b'{'
    }

    /// The member `name` of an object.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.children().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The members of an object with their names, or the items of an array with empty ones, in the order they were
    /// written; nothing of any other value.
    pub fn children(&self) -> Children<'a> {
        let mut reader = Reader { text: self.0, at: 0 };
        let close = close_of(self.kind());
        Children { more: close != 0 && reader.begins(close), reader, close }
    }

    /// The first character, which tells all kinds apart.
    fn kind(&self) -> u8 {
        self.0.as_bytes().first().copied().unwrap_or(0)
    }
}

/// The closing bracket of an opening one; 0 for any other character.
fn close_of(open: u8) -> u8 {
    match open {
        b'{' => b'}',
        b'[' => b']',
        _ => 0,
    }
}

/// See [`Value::children`].
pub struct Children<'a> {
    reader: Reader<'a>,
    close: u8,
    more: bool,
}

impl<'a> Iterator for Children<'a> {
    type Item = (String, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.more {
            return None;
        }
        let child = self.reader.child(self.close, MAX_DEPTH)?;
        self.more = self.reader.goes_on(self.close)?;
        Some(child)
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
pub fn parse(text: &str) -> Option<Value<'_>> {
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
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        self.space();
        let start = self.at;
        match self.peek() {
            open @ (b'{' | b'[') => {
                let (close, depth) = (close_of(open), depth.checked_sub(1)?);
                let mut more = self.begins(close);
                while more {
                    self.child(close, depth)?;
                    more = self.goes_on(close)?;
                }
            }
            b'"' => drop(self.string()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        }
        self.text.get(start..self.at).map(Value)
    }

    /// A member of an object, or an item of an array.
    fn child(&mut self, close: u8, depth: usize) -> Option<(String, Value<'a>)> {
        let mut name = String::new();
        if close == b'}' {
            self.space();
            name = self.string()?;
            self.space();
            self.expect(b':')?;
        }
        Some((name, self.value(depth)?))
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
    fn number(&mut self) -> Option<()> {
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
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let end = self.at + word.len();
        let found = self.text.get(self.at..end)? == word;
        self.at = end;
        found.then_some(())
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

/// Where a text stands that may be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the name of a member, which goes with its value if another text takes its place.
    Name,
    /// It is a string.
    Text,
    /// It is the digits of a number; a text in its place is a string.
    Number,
}

/// How a value is rewritten.
pub struct Rewrite<'a> {
    /// How deep objects and arrays may nest.
    pub depth: usize,
    /// How many members or items each of them may have.
    pub entries: usize,
    /// What takes the place of a text; `None`: it stays.
    pub text: &'a dyn Fn(Place, &str) -> Option<String>,
}

/// `value` rewritten, and in canonical form: keys sorted by code point, no white space, ASCII only. `None` if it is larger
/// than it may be.
pub fn rewrite(value: Value, rules: &Rewrite, out: &mut String) -> Option<()> {
    if close_of(value.kind()) != 0 {
        Members::of(value, rules)?.write(value, out);
    } else if let Some(text) = value.text() {
        write_text((rules.text)(Place::Text, &text).as_ref().unwrap_or(&text), out);
    } else if let Some(text) = value.number().and_then(|number| (rules.text)(Place::Number, number)) {
        write_text(&text, out);
    } else {
        out.push_str(value.0);
    }
    Some(())
}

/// The members of an object or the items of an array, in canonical form and order.
#[derive(Default)]
pub struct Members(Vec<(String, String)>);

impl Members {
    /// Those of `value`, rewritten. `None` if there are more than there may be.
    pub fn of(value: Value, rules: &Rewrite) -> Option<Self> {
        let mut members = Self::default();
        let inner = Rewrite { depth: rules.depth.checked_sub(1)?, ..*rules };
        for (at, (name, value)) in value.children().enumerate() {
            if at == rules.entries {
                return None;
            }
            if (rules.text)(Place::Name, &name).is_none() {
                let mut text = String::new();
                rewrite(value, &inner, &mut text)?;
                members.insert(name, text);
            }
        }
        Some(members)
    }

    /// Adds one in its place, behind those of the same name.
    pub fn insert(&mut self, name: String, value: String) {
        self.0.push((name, value));
        move_last(&mut self.0, |a, b| a.0 > b.0);
    }

    /// Takes away those of a name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| other != name);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends them in the brackets that `value` has.
    pub fn write(&self, value: Value, out: &mut String) {
        let open = value.kind();
        let mut separator = open;
        for (name, value) in &self.0 {
            out.push(separator.into());
            separator = b',';
            if open == b'{' {
                write_text(name, out);
                out.push(':');
            }
            out.push_str(value);
        }
        if self.is_empty() {
            out.push(open.into());
        }
        out.push(close_of(open).into());
    }
}

/// Appends `text` as a JSON string, escaping quote, backslash and everything outside 0x20 to 0x7E.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut units = [0; 2];
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut units) {
                    out.push_str("\\u");
                    super::hex::push(&unit.to_be_bytes(), out);
                }
            }
        }
    }
    out.push('"');
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_text(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> Option<String> {
        let mut out = String::new();
        rewrite(parse(text)?, &Rewrite { depth: MAX_DEPTH, entries: usize::MAX, text: &|_, _| None }, &mut out)?;
        Some(out)
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
