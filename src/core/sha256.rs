//! SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104): padding and keys, around RustCrypto's compression function.
//!
//! RustCrypto's own wrappers serve any hash of any length, and cost the wasm another kilobyte of gzip.

use sha2::block_api::compress256;
use zeroize::Zeroizing;

/// A hash in the making.
pub struct Sha256 {
    state: [u32; 8],
    /// What is not compressed yet, overwritten when it is dropped.
    block: Zeroizing<[u8; 64]>,
    bytes: u64,
}

impl Default for Sha256 {
    fn default() -> Self {
        let state =
            [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
        Self { state, block: Zeroizing::new([0; 64]), bytes: 0 }
    }
}

impl Sha256 {
    /// Takes more of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.block.get_mut((self.bytes % 64) as usize) {
                *place = *byte;
            }
            self.bytes += 1;
            if self.bytes.is_multiple_of(64) {
                compress256(&mut self.state, core::slice::from_ref(&*self.block));
            }
        }
    }

    /// The hash of all that was taken.
    pub fn finish(mut self) -> [u8; 32] {
        let bits = self.bytes * 8;
        self.update(&[0x80]);
        while self.bytes % 64 != 56 {
            self.update(&[0]);
        }
        self.update(&bits.to_be_bytes());
        let mut bytes = self.state.iter().flat_map(|word| word.to_be_bytes());
        core::array::from_fn(|_| bytes.next().unwrap_or(0))
    }
}

/// The hash of all parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::default();
    parts.iter().for_each(|part| hash.update(part));
    hash.finish()
}

/// The HMAC of all parts, one after the other.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let short = Zeroizing::new(if key.len() > 64 { sha256(&[key]) } else { [0; 32] });
    let key = if key.len() > 64 { short.as_slice() } else { key };
    let padded = |pad: u8| {
        let mut block = Zeroizing::new([pad; 64]);
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        let mut hash = Sha256::default();
        hash.update(block.as_slice());
        hash
    };
    let (mut inner, mut outer) = (padded(0x36), padded(0x5c));
    parts.iter().for_each(|part| inner.update(part));
    outer.update(&inner.finish());
    outer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Digest;

    proptest! {
        #[test]
        fn agrees_with_rust_crypto(
            key in prop::collection::vec(any::<u8>(), 0..200),
            message in prop::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
        ) {
            let (first, second) = message.split_at(at.index(message.len() + 1));
            prop_assert_eq!(sha256(&[first, second]), <[u8; 32]>::from(sha2::Sha256::digest(&message)));
            let mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap().chain_update(&message);
            prop_assert_eq!(hmac(&key, &[first, second]), <[u8; 32]>::from(mac.finalize().into_bytes()));
        }
    }

    /// Where padding fits into the last block, and where it just does not any more.
    #[test]
    fn every_length_is_padded() {
        for length in 0..=200 {
            let message = vec![7; length];
            assert_eq!(sha256(&[&message]), <[u8; 32]>::from(sha2::Sha256::digest(&message)), "{length}");
        }
    }
}
