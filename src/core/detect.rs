//! Finds what looks like personal data by its form, in linear time: every scanner looks a fixed way ahead, but for
//! tokens, which are skipped as a whole once found.
//!
//! What is found is replaced by a word in brackets, never by a hash, which could be looked up. docs/PRIVACY.md says how
//! much is found and how much is taken for what it is not; tests/detectors.rs measures it.

use alloc::{borrow::Cow, string::String};

/// What is looked for, by the word that replaces it, and in this order.
pub const WORDS: [&str; 8] = ["[email]", "[gps]", "[phone]", "[card]", "[ssn]", "[iban]", "[ip]", "[token]"];

/// Finds what begins at a place of a text, where the byte before is no letter or digit, and says where it ends.
type Scanner = fn(&[u8], usize) -> Option<usize>;

/// In the order of [`WORDS`]. E-mail has gone over the whole text before, since an address may hold any of the others.
const SCANNERS: [Scanner; 7] = [gps, phone, card, ssn, iban, ip, token];

/// Keys of well-known services begin so, and go on for [`MIN_KEY`] characters or more. Stripe, GitHub, GitLab, AWS,
/// Slack, Google, SendGrid, OpenAI and Anthropic, npm, PyPI, Shopify, DigitalOcean, Hugging Face.
const KEYS: &[u8] = b"sk_live_ sk_test_ rk_live_ whsec_ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- AKIA ASIA xox AIza ya29. SG. sk- npm_ pypi- shpat_ dop_v1_ hf_";
const MIN_KEY: usize = 16;

/// Digits and letters of the longest IBAN that the standard allows.
const MAX_GROUPED: usize = 34;

/// Detectors that are switched off: one bit for each, the lowest for the first of [`WORDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Off(pub u8);

impl Off {
    const fn holds(self, kind: usize) -> bool {
        self.0 >> kind & 1 == 1
    }
}

/// `text` in the spelling the detectors know: ASCII for full-width and mathematical characters and for other scripts'
/// digits, one kind of blank and dash, nothing invisible. The cheap part of NFKC, whose tables would cost 50 KB.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if let Some(c) = folded(c) {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn folded(c: char) -> Option<char> {
    let code = u32::from(c);
    let ascii = match code {
        0xad | 0x34f | 0x61c | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f => return None,
        0xfe00..=0xfe0f | 0xfeff => return None,
        0xa0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => 0x20,
        0x2010..=0x2015 | 0x2212 | 0xfe63 => 0x2d,
        0xfe6b => 0x40,
        0xff01..=0xff5e => code - 0xfee0,
        0x660..=0x669 => code - 0x630,
        0x6f0..=0x6f9 => code - 0x6c0,
        0x966..=0x96f => code - 0x936,
        0x1d7ce..=0x1d7ff => 0x30 + (code - 0x1d7ce) % 10,
        _ => return Some(c),
    };
    char::from_u32(ascii)
}

/// What was found in a text.
pub struct Found {
    /// The text with words in brackets in its place.
    pub text: String,
    /// The word for the first one.
    pub word: &'static str,
}

/// Replaces what is found in `text`, which has been [`fold`]ed; `None` if that is nothing.
pub fn replace(text: &str, off: Off) -> Option<Found> {
    let mailless = if off.holds(0) { None } else { without_mail(text) };
    let mut first = mailless.as_ref().map(|_| 0);
    let text = mailless.as_deref().unwrap_or(text);
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        if !before(bytes, at).is_ascii_alphanumeric() {
            for (kind, scanner) in (1..).zip(SCANNERS) {
                if !off.holds(kind)
                    && let Some(end) = scanner(bytes, at)
                {
                    out.push_str(text.get(kept..at)?);
                    out.push_str(WORDS.get(kind)?);
                    first = first.or(Some(kind));
                    (at, kept) = (end - 1, end);
                    break;
                }
            }
        }
        at += 1;
    }
    out.push_str(text.get(kept..)?);
    Some(Found { text: out, word: WORDS.get(first?)? })
}

/// The byte before `at`; a blank at the beginning.
fn before(text: &[u8], at: usize) -> u8 {
    if at == 0 { b' ' } else { byte(text, at - 1) }
}

/// The byte at `at`; 0 behind the end.
fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// How many bytes from `at` on are such.
fn run(text: &[u8], at: usize, is: fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or(&[]).iter().take_while(|byte| is(**byte)).count()
}

