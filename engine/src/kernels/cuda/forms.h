// The block formats as they lie on the device: how a lane gets 32 quants and their scales, and what a product of them is. A
// row of a table a format; everything else follows from it. See mv.cu for the planes.
#pragma once

#define Q8_0 1
#define Q4_0 2
#define Q4_1 3
#define Q5_0 4
#define Q5_1 5
#define Q2_K 6
#define Q3_K 7
#define Q4_K 8
#define Q5_K 9
#define Q6_K 10

// MAIN: bits of a quant in the first plane; UPPER: bits in the second; SCALES a block of 32; OFFSET: what is taken from a
// quant, where there is no minimum; SUPER: scales are small integers, times a number that 256 weights share.
#if FORMAT == Q8_0
enum { MAIN = 8, UPPER = 0, SCALES = 1, MINIMA = 0, OFFSET = 0, SUPER = 0 };
#elif FORMAT == Q4_0
enum { MAIN = 4, UPPER = 0, SCALES = 1, MINIMA = 0, OFFSET = 8, SUPER = 0 };
#elif FORMAT == Q4_1
enum { MAIN = 4, UPPER = 0, SCALES = 1, MINIMA = 1, OFFSET = 0, SUPER = 0 };
#elif FORMAT == Q5_0
enum { MAIN = 4, UPPER = 1, SCALES = 1, MINIMA = 0, OFFSET = 16, SUPER = 0 };
#elif FORMAT == Q5_1
enum { MAIN = 4, UPPER = 1, SCALES = 1, MINIMA = 1, OFFSET = 0, SUPER = 0 };
#elif FORMAT == Q2_K
enum { MAIN = 2, UPPER = 0, SCALES = 2, MINIMA = 1, OFFSET = 0, SUPER = 1 };
#elif FORMAT == Q3_K
enum { MAIN = 2, UPPER = 1, SCALES = 2, MINIMA = 0, OFFSET = 4, SUPER = 1 };
#elif FORMAT == Q4_K
enum { MAIN = 4, UPPER = 0, SCALES = 1, MINIMA = 1, OFFSET = 0, SUPER = 1 };
#elif FORMAT == Q5_K
enum { MAIN = 4, UPPER = 1, SCALES = 1, MINIMA = 1, OFFSET = 0, SUPER = 1 };
#elif FORMAT == Q6_K
enum { MAIN = 4, UPPER = 2, SCALES = 2, MINIMA = 0, OFFSET = 32, SUPER = 1 };
#else
#error "FORMAT names no format"
#endif

// Where a row of a matrix begins in each plane.
struct Row {
    const u8 *q, *h, *s, *d;
};

INLINE Row row_of(const u8 *q, const u8 *h, const u8 *s, const u8 *d, u32 row, u32 blocks) {
    u64 at = (u64)row * blocks, super = (u64)row * (blocks / 8);
    return {q + at * (4 * MAIN), h + at * (4 * UPPER), s + at * (SUPER || !MINIMA ? 2 : 4), d + super * (MINIMA ? 4 : 2)};
}

// Eight words of four quants each: the first half of block `b`, then the second.
INLINE void load_quants(u32 (&q)[8], const Row &row, u32 blocks, u32 b) {
    if (MAIN == 8) {
        uint4 v = once16(row.q + b * 16), w = once16(row.q + (blocks + b) * 16);
        q[0] = v.x, q[1] = v.y, q[2] = v.z, q[3] = v.w;
        q[4] = w.x, q[5] = w.y, q[6] = w.z, q[7] = w.w;
    } else if (MAIN == 4) {
        uint4 v = once16(row.q + b * 16);
        u32 n[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            q[i] = n[i] & 0x0f0f0f0f;
            q[4 + i] = n[i] >> 4 & 0x0f0f0f0f;
        }
    } else {
        uint2 v = once8(row.q + b * 8);
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            q[i] = v.x >> 2 * i & 0x03030303;
            q[4 + i] = v.y >> 2 * i & 0x03030303;
        }
    }
    // The upper bits go to bit MAIN of each byte; a word of them has those of quants 4i to 4i + 3 at bit i (or 2i) of its bytes.
    if (UPPER == 1) {
        u32 h = once4(row.h + b * 4), mask = 0x01010101u << MAIN;
#pragma unroll
        for (u32 i = 0; i < 8; i++) q[i] |= (i <= MAIN ? h << (MAIN - i) : h >> (i - MAIN)) & mask;
    }
    if (UPPER == 2) {
        uint2 h = once8(row.h + b * 8);
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            q[i] |= (i <= 2 ? h.x << (4 - 2 * i) : h.x >> 2) & 0x30303030;
            q[4 + i] |= (i <= 2 ? h.y << (4 - 2 * i) : h.y >> 2) & 0x30303030;
        }
    }
}

// Scale and minimum as they are stored: a float each, times small integers in `s` where the format has such.
struct Scales {
    float d, m;
    u32 s;
};

INLINE Scales load_scales(const Row &row, u32 b) {
    Scales v = {0, 0, 0};
    if (SUPER) {
        v.s = ((const u16 *)row.s)[b];
        u32 both = MINIMA ? ((const u32 *)row.d)[b / 8] : ((const u16 *)row.d)[b / 8];
        v.d = low_half(both), v.m = MINIMA ? high_half(both) : 0;
    } else if (MINIMA) {
        u32 both = ((const u32 *)row.s)[b];
        v.d = low_half(both), v.m = -high_half(both); // these add theirs
    } else {
        v.d = half_value(((const u16 *)row.s)[b]);
    }
    return v;
}

// The integers of the scale and the minimum of a half of a block.
INLINE int scale_of(const Scales &v, u32 half) {
    if (!SUPER) return 1;
    if (SCALES == 1) return v.s & 255;
    if (MINIMA) return v.s >> 8 * half & 15;
    return half ? (int)(v.s << 16) >> 24 : (int)(v.s << 24) >> 24;
}

INLINE int minimum_of(const Scales &v, u32 half) {
    if (!SUPER || !MINIMA) return 1;
    return SCALES == 1 ? v.s >> 8 : v.s >> (8 * half + 4) & 15;
}

// What the sums of products `a` and `c` of both halves are worth, or of the whole in `c`; `first` and `second` are the sums of
// the activations. Integers as long as it goes: at most 2 * 16 * 63 * 127 * 128, which is below 2^31.
INLINE float joined(const Scales &v, int a, int c, int first, int second) {
    if (!MINIMA && SCALES == 1) return v.d * (float)(OFFSET ? c - OFFSET * (first + second) : c);
    if (SCALES == 1)
        return v.d * (float)(scale_of(v, 0) * c) - v.m * (float)(minimum_of(v, 0) * (first + second));
    if (MINIMA)
        return v.d * (float)(scale_of(v, 0) * a + scale_of(v, 1) * c) -
               v.m * (float)(minimum_of(v, 0) * first + minimum_of(v, 1) * second);
    return v.d * (float)(scale_of(v, 0) * (a - OFFSET * first) + scale_of(v, 1) * (c - OFFSET * second));
}
