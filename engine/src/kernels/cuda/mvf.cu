// Products of a matrix of floats (f32, f16, bf16) with 1, 2, 4 or 8 rows of floats: as mv.cu, 16 bytes a lane. Rows of both
// begin at whole 32 bytes, and what is behind their width is 0.
#include "gpu.h"

#define F32 1
#define F16 2
#define BF16 3

struct MvF {
    const u8 *w;
    const float *x;
    const float *bias; // or none
    float *out;
    u32 rows, pieces, stride, act, add; // pieces: 16 bytes of weights; stride: between rows of the result
    float scale;
};

enum { EACH = FORMAT == F32 ? 4 : 8 };

INLINE void load(float (&w)[EACH], const u8 *p) {
    uint4 v = once16(p);
    u32 n[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        if (FORMAT == F32) w[i] = __uint_as_float(n[i]);
        if (FORMAT == F16) w[2 * i % EACH] = low_half(n[i]), w[(2 * i + 1) % EACH] = high_half(n[i]);
        if (FORMAT == BF16) {
            w[2 * i % EACH] = __uint_as_float(n[i] << 16);
            w[(2 * i + 1) % EACH] = __uint_as_float(n[i] & 0xffff0000);
        }
    }
}

template <u32 INPUTS, u32 ROWS> INLINE void mv(const MvF &p) {
    u32 lane = threadIdx.x % 32;
    u32 first = (blockIdx.x * 4 + threadIdx.x / 32) * ROWS;
    float sum[ROWS][INPUTS];
#pragma unroll
    for (u32 r = 0; r < ROWS; r++)
#pragma unroll
        for (u32 i = 0; i < INPUTS; i++) sum[r][i] = 0;
#pragma unroll 1
    for (u32 b = lane; b < p.pieces; b += 32) {
        float x[INPUTS][EACH];
#pragma unroll
        for (u32 i = 0; i < INPUTS; i++) {
            const float4 *from = (const float4 *)(p.x + ((u64)i * p.pieces + b) * EACH);
#pragma unroll
            for (u32 j = 0; j < EACH / 4; j++) {
                float4 v = from[j];
                x[i][4 * j] = v.x, x[i][4 * j + 1] = v.y, x[i][4 * j + 2] = v.z, x[i][4 * j + 3] = v.w;
            }
        }
#pragma unroll
        for (u32 r = 0; r < ROWS; r++) {
            u32 row = first + r < p.rows ? first + r : p.rows - 1;
            float w[EACH];
            load(w, p.w + ((u64)row * p.pieces + b) * 16);
#pragma unroll
            for (u32 i = 0; i < INPUTS; i++)
#pragma unroll
                for (u32 j = 0; j < EACH; j++) sum[r][i] += w[j] * x[i][j];
        }
    }
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

KERNEL_OF(128, 4) mv1(MvF p) { mv<1, 4>(p); }
KERNEL_OF(128, 4) mv2(MvF p) { mv<2, 4>(p); }
KERNEL_OF(128, 4) mv4(MvF p) { mv<4, 2>(p); }
KERNEL_OF(128, 4) mv8(MvF p) { mv<8, 1>(p); }