/// What is written in groups of letters and digits. An enum and not pointers to functions: those that take a slice
/// have the type of `Display::fmt` in wasm, and the whole machinery of formatting would be kept for them.
#[derive(Clone, Copy)]
enum Grouped {
    Phone,
    Card,
    Ssn,
    Iban,
}

impl Grouped {
    /// How long the first group is, unless it is the only one; 0: any.
    const fn first(self) -> usize {
        match self {
            Self::Phone => 0,
            Self::Card | Self::Iban => 4,
            Self::Ssn => 3,
        }
    }

    const fn separates(self, byte: u8) -> bool {
        match self {
            Self::Phone => matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/'),
            Self::Card | Self::Ssn => matches!(byte, b' ' | b'-'),
            Self::Iban => byte == b' ',
        }
    }

    /// Whether it is `read`: what the groups hold, in capitals.
    fn is(self, read: &[u8]) -> bool {
        match self {
            Self::Phone => is_phone(read),
            Self::Card => is_card(read),
            Self::Ssn => is_ssn(read),
            Self::Iban => is_iban(read),
        }
    }

    /// The end of the longest one that begins at `start`.
    fn end(self, text: &[u8], start: usize) -> Option<usize> {
        let mut read = [0; MAX_GROUPED];
        let (mut count, mut gaps) = (0, 0);
        let (mut at, mut end) = (start, None);
        loop {
            let next = byte(text, at);
            if next.is_ascii_alphanumeric() {
                let Some(place) = read.get_mut(count) else { return end };
                *place = next.to_ascii_uppercase();
                count += 1;
                gaps = 0;
            } else {
                if gaps == 0 && self.is(read.get(..count)?) {
                    end = Some(at);
                }
                gaps += 1;
                let first = self.first();
                let wrong_first = at == start + count && first != 0 && first != count;
                // " / " between groups is as much as people write.
                if count == 0 || gaps > 3 || wrong_first || !self.separates(next) {
                    return end;
                }
            }
            at += 1;
        }
    }
}

fn phone(text: &[u8], at: usize) -> Option<usize> {
    if byte(text, at) == b'+' { Grouped::Phone.end(text, at + 1) } else { None }
}

/// What follows a dash is the rest of something else, a UUID for instance.
fn begins_number(text: &[u8], at: usize) -> bool {
    is_digit(byte(text, at)) && before(text, at) != b'-'
}

fn card(text: &[u8], at: usize) -> Option<usize> {
    if begins_number(text, at) { Grouped::Card.end(text, at) } else { None }
}

fn iban(text: &[u8], at: usize) -> Option<usize> {
    // Its check digits; most words end here.
    if is_digit(byte(text, at + 2)) { Grouped::Iban.end(text, at) } else { None }
}

fn ip(text: &[u8], at: usize) -> Option<usize> {
    ipv4(text, at).or_else(|| ipv6(text, at))
}

/// E.164: at most 15 digits. Shorter ones than 8 are no subscriber's anywhere that matters, and many other things.
fn is_phone(digits: &[u8]) -> bool {
    (8..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) && !digits.starts_with(b"0")
}

/// A number that an issuer could have given out (ISO/IEC 7812), with its check digit. Without the issuer's prefix a
/// tenth of all long numbers would pass, timestamps among them.
fn is_card(digits: &[u8]) -> bool {
    let length = digits.len();
    if !(12..=19).contains(&length) {
        return false;
    }
    let Some(prefix) = number(digits.get(..4)) else { return false };
    let issued = match prefix {
        4000..=4999 => matches!(length, 13 | 16 | 19),
        2221..=2720 | 5100..=5599 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3059 | 3600..=3699 | 3800..=3999 => length >= 14,
        3528..=3589 | 6011 | 6200..=6299 | 6440..=6599 => length >= 16,
        // Maestro's.
        5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 => true,
        _ => false,
    };
    let mut sum = 0;
    for (at, digit) in digits.iter().enumerate() {
        let value = u32::from(digit.wrapping_sub(b'0'));
        if value > 9 {
            return false;
        }
        // Every other digit counts twice, from the end; twice one above 4 has two digits, whose sum is 9 less.
        let twice = (length - at).is_multiple_of(2);
        sum += if twice { 2 * value - if value > 4 { 9 } else { 0 } } else { value };
    }
    issued && sum % 10 == 0
}

