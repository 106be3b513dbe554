//! Lower-case hexadecimal, the only spelling of a hash in format `e1`.

use alloc::string::String;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends `bytes` to `out` in lower-case hex.
pub fn push(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit)));
        }
    }
}

/// `bytes` in lower-case hex.
///
/// ```
/// assert_eq!(nymtrail::core::hex::encode(&[0x0d, 0xf0]), "0df0");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    push(bytes, &mut out);
    out
}

/// The bytes of exactly `2 * N` lower-case hex digits, or `None` for anything else.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    let mut digits = digits.iter();
    for byte in &mut bytes {
        *byte = nibble(*digits.next()?)? << 4 | nibble(*digits.next()?)?;
    }
    Some(bytes)
}

/// Whether `text` is exactly `digits` lower-case hex digits.
pub fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|digit| nibble(digit).is_some())
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_of_the_right_length_decodes() {
        assert_eq!(decode::<2>("0df0"), Some([0x0d, 0xf0]));
        for wrong in ["0DF0", "0df", "0df00", "0dg0", "é0d"] {
            assert_eq!(decode::<2>(wrong), None, "{wrong}");
        }
    }
}
