//! The two hashes of a row, `bc` and `link` of `nymtrail::core::chain`, of many rows at once: messages are put together with their
//! padding in one buffer that is used again and again, and go to the compression function as wholes. A hasher that takes pieces
//! costs half as much again for messages as short as these.

#[cfg(any(test, target_feature = "simd128"))]
mod lanes;

/// SHA-256's initial state: FIPS 180-4, section 5.3.3.
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const BLOCK: usize = 64;
/// What padding needs at most: a block, and what fills up the one before.
const PADDING: usize = 2 * BLOCK;
/// `b1|`, a salt, `|`.
const BEFORE_BODY: usize = 3 + 32 + 1;
/// What a link's message has beside the numbers, and two numbers of up to 16 digits.
const LINK: usize = 256;

/// Messages that are to be hashed.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    bytes: Vec<u8>,
    /// Where each message ends, padding and all.
    ends: Vec<usize>,
    /// What of `bytes` is written.
    length: usize,
}

impl Messages {
    /// Forgets all but the first so many.
    pub fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.length = self.ends.last().copied().unwrap_or(0);
    }

    /// How many bytes they have, padding and all.
    pub fn length(&self) -> usize {
        self.length
    }

    fn room(&mut self, most: usize) {
        let needed = self.length + most + PADDING;
        if self.bytes.len() < needed {
            self.bytes.resize(needed.next_power_of_two(), 0);
        }
    }

    /// Begins the message of a commitment. Gives the room for so many bytes of body; how many there are, and the salt, is
    /// said with [`Messages::commitment`].
    pub fn body(&mut self, most: usize) -> &mut [u8] {
        self.room(BEFORE_BODY + most);
        self.bytes.get_mut(self.length + BEFORE_BODY..).unwrap_or_default()
    }

    /// Adds the message of the commitment to the body that was written into the room.
    pub fn commitment(&mut self, salt: &[u8; 32], length: usize) {
        let start = self.length;
        self.push(b"b1|");
        self.push(salt);
        self.push(b"|");
        self.length += length;
        self.pad(start);
    }

    /// Adds the message of a link. The numbers are given in digits.
    pub fn link(&mut self, seq: &[u8], t: &[u8], prev: &[u8; 64], commitment: &[u8; 64]) {
        let start = self.length;
        self.room(LINK);
        for part in [b"\0e1|", seq, b"|", t, b"|", prev, b"|", commitment] {
            self.push(part);
        }
        self.pad(start);
    }

    fn push(&mut self, part: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + part.len()) {
            room.copy_from_slice(part);
            self.length += part.len();
        }
    }

    fn pad(&mut self, start: usize) {
        let length = self.length - start;
        let end = start + (length + 9).next_multiple_of(BLOCK);
        if let Some(padding) = self.bytes.get_mut(self.length..end) {
            padding.fill(0);
            if let Some(first) = padding.first_mut() {
                *first = 0x80;
            }
            if let Some(last) = padding.last_chunk_mut() {
                *last = ((length as u64) << 3).to_be_bytes();
            }
        }
        self.length = end;
        self.ends.push(end);
    }

    /// The blocks of each message.
    fn blocks(&self) -> impl Iterator<Item = &[[u8; BLOCK]]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default().as_chunks().0)
    }

    /// Puts their hashes, as hex, in the place of what is in `hashes`.
    pub fn hash(&self, hashes: &mut Vec<[u8; 64]>) {
        hashes.clear();
        #[cfg(not(target_feature = "simd128"))]
        hashes.extend(self.blocks().map(|blocks| hex(&one(blocks))));
        #[cfg(target_feature = "simd128")]
        {
            hashes.resize(self.ends.len(), [0; 64]);
            lanes::hash(self.blocks(), |at, state| {
                if let Some(hash) = hashes.get_mut(at) {
                    *hash = hex(&state);
                }
            });
        }
    }
}

#[cfg(any(test, not(target_feature = "simd128")))]
fn one(blocks: &[[u8; BLOCK]]) -> [u32; 8] {
    let mut state = START;
    sha2::block_api::compress256(&mut state, blocks);
    state
}

/// Two hexadecimal digits for each byte. Without a table and without a branch, so that it becomes vector instructions.
fn hex(state: &[u32; 8]) -> [u8; 64] {
    let digit = |half: u8| half + b'0' + if half > 9 { b'a' - b'9' - 1 } else { 0 };
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    let mut digits = [0; 64];
    for (digits, byte) in digits.as_chunks_mut().0.iter_mut().zip(bytes) {
        *digits = [digit(byte >> 4), digit(byte & 15)];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_cores(
            bodies in prop::collection::vec("[ -~]{0,400}", 0..9), seq in 0..1u64 << 53, t in 0..1u64 << 53,
        ) {
            let (mut messages, mut links) = (Messages::default(), Messages::default());
            let (mut found, salt) = (Vec::new(), "0f".repeat(16));
            let prev = chain::NO_HEAD.as_bytes().try_into().unwrap();
            for body in &bodies {
                messages.body(body.len())[..body.len()].copy_from_slice(body.as_bytes());
                messages.commitment(salt.as_bytes().try_into().unwrap(), body.len());
            }
            messages.hash(&mut found);
            let expected: Vec<_> = bodies.iter().map(|body| chain::commitment(&salt, body).hex()).collect();
            prop_assert_eq!(found.iter().map(|bc| str::from_utf8(bc).unwrap()).collect::<Vec<_>>(), expected.clone());
            for bc in &found {
                links.link(seq.to_string().as_bytes(), t.to_string().as_bytes(), prev, bc);
            }
            links.hash(&mut found);
            let expected: Vec<_> = expected.iter().map(|bc| chain::link(seq, t, chain::NO_HEAD, bc).hex()).collect();
            prop_assert_eq!(found.iter().map(|link| str::from_utf8(link).unwrap()).collect::<Vec<_>>(), expected);
        }

        /// What the browser's build hashes in lanes is what the native one hashes one by one.
        #[test]
        fn lanes_are_as_good_as_one_by_one(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..20)) {
            let mut messages = Messages::default();
            for body in &bodies {
                messages.body(body.len())[..body.len()].copy_from_slice(body);
                messages.commitment(&[b'0'; 32], body.len());
            }
            let expected: Vec<_> = messages.blocks().map(one).collect();
            let mut found = vec![[0; 8]; bodies.len()];
            lanes::hash(messages.blocks(), |at, state| found[at] = state);
            prop_assert_eq!(found, expected);
        }
    }
}