/// ISO 13616: country, two check digits, and the rest, which together leave 1 when divided by 97.
fn is_iban(read: &[u8]) -> bool {
    let length = read.len();
    let [a, b, c, d, ..] = read else { return false };
    if length < 15 || !(a.is_ascii_alphabetic() && b.is_ascii_alphabetic()) {
        return false;
    }
    // A hash or a UUID without its dashes; no country with such letters has that length.
    if length == 32 && read.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let mut rest = 0;
    for at in 4..length + 4 {
        let digit = byte(read, if at < length { at } else { at - length });
        let value = u32::from(digit);
        rest = if is_digit(digit) { rest * 10 + value - 48 } else { rest * 100 + value - 55 } % 97;
    }
    rest == 1 && is_digit(*c) && is_digit(*d)
}

/// `078-05-1120` or with blanks.
fn ssn(text: &[u8], at: usize) -> Option<usize> {
    if !begins_number(text, at) {
        return None;
    }
    let end = Grouped::Ssn.end(text, at)?;
    (end == at + 11 && !is_digit(byte(text, at + 6)) && byte(text, end) != b'-').then_some(end)
}

/// Area, group and serial that the US could have given out.
fn is_ssn(digits: &[u8]) -> bool {
    let area = number(digits.get(..3)).unwrap_or(0);
    let group = number(digits.get(3..5)).unwrap_or(0);
    let serial = number(digits.get(5..)).unwrap_or(0);
    digits.len() == 9 && !matches!(area, 0 | 666 | 900..) && group > 0 && serial > 0
}

/// A number of digits alone.
fn number(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0u32, |sum, digit| {
        digit.is_ascii_digit().then(|| sum.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')))
    })
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// Four numbers below 256 of an address that a visitor may have, and that nothing says is a version.
fn ipv4(text: &[u8], start: usize) -> Option<usize> {
    if before(text, start) == b'.' {
        return None;
    }
    let mut at = start;
    let mut address = 0u32;
    for part in 0..4 {
        if part > 0 {
            if byte(text, at) != b'.' {
                return None;
            }
            at += 1;
        }
        let digits = run(text, at, is_digit).min(4);
        let octet = number(text.get(at..at + digits))?;
        if digits == 0 || digits > 3 || octet > 255 {
            return None;
        }
        address = address << 8 | octet;
        at += digits;
    }
    let (next, later) = (byte(text, at), byte(text, at + 1));
    // "1.2.3.4.5" and "1.2.3.4-beta".
    let goes_on = next.is_ascii_alphanumeric()
        || (next == b'.' && later.is_ascii_digit())
        || (next == b'-' && later.is_ascii_alphabetic());
    // Own host, loopback, multicast and masks; "x.y.0.0" is a network, or a version.
    let nobodys = matches!(address >> 24, 0 | 127 | 224..) || address & 0xffff == 0;
    (!goes_on && !nobodys && !says_version(text.get(..start)?)).then_some(at)
}

/// Whether the word before a number says that it is a version.
fn says_version(before: &[u8]) -> bool {
    let mut before = before;
    while let [rest @ .., b' ' | b':' | b'=' | b'-' | b'.' | b'/'] = before {
        before = rest;
    }
    ["version", "build", "release", "firmware", "update"].iter().any(|word| {
        let begin = before.len().checked_sub(word.len());
        begin.and_then(|begin| before.get(begin..)).is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
    })
}

/// Eight groups, or fewer around a double colon. `::1` is loopback, `a::b` more often code than an address.
fn ipv6(text: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut groups, mut double, mut digit) = (start, 0, false, false);
    loop {
        let digits = run(text, at, |byte| byte.is_ascii_hexdigit()).min(5);
        if digits > 4 || groups > 8 {
            return None;
        }
        digit |= text.get(at..at + digits)?.iter().any(u8::is_ascii_digit);
        groups += usize::from(digits > 0);
        at += digits;
        let next = byte(text, at + 1);
        if byte(text, at) != b':' || !(next == b':' || next.is_ascii_hexdigit()) {
            break;
        }
        at += 1;
        if next == b':' {
            if double {
                return None;
            }
            double = true;
            at += 1;
        }
    }
    let next = byte(text, at);
    // A dot: an IPv4 address ends it, which is found by itself.
    let goes_on = next.is_ascii_alphanumeric() || next == b':' || (next == b'.' && byte(text, at + 1).is_ascii_digit());
    let whole = if double { groups < 8 && (groups > 2 || groups == 2 && digit) } else { groups == 8 };
    (whole && !goes_on && before(text, start) != b':').then_some(at)
}

