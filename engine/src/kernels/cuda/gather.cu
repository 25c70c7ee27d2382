// Rows of a table in a block format, by their numbers: a thread a block of 32, from the planes of mv.cu.
#include "gpu.h"
#include "forms.h"

struct Gather {
    const u8 *q, *h, *s, *d; // the table
    const u32 *ids;
    float *out; // as many rows as ids, blocks * 32 wide
    u32 count, blocks, add;
    float scale;
};

KERNEL(128) gather(Gather p) {
    u32 at = blockIdx.x * 128 + threadIdx.x;
    if (at < p.count * p.blocks) {
        u32 b = at % p.blocks, row = p.ids[at / p.blocks];
        Row from = row_of(p.q, p.h, p.s, p.d, row, p.blocks);
        u32 q[8];
        load_quants(q, from, p.blocks, b);
        Scales scales = load_scales(from, b);
        float d[SCALES], m[SCALES];
#pragma unroll
        for (u32 i = 0; i < SCALES; i++) {
            d[i] = scales.d * (float)scale_of(scales, i);
            m[i] = scales.m * (float)minimum_of(scales, i);
        }
        float *out = p.out + (u64)at * 32;
#pragma unroll
        for (u32 i = 0; i < 32; i++) {
            u32 byte = q[i / 4] >> 8 * (i % 4) & 255;
            int v = (MAIN == 8 ? (int)(s8)byte : (int)byte) - OFFSET;
            u32 half = i / 16 % SCALES;
            float x = p.scale * (MINIMA ? d[half] * (float)v - m[half] : d[half] * (float)v);
            out[i] = p.add ? out[i] + x : x;
        }
    }
}
