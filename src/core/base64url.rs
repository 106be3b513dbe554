//! base64url without padding, the spelling of pseudonyms and random ids; and the lenient reading that the scrubber
//! needs to look inside what other code has encoded.

use alloc::{string::String, vec::Vec};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `bytes` as base64url without padding (RFC 4648, section 5).
///
/// ```
/// assert_eq!(nymtrail::core::base64url::encode(&[0xfb, 0xff]), "-_8");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut block = 0;
        for at in 0..3 {
            block = block << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..=chunk.len() {
            let digit = (block >> (18 - 6 * at)) & 63;
            out.push(DIGITS.get(digit as usize).map_or('A', |digit| char::from(*digit)));
        }
    }
    out
}

/// Reads base64 in either alphabet, with or without padding; leftover bits are ignored. `None` for other characters.
pub fn decode_lenient(mut text: &[u8]) -> Option<Vec<u8>> {
    while let [digits @ .., b'='] = text {
        text = digits;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut block, mut bits) = (0u32, 0);
    for digit in text {
        let value = match *digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        block = block << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((block >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648_vectors_read_back() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(text.as_bytes()), encoded);
            assert_eq!(decode_lenient(encoded.as_bytes()).unwrap(), text.as_bytes());
            assert_eq!(decode_lenient(format!("{encoded}==").as_bytes()).unwrap(), text.as_bytes());
        }
        assert_eq!(decode_lenient(b"a b"), None);
    }
}