/// A pair of decimal degrees with four places or more, which is ten metres.
fn gps(text: &[u8], start: usize) -> Option<usize> {
    let (one, at) = degrees(text, start)?;
    let gap = run(text, at, |byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.')).min(13);
    let between = text.get(at..at + gap)?;
    // "52.5200° N, 13.4050° E" and "&lon=".
    let plain = |byte: &u8| !byte.is_ascii_alphabetic() || matches!(byte, b'N' | b'S' | b'E' | b'W');
    if gap > 12 || !(between.iter().all(plain) || run(between, 0, |byte| byte != b'l') < gap) {
        return None;
    }
    let (two, end) = degrees(text, at + gap)?;
    // Both below 4 is open sea off Ghana, but common for rates, shares and scores.
    (gap > 0 && one <= 180 && two <= 180 && (one <= 90 || two <= 90) && (one > 3 || two > 3)).then_some(end)
}

/// The whole degrees, and where the number ends.
fn degrees(text: &[u8], start: usize) -> Option<(u32, usize)> {
    let at = start + usize::from(matches!(byte(text, start), b'-' | b'+'));
    let whole = run(text, at, is_digit).min(4);
    let dot = at + whole;
    let places = run(text, dot + 1, is_digit).min(20);
    let end = dot + 1 + places;
    let fits = (1..=3).contains(&whole) && byte(text, dot) == b'.' && (4..20).contains(&places);
    let value = number(text.get(at..dot))?;
    (fits && !(byte(text, end) == b'.' && byte(text, end + 1).is_ascii_digit())).then_some((value, end))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_dotted(byte: u8) -> bool {
    is_token(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
}

/// A JSON Web Token, a key of a well-known service, or what follows `Bearer`.
fn token(text: &[u8], at: usize) -> Option<usize> {
    if is_token(before(text, at)) {
        return None;
    }
    let rest = text.get(at..)?;
    if rest.starts_with(b"eyJ") {
        let head = run(rest, 0, is_token);
        let payload = run(rest, head + 1, is_token);
        if payload > 0 && byte(rest, head) == b'.' && byte(rest, head + 1 + payload) == b'.' {
            return Some(at + run(rest, 0, is_dotted));
        }
    }
    if rest.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"bearer")) {
        let blank = run(rest, 6, |byte| matches!(byte, b' ' | b':')).min(3);
        let length = run(rest, 6 + blank, is_dotted);
        let value = rest.get(6 + blank..6 + blank + length)?;
        // A long word of small letters is a word.
        if blank > 0 && length >= MIN_KEY && !value.iter().all(u8::is_ascii_lowercase) {
            return Some(at + 6 + blank + length);
        }
    }
    // Most words are too short, and so need not be compared with every beginning.
    if !rest.get(..MIN_KEY)?.iter().all(|byte| is_dotted(*byte)) {
        return None;
    }
    let key = KEYS.split(|byte| *byte == b' ').find(|key| rest.starts_with(key))?;
    let length = run(rest, key.len(), is_dotted);
    (length >= MIN_KEY).then_some(at + key.len() + length)
}

/// Replaces every e-mail address: something, an at sign, and a domain with a dot. `None` if there is none.
fn without_mail(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(at) = rest.bytes().position(|byte| byte == b'@') {
        let (before, after) = (rest.get(..at)?, rest.get(at + 1..)?);
        let local = before.trim_end_matches(is_local);
        let domain = after.find(|c| !is_domain(c)).unwrap_or(after.len());
        let (domain, behind) = after.split_at_checked(domain).unwrap_or((after, ""));
        if local.len() < before.len() && is_domain_name(domain) {
            out.push_str(local);
            out.push_str(WORDS.first()?);
            rest = behind;
            found = true;
        } else {
            out.push_str(before);
            out.push('@');
            rest = after;
        }
    }
    out.push_str(rest);
    found.then_some(out)
}

/// Every letter beyond ASCII may stand in an address; the tables that tell letters apart would cost kilobytes.
fn is_letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_whitespace())
}

fn is_local(c: char) -> bool {
    is_letter_or_digit(c)
        || matches!(c, '!' | '#'..='\'' | '*' | '+' | '-' | '.' | '/' | '=' | '?' | '^'..='`' | '{'..='~')
}

fn is_domain(c: char) -> bool {
    is_letter_or_digit(c) || c == '-' || c == '.'
}

fn is_domain_name(domain: &str) -> bool {
    let domain = domain.trim_end_matches(['.', '-']);
    let top = domain.trim_end_matches(|c| c != '.' && c != '\u{3002}');
    let name = domain.get(top.len()..).unwrap_or("");
    top.len() > 1 && name.len() > 1 && name.bytes().any(|c| !c.is_ascii_digit())
}
