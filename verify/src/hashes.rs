//! The two hashes of a row, `bc` and `link` of `nymtrail::core::chain`, over one buffer that is used again and again.
//!
//! A message is put together with its padding and goes to the compression function as a whole: a hasher that takes pieces
//! costs half as much again for messages as short as these.

use sha2::block_api::compress256;

/// SHA-256's initial state: FIPS 180-4, section 5.3.3.
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const BLOCK: usize = 64;
/// What padding needs at most: a block, and what fills up the one before.
const PADDING: usize = 2 * BLOCK;
/// `b1|`, a salt, `|`.
const BEFORE_BODY: usize = 3 + 32 + 1;

/// Two hexadecimal digits for each byte.
#[expect(clippy::indexing_slicing, reason = "computed by the compiler, where an index out of bounds is an error")]
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// A message on its way to being hashed.
#[derive(Clone, Debug, Default)]
pub struct Message {
    bytes: Vec<u8>,
    length: usize,
}

impl Message {
    /// Begins the message of a commitment. Gives the room for so many bytes of body; how many there are, and the salt, is
    /// said with [`Message::commitment`].
    pub fn body(&mut self, most: usize) -> &mut [u8] {
        let needed = BEFORE_BODY + most + PADDING;
        if self.bytes.len() < needed {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
        self.bytes.get_mut(BEFORE_BODY..).unwrap_or_default()
    }

    /// The commitment to the body that was written into the room, as hex.
    pub fn commitment(&mut self, salt: &[u8; 32], length: usize) -> [u8; 64] {
        self.length = 0;
        self.push(b"b1|");
        self.push(salt);
        self.push(b"|");
        self.length += length;
        self.hash()
    }

    /// A link, as hex. The numbers are given in digits.
    pub fn link(&mut self, seq: &[u8], t: &[u8], prev: &[u8; 64], commitment: &[u8; 64]) -> [u8; 64] {
        self.length = 0;
        // Two numbers of up to 16 digits.
        let _ = self.body(256);
        for part in [b"\0e1|", seq, b"|", t, b"|", prev, b"|", commitment] {
            self.push(part);
        }
        self.hash()
    }

    fn push(&mut self, part: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + part.len()) {
            room.copy_from_slice(part);
            self.length += part.len();
        }
    }

    fn hash(&mut self) -> [u8; 64] {
        let bits = (self.length as u64) << 3;
        let end = (self.length + 9).next_multiple_of(BLOCK);
        if let Some(padding) = self.bytes.get_mut(self.length..end) {
            padding.fill(0);
            if let Some(first) = padding.first_mut() {
                *first = 0x80;
            }
            if let Some(last) = padding.last_chunk_mut() {
                *last = bits.to_be_bytes();
            }
        }
        let mut state = START;
        let (blocks, _) = self.bytes.get(..end).unwrap_or_default().as_chunks();
        compress256(&mut state, blocks);
        let mut hex = [0; 64];
        let bytes = state.iter().flat_map(|word| word.to_be_bytes());
        for (digits, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *digits = HEX.get(usize::from(byte)).copied().unwrap_or_default();
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_cores(body in "[ -~]{0,400}", seq in 0..1u64 << 53, t in 0..1u64 << 53) {
            let mut message = Message::default();
            let salt = "0f".repeat(16);
            message.body(body.len())[..body.len()].copy_from_slice(body.as_bytes());
            let bc = message.commitment(salt.as_bytes().try_into().unwrap(), body.len());
            prop_assert_eq!(str::from_utf8(&bc).unwrap(), chain::commitment(&salt, &body).hex());
            let prev = chain::NO_HEAD.as_bytes().try_into().unwrap();
            let link = message.link(seq.to_string().as_bytes(), t.to_string().as_bytes(), prev, &bc);
            let expected = chain::link(seq, t, chain::NO_HEAD, str::from_utf8(&bc).unwrap()).hex();
            prop_assert_eq!(str::from_utf8(&link).unwrap(), expected);
        }
    }
}
