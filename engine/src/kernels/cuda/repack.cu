// From a block format as files have it to the planes of mv.cu: a thread a block of 32 weights, byte by byte, since blocks begin
// anywhere. It runs once, when a model is opened.
#include "gpu.h"
#include "forms.h"

struct Repack {
    const u8 *from;
    u8 *q, *h, *s, *d;
    u32 rows, blocks; // blocks of 32 a row
};

// Bytes of a block in a file.
#if FORMAT == Q8_0
enum { BYTES = 34 };
#elif FORMAT == Q4_0
enum { BYTES = 18 };
#elif FORMAT == Q4_1
enum { BYTES = 20 };
#elif FORMAT == Q5_0
enum { BYTES = 22 };
#elif FORMAT == Q5_1
enum { BYTES = 24 };
#elif FORMAT == Q2_K
enum { BYTES = 84 };
#elif FORMAT == Q3_K
enum { BYTES = 110 };
#elif FORMAT == Q4_K
enum { BYTES = 144 };
#elif FORMAT == Q5_K
enum { BYTES = 176 };
#elif FORMAT == Q6_K
enum { BYTES = 210 };
#endif

INLINE u32 nibble(const u8 *p, u32 l) { return l < 16 ? p[l] & 15 : p[l - 16] >> 4; }

// Quant `l` of the 32 with number `g` in the file's block at `p`.
INLINE u32 quant(const u8 *p, u32 g, u32 l) {
    u32 half = g / 4, k = g % 4;
    switch (FORMAT) {
    case Q8_0: return p[2 + l];
    case Q4_0: return nibble(p + 2, l);
    case Q4_1: return nibble(p + 4, l);
    case Q5_0: return nibble(p + 6, l) | (p[2 + l / 8] >> l % 8 & 1) << 4;
    case Q5_1: return nibble(p + 8, l) | (p[4 + l / 8] >> l % 8 & 1) << 4;
    case Q2_K: return p[16 + 32 * half + l] >> 2 * k & 3;
    case Q3_K: return (p[32 + 32 * half + l] >> 2 * k & 3) | (p[l] >> g & 1) << 2;
    case Q4_K: return p[16 + 32 * (g / 2) + l] >> 4 * (g % 2) & 15;
    case Q5_K: return (p[48 + 32 * (g / 2) + l] >> 4 * (g % 2) & 15) | (p[16 + l] >> g & 1) << 4;
    default: return (p[64 * half + 32 * (k % 2) + l] >> 4 * (k / 2) & 15) | (p[128 + 32 * half + l] >> 2 * k & 3) << 4;
    }
}

INLINE u32 two(const u8 *p) { return p[0] | p[1] << 8; }

// The six-bit scale and minimum of group `g` of Q4_K and Q5_K.
INLINE u32 scale_minimum(const u8 *p, u32 g) {
    if (g < 4) return (p[g] & 63) | (p[g + 4] & 63) << 8;
    return (p[g + 4] & 15) | p[g - 4] >> 6 << 4 | (p[g + 4] >> 4 | p[g] >> 6 << 4) << 8;
}

// The signed scale of group `g` of Q3_K.
INLINE u32 scale3(const u8 *p, u32 g) {
    u32 low = p[g % 8] >> 4 * (g / 8) & 15, high = p[8 + g % 4] >> 2 * (g / 4) & 3;
    return ((low | high << 4) - 32) & 255;
}

INLINE void put_scales(const Repack &p, const u8 *from, u64 at, u64 super, u32 g) {
    if (!SUPER && !MINIMA) ((u16 *)p.s)[at] = (u16)two(from);
    if (!SUPER && MINIMA) ((u32 *)p.s)[at] = two(from) | two(from + 2) << 16;
    if (FORMAT == Q2_K) ((u16 *)p.s)[at] = (u16)two(from + 2 * g);
    if (FORMAT == Q3_K) ((u16 *)p.s)[at] = (u16)(scale3(from + 96, 2 * g) | scale3(from + 96, 2 * g + 1) << 8);
    if (FORMAT == Q4_K || FORMAT == Q5_K) ((u16 *)p.s)[at] = (u16)scale_minimum(from + 4, g);
    if (FORMAT == Q6_K) ((u16 *)p.s)[at] = (u16)two(from + 192 + 2 * g);
    if (!SUPER || g != 0) return;
    const u8 *d = from + (FORMAT == Q2_K ? 80 : FORMAT == Q3_K ? 108 : FORMAT == Q6_K ? 208 : 0);
    if (MINIMA) ((u32 *)p.d)[super] = two(d) | two(d + 2) << 16;
    else ((u16 *)p.d)[super] = (u16)two(d);
}

KERNEL(128) repack(Repack p) {
    u64 at = (u64)blockIdx.x * 128 + threadIdx.x;
    if (at < (u64)p.rows * p.blocks) {
        u32 b = (u32)(at % p.blocks);
        u64 row = at / p.blocks, super = SUPER ? at / 8 : at;
        u32 g = SUPER ? b % 8 : 0;
        const u8 *from = p.from + super * BYTES;
        put_scales(p, from, at, super, g);
        u32 upper[2] = {0, 0};
#pragma unroll
        for (u32 w = 0; w < 8; w++) {
            u32 word = 0;
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
                u32 q = quant(from, g, 4 * w + i);
                if (UPPER == 1) upper[0] |= (q >> MAIN) << (8 * i + w);
                if (UPPER == 2) upper[w / 4] |= (q >> MAIN) << (8 * i + 2 * (w % 4));
                word |= (q & ((1 << MAIN) - 1)) << 8 * i;
            }
            // The first words of nibbles and of two bits make room for the others.
            if (MAIN == 8) ((u32 *)(p.q + row * p.blocks * 32 + (w / 4) * p.blocks * 16 + b * 16))[w % 4] = word;
            if (MAIN == 4 && w < 4) {
#pragma unroll
                for (u32 i = 0; i < 4; i++) word |= (quant(from, g, 16 + 4 * w + i) & 15) << (8 * i + 4);
                ((u32 *)(p.q + at * 16))[w] = word;
            }
            if (MAIN == 2 && w % 4 == 0) {
#pragma unroll
                for (u32 j = 1; j < 4; j++)
#pragma unroll
                    for (u32 i = 0; i < 4; i++) word |= (quant(from, g, 4 * (w + j) + i) & 3) << (8 * i + 2 * j);
                ((u32 *)(p.q + at * 8))[w / 4] = word;
            }
        }
        if (UPPER == 1) ((u32 *)p.h)[at] = upper[0];
        if (UPPER == 2) ((u32 *)p.h)[2 * at] = upper[0], ((u32 *)p.h)[2 * at + 1] = upper[1];
    }
}
