// Products of a matrix in a block format with 1, 2, 4 or 8 rows of int8 activations: a warp has ROWS rows of the matrix, a
// lane every 32nd block of 32 weights. One source for all formats; the compiler is given one (-DFORMAT=Q4_0 and so on).
//
// A matrix lies in up to four planes that repack.cu writes, each row after row: the quants, 16 bytes a block of 32 (low
// nibbles: its first half), two such planes for bytes, 8 bytes for two bits; their upper bits, in the order in which they
// are needed; the scales of blocks; and the scales of those, one for 256. So a warp reads 512 bytes in a row. The activations
// lie in two planes as well, the first halves of all blocks and the second ones, which the nibbles meet.
#include "gpu.h"
#include "forms.h"

struct Mv {
    const u8 *q, *h, *s, *d; // the matrix
    const u8 *x;             // a row: blocks * 16 bytes of first halves, then as many of second ones
    const Meta *meta;        // blocks a row
    const float *bias;       // or none
    float *out;              // rows apart by `stride`
    u32 rows, blocks, stride, act, add;
    float scale;             // of what is added
};

template <u32 INPUTS, u32 ROWS> INLINE void mv(const Mv &p) {
    u32 lane = threadIdx.x % 32;
    u32 first = (blockIdx.x * 4 + threadIdx.x / 32) * ROWS;
    float sum[ROWS][INPUTS];
#pragma unroll
    for (u32 r = 0; r < ROWS; r++)
#pragma unroll
        for (u32 i = 0; i < INPUTS; i++) sum[r][i] = 0;
    Row rows[ROWS];
#pragma unroll
    for (u32 r = 0; r < ROWS; r++)
        rows[r] = row_of(p.q, p.h, p.s, p.d, first + r < p.rows ? first + r : p.rows - 1, p.blocks);
#pragma unroll 1
    for (u32 b = lane; b < p.blocks; b += 32) {
        uint4 low[INPUTS], high[INPUTS];
        Meta meta[INPUTS];
#pragma unroll
        for (u32 i = 0; i < INPUTS; i++) {
            const u8 *x = p.x + (u64)i * p.blocks * 32;
            low[i] = ((const uint4 *)x)[b];
            high[i] = ((const uint4 *)(x + p.blocks * 16))[b];
            uint2 m = ((const uint2 *)(p.meta + i * p.blocks))[b];
            meta[i].scale = __uint_as_float(m.x);
            meta[i].sums = m.y;
        }
#pragma unroll
        for (u32 r = 0; r < ROWS; r++) {
            u32 q[8];
            load_quants(q, rows[r], p.blocks, b);
            Scales scales = load_scales(rows[r], b);
#pragma unroll
            for (u32 i = 0; i < INPUTS; i++) {
                int a = 0, c = 0;
                a = dp4a(q[0], low[i].x, a);
                a = dp4a(q[1], low[i].y, a);
                a = dp4a(q[2], low[i].z, a);
                a = dp4a(q[3], low[i].w, a);
                if (SCALES == 1) c = a;
                c = dp4a(q[4], high[i].x, c);
                c = dp4a(q[5], high[i].y, c);
                c = dp4a(q[6], high[i].z, c);
                c = dp4a(q[7], high[i].w, c);
                int first_sum = (int)(meta[i].sums << 16) >> 16, second_sum = (int)meta[i].sums >> 16;
                sum[r][i] += meta[i].scale * joined(scales, a, c, first_sum, second_sum);
            }
        }
    }
    // Each lane keeps one of the sums, so that what follows is there once.
    float v = 0;
#pragma unroll
    for (u32 r = 0; r < ROWS; r++)
#pragma unroll
        for (u32 i = 0; i < INPUTS; i++) {
            float whole = warp_sum(sum[r][i]);
            v = lane == r * INPUTS + i ? whole : v;
        }
    u32 row = first + lane / INPUTS;
    if (lane < ROWS * INPUTS && row < p.rows) {
        if (p.bias) v += p.bias[row];
        v = activate(p.act, v);
        float *out = p.out + (u64)(lane % INPUTS) * p.stride + row;
        *out = p.add ? *out + p.scale * v : v;
    }
}

KERNEL_OF(128, 4) mv1(Mv p) { mv<1, 4>(p); }
KERNEL_OF(128, 4) mv2(Mv p) { mv<2, 4>(p); }
KERNEL_OF(128, 4) mv4(Mv p) { mv<4, 2>(p); }
KERNEL_OF(128, 4) mv8(Mv p) { mv<8, 1>(p); }
