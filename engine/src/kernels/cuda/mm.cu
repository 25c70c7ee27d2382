// Products of a matrix in a block format with many rows of int8 activations (prefill, towers): 64 rows of the matrix times 64
// inputs a block of four warps, each of which has 32 times 32. Two blocks of 32 weights at a time are unpacked once to bytes in
// shared memory. The planes of the two lie apart by 16 words more than a multiple of the 32 banks, and rows by 48 bytes, so
// that neither their writing nor their reading ever waits. Layout of matrix and activations: mv.cu. Activation functions are
// gate.cu's: 32 times in this one they would be most of it.
#include "gpu.h"
#include "forms.h"
#include "mma.h"

struct Mm {
    const u8 *q, *h, *s, *d; // the matrix
    const u8 *x;             // a row: blocks * 16 bytes of first halves, then as many of second ones
    const Meta *meta;        // blocks a row
    const float *bias;       // or none
    float *out;              // rows apart by `stride`
    u32 rows, blocks, stride, add, inputs;
    float scale;             // of what is added
};

enum { SIDE = 64, LINE = 48, PLANE = SIDE * LINE + 64, APART = SIDE + 16 };

struct Tile {
    u8 w[2 * PLANE], x[2 * PLANE];
    float d[2 * APART], m[2 * APART], scale[2 * APART];
    u32 s[2 * APART], sums[2 * APART];
};

// A thread brings one block of a row of the matrix, and one of an input; 0 where there is none.
INLINE void bring(Tile &tile, const Mm &p, u32 b, u32 line, u32 half) {
    u32 row = blockIdx.x * SIDE + line, input = blockIdx.y * SIDE + line;
    u32 q[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    Scales scales = {0, 0, 0};
    if (row < p.rows && b < p.blocks) {
        Row from = row_of(p.q, p.h, p.s, p.d, row, p.blocks);
        load_quants(q, from, p.blocks, b);
        scales = load_scales(from, b);
    }
    uint4 *w = (uint4 *)(tile.w + half * PLANE + line * LINE), *x = (uint4 *)(tile.x + half * PLANE + line * LINE);
    w[0] = make_uint4(q[0], q[1], q[2], q[3]);
    w[1] = make_uint4(q[4], q[5], q[6], q[7]);
    u32 at = half * APART + line;
    tile.d[at] = scales.d, tile.m[at] = scales.m, tile.s[at] = scales.s;
    uint4 low = make_uint4(0, 0, 0, 0), high = low;
    uint2 meta = make_uint2(0, 0);
    if (input < p.inputs && b < p.blocks) {
        const uint4 *from = (const uint4 *)(p.x + (u64)input * p.blocks * 32);
        low = from[b], high = from[p.blocks + b];
        meta = ((const uint2 *)p.meta)[(u64)input * p.blocks + b];
    }
    x[0] = low, x[1] = high;
    tile.scale[at] = __uint_as_float(meta.x), tile.sums[at] = meta.y;
}

KERNEL_OF(128, 3) mm(Mm p) {
    __shared__ __align__(16) Tile tile;
    u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
    u32 line = warp % 2 * 32, column = warp / 2 * 32;
    float sum[2][4][4];
#pragma unroll
    for (u32 i = 0; i < 32; i++) sum[i / 16][i / 4 % 4][i % 4] = 0;
#pragma unroll 1
    for (u32 first = 0; first < p.blocks; first += 2) {
        __syncthreads();
        bring(tile, p, first + threadIdx.x % 2, threadIdx.x / 2, threadIdx.x % 2);
        __syncthreads();
#pragma unroll 1
        for (u32 half = 0; half < 2; half++) {
            const u32 *w = (const u32 *)(tile.w + half * PLANE + line * LINE);
            const u32 *x = (const u32 *)(tile.x + half * PLANE + column * LINE);
            u32 base = half * APART;
#pragma unroll
            for (u32 i = 0; i < 2; i++) {
                const u32 *at = w + (16 * i + g) * (LINE / 4) + t;
                u32 a[4] = {at[0], at[8 * LINE / 4], at[4], at[8 * LINE / 4 + 4]};
                Scales scales[2];
#pragma unroll
                for (u32 r = 0; r < 2; r++) {
                    u32 of = base + line + 16 * i + 8 * r + g;
                    scales[r] = {tile.d[of], tile.m[of], tile.s[of]};
                }
#pragma unroll
                for (u32 j = 0; j < 4; j++) {
                    const u32 *from = x + (8 * j + g) * (LINE / 4) + t;
                    u32 b[2] = {from[0], from[4]};
                    int one[4] = {0, 0, 0, 0}, two[4] = {0, 0, 0, 0};
                    if (SCALES == 1) {
                        mma_s8_32(two, a, b);
                    } else {
                        mma_s8_16(one, a[0], a[1], b[0]);
                        mma_s8_16(two, a[2], a[3], b[1]);
                    }
#pragma unroll
                    for (u32 k = 0; k < 4; k++) {
                        u32 of = base + column + 8 * j + 2 * t + k % 2, sums = tile.sums[of];
                        int first_sum = (int)(sums << 16) >> 16, second_sum = (int)sums >> 16;
                        sum[i][j][k] += tile.scale[of] * joined(scales[k / 2], one[k], two[k], first_sum, second_sum);
                    }
                }
            }
        }
    }
#pragma unroll
    for (u32 i = 0; i < 2; i++)
#pragma unroll
        for (u32 j = 0; j < 4; j++)
#pragma unroll
            for (u32 k = 0; k < 4; k++) {
                u32 row = blockIdx.x * SIDE + line + 16 * i + 8 * (k / 2) + g;
                u32 input = blockIdx.y * SIDE + column + 8 * j + 2 * t + k % 2;
                if (row < p.rows && input < p.inputs) {
                    float v = sum[i][j][k];
                    if (p.bias) v += p.bias[row];
                    float *out = p.out + (u64)input * p.stride + row;
                    *out = p.add ? *out + p.scale * v : v;
                }
            }
}
