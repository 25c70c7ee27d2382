//! A 128-bit hash of a picture's size and pixels, the key of the image cache, or of any bytes.
//!
//! Folded multiplication (the core of wyhash: multiply two 64-bit words, xor the halves of the product) in two
//! independent lanes over 16-byte blocks, several GB/s in portable code.
//!
//! The non-obvious thing: it is *not* cryptographic. Two different pictures of a normal source collide with a chance of
//! about 2^-128 a pair, but whoever knows the constants can construct a collision, so a cache must not be shared
//! between parties who distrust each other. The value is the same on every machine and may be stored.

use super::Picture;

/// Odd constants with balanced bits: the fractional digits of the square roots of 2, 3, 5, 7, 11 and 13.
const ROOTS: [u64; 6] = [
    0x6a09_e667_f3bc_c909,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
];

/// Hash of the size and the pixels of `picture`.
#[must_use]
pub fn content_hash(picture: &Picture) -> u128 {
    hash_bytes(u64::from(picture.width()) << 32 | u64::from(picture.height()), picture.rgb())
}

/// Hash of bytes, a file's say.
#[must_use]
pub fn bytes_hash(bytes: &[u8]) -> u128 {
    hash_bytes(bytes.len() as u64, bytes)
}

/// Hash of bytes whose number follows from `size`.
pub(crate) fn hash_bytes(size: u64, bytes: &[u8]) -> u128 {
    let mut a = fold(size ^ ROOTS[0], ROOTS[4]);
    let mut b = fold(size ^ ROOTS[1], ROOTS[5]);
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        let (x, y) = words(block);
        // Each word is added to a state that already depends on all before it, so a zero factor loses one lane's block
        // at most, never both lanes'.
        a = fold(a ^ x ^ ROOTS[2], y ^ ROOTS[3]).wrapping_add(a.rotate_left(23));
        b = fold(b ^ y ^ ROOTS[4], x ^ ROOTS[5]).wrapping_add(b.rotate_left(29));
    }
    let mut tail = [0u8; 16];
    // The length is a function of the size hashed above, so the zero padding is unambiguous.
    tail[..rest.len()].copy_from_slice(rest);
    let (x, y) = words(&tail);
    a = fold(a ^ x ^ ROOTS[2], y ^ ROOTS[3]).wrapping_add(a.rotate_left(23));
    b = fold(b ^ y ^ ROOTS[4], x ^ ROOTS[5]).wrapping_add(b.rotate_left(29));
    let high = fold(a ^ ROOTS[0], b ^ ROOTS[1]) ^ a;
    let low = fold(b ^ ROOTS[2], a ^ ROOTS[3]) ^ b;
    u128::from(high) << 64 | u128::from(low)
}

/// A hash of two hashes in order.
pub(crate) fn mixed(first: u128, second: u128) -> u128 {
    let (a, x) = (words(&first.to_le_bytes()), words(&second.to_le_bytes()));
    let low = fold(a.0 ^ ROOTS[0], x.0 ^ ROOTS[3]) ^ fold(a.1 ^ ROOTS[1], x.1 ^ ROOTS[4]).rotate_left(19);
    let high = fold(a.1 ^ ROOTS[2], x.0 ^ ROOTS[5]) ^ fold(a.0 ^ ROOTS[3], x.1 ^ ROOTS[2]).rotate_left(37);
    u128::from(high.wrapping_add(x.1)) << 64 | u128::from(low.wrapping_add(x.0))
}

fn words(block: &[u8; 16]) -> (u64, u64) {
    let block = u128::from_le_bytes(*block);
    (block as u64, (block >> 64) as u64)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}
