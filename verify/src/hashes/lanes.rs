//! SHA-256 of four messages at once: WebAssembly has no instructions for SHA-256, but vectors of four words, and rows need
//! not wait for each other. The native tests run the same code, on that processor's vectors. FIPS 180-4, section 6.2.2.

use super::{BLOCK, START};
use wide::u32x4;

const LANES: usize = 4;
const ROUNDS: usize = 64;

/// The fractional parts of the cube roots of the first 64 primes: FIPS 180-4, section 4.2.2.
#[rustfmt::skip]
const K: [u32; ROUNDS] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// A message by its number, and its blocks that are still to be hashed.
type Lane<'a> = Option<(usize, &'a [[u8; BLOCK]])>;

/// Hashes messages, each given by its blocks, and says of each, by its number, what became of it. A lane whose message has ended
/// takes the next one, whatever the others are at.
pub fn hash<'a>(messages: impl Iterator<Item = &'a [[u8; BLOCK]]>, mut done: impl FnMut(usize, [u32; 8])) {
    let mut messages = messages.enumerate().filter(|(_, blocks)| !blocks.is_empty());
    let mut state = START.map(u32x4::splat);
    let mut lanes: [Lane; LANES] = std::array::from_fn(|_| messages.next());
    while lanes.iter().any(Option::is_some) {
        let blocks = lanes.each_ref().map(|lane| lane.and_then(|(_, blocks)| blocks.first()).unwrap_or(&[0; BLOCK]));
        compress(&mut state, blocks);
        for (at, lane) in lanes.iter_mut().enumerate() {
            let Some((number, blocks)) = lane else { continue };
            *blocks = blocks.get(1..).unwrap_or_default();
            if blocks.is_empty() {
                let mut hash = START;
                for (words, word) in state.iter_mut().zip(&mut hash) {
                    if let Some(found) = words.as_mut_array().get_mut(at) {
                        std::mem::swap(found, word);
                    }
                }
                done(*number, hash);
                *lane = messages.next();
            }
        }
    }
}

/// One block of each message.
fn compress(state: &mut [u32x4; 8], blocks: [&[u8; BLOCK]; LANES]) {
    let [one, two, three, four] =
        blocks.map(|block| block.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)));
    let words =
        one.zip(two).zip(three.zip(four)).map(|((one, two), (three, four))| u32x4::new([one, two, three, four]));
    let mut w = [u32x4::ZERO; 16];
    w.iter_mut().zip(words).for_each(|(place, words)| *place = swap_bytes(words));
    let mut v = *state;
    for (group, k) in K.as_chunks::<16>().0.iter().enumerate() {
        if group > 0 {
            schedule(&mut w);
        }
        rounds(&mut v, &w, k);
    }
    for (words, more) in state.iter_mut().zip(v) {
        *words += more;
    }
}

/// Sixteen rounds, written out by eights: what a round passes on changes its name, and nothing is moved. The compiler does not unroll
/// as much by itself, and a loop costs a third more.
fn rounds(v: &mut [u32x4; 8], w: &[u32x4; 16], k: &[u32; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *v;
    for (w, k) in w.as_chunks::<8>().0.iter().zip(k.as_chunks::<8>().0) {
        let [k0, k1, k2, k3, k4, k5, k6, k7] = k.map(u32x4::splat);
        let [w0, w1, w2, w3, w4, w5, w6, w7] = *w;
        round(a, b, c, &mut d, e, f, g, &mut h, w0 + k0);
        round(h, a, b, &mut c, d, e, f, &mut g, w1 + k1);
        round(g, h, a, &mut b, c, d, e, &mut f, w2 + k2);
        round(f, g, h, &mut a, b, c, d, &mut e, w3 + k3);
        round(e, f, g, &mut h, a, b, c, &mut d, w4 + k4);
        round(d, e, f, &mut g, h, a, b, &mut c, w5 + k5);
        round(c, d, e, &mut f, g, h, a, &mut b, w6 + k6);
        round(b, c, d, &mut e, f, g, h, &mut a, w7 + k7);
    }
    *v = [a, b, c, d, e, f, g, h];
}

#[allow(clippy::too_many_arguments, reason = "the eight words and what is added to them")]
#[inline(always)]
fn round(a: u32x4, b: u32x4, c: u32x4, d: &mut u32x4, e: u32x4, f: u32x4, g: u32x4, h: &mut u32x4, added: u32x4) {
    let sum = rotate::<6>(e) ^ rotate::<11>(e) ^ rotate::<25>(e);
    let choice = g ^ (e & (f ^ g));
    let first = *h + sum + choice + added;
    let sum = rotate::<2>(a) ^ rotate::<13>(a) ^ rotate::<22>(a);
    let majority = (a & b) ^ (c & (a ^ b));
    *d += first;
    *h = first + sum + majority;
}

/// The words of the next sixteen rounds.
fn schedule(w: &mut [u32x4; 16]) {
    let [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15] = w;
    *w0 = next(*w0, *w1, *w9, *w14);
    *w1 = next(*w1, *w2, *w10, *w15);
    *w2 = next(*w2, *w3, *w11, *w0);
    *w3 = next(*w3, *w4, *w12, *w1);
    *w4 = next(*w4, *w5, *w13, *w2);
    *w5 = next(*w5, *w6, *w14, *w3);
    *w6 = next(*w6, *w7, *w15, *w4);
    *w7 = next(*w7, *w8, *w0, *w5);
    *w8 = next(*w8, *w9, *w1, *w6);
    *w9 = next(*w9, *w10, *w2, *w7);
    *w10 = next(*w10, *w11, *w3, *w8);
    *w11 = next(*w11, *w12, *w4, *w9);
    *w12 = next(*w12, *w13, *w5, *w10);
    *w13 = next(*w13, *w14, *w6, *w11);
    *w14 = next(*w14, *w15, *w7, *w12);
    *w15 = next(*w15, *w0, *w8, *w13);
}

#[inline(always)]
fn next(word: u32x4, low: u32x4, middle: u32x4, high: u32x4) -> u32x4 {
    let low = rotate::<7>(low) ^ rotate::<18>(low) ^ (low >> 3);
    let high = rotate::<17>(high) ^ rotate::<19>(high) ^ (high >> 10);
    word + low + middle + high
}

fn rotate<const BITS: u32>(words: u32x4) -> u32x4 {
    (words >> BITS) | (words << (32 - BITS))
}

fn swap_bytes(words: u32x4) -> u32x4 {
    let outer = u32x4::splat(0xff00_ff00);
    (rotate::<8>(words) & outer) | (rotate::<24>(words) & !outer)
}
