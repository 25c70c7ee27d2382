// Rows of activations, normed where there is a norm, as floats and as int8 in blocks of 32: a block of 256 threads a row, a
// thread four numbers at a time. Mean first, then the variance about it, as the processor's.
#include "gpu.h"

#define INFINITE __int_as_float(0x7f800000)

struct Norm {
    const float *x, *weight, *bias; // bias or none
    float *out;                     // or none
    u8 *quants;                     // or none: first halves of all blocks, then second ones
    Meta *meta;
    u32 width, kind, add; // kind: 0 none, 1 root mean square, 2 layer norm
    float eps;
};

INLINE int rounded(float x) {
    int i;
    asm("cvt.rni.s32.f32 %0, %1;" : "=r"(i) : "f"(x));
    return i;
}

// Four numbers of a row, 0 behind its end.
INLINE void four(float (&v)[4], const float *x, u32 i, u32 width) {
#pragma unroll
    for (u32 j = 0; j < 4; j++) v[j] = i + j < width ? x[i + j] : 0;
}

// The largest of eight lanes, and the sum of four.
INLINE float max8(float v) {
    v = larger(v, lane_xor(v, 4));
    v = larger(v, lane_xor(v, 2));
    return larger(v, lane_xor(v, 1));
}

// Eight lanes hold a block of 32, of which each quantises four.
INLINE void quantise(const Norm &p, const float (&v)[4], u32 i) {
    float most = 0;
#pragma unroll
    for (u32 j = 0; j < 4; j++) most = larger(most, fabsf(v[j]) <= 3.402823466e38f ? fabsf(v[j]) : INFINITE);
    most = max8(most);
    // What is no finite number makes the scale no number, so that the damage shows.
    float inverse = most > 0 && most < INFINITE ? 127 / most : 0;
    float scale = most < INFINITE ? most / 127 : most - most;
    u32 word = 0;
    int sum = 0;
#pragma unroll
    for (u32 j = 0; j < 4; j++) {
        int q = rounded(v[j] * inverse);
        sum += q;
        word |= (q & 255) << 8 * j;
    }
    sum += lane_xor_int(sum, 1);
    sum += lane_xor_int(sum, 2);
    int other = lane_xor_int(sum, 4);
    if (i < p.width) {
        u32 b = i / 32, at = i % 32, blocks = p.width / 32;
        u8 *row = p.quants + (u64)blockIdx.x * p.width;
        *(u32 *)(row + (at / 16) * blocks * 16 + b * 16 + at % 16) = word;
        if (at == 0) {
            Meta *meta = p.meta + (u64)blockIdx.x * blocks + b;
            meta->scale = scale;
            meta->sums = (u32)sum & 0xffff | (u32)other << 16;
        }
    }
}

KERNEL(256) norm_rows(Norm p) {
    __shared__ float room[8];
    const float *x = p.x + (u64)blockIdx.x * p.width;
    float mean = 0, scale = 1;
    float v[4];
    if (p.kind) {
        if (p.kind == 2) {
            float sum = 0;
            for (u32 i = threadIdx.x * 4; i < p.width; i += 1024) {
                four(v, x, i, p.width);
                sum += (v[0] + v[1]) + (v[2] + v[3]);
            }
            mean = block_sum(sum, room) / (float)p.width;
        }
        float squares = 0;
        for (u32 i = threadIdx.x * 4; i < p.width; i += 1024) {
            four(v, x, i, p.width);
#pragma unroll
            for (u32 j = 0; j < 4; j++) {
                float off = i + j < p.width ? v[j] - mean : 0;
                squares += off * off;
            }
        }
        float variance = block_sum(squares, room) / (float)p.width;
        asm("sqrt.rn.f32 %0, %1;" : "=f"(scale) : "f"(variance + p.eps));
        scale = 1 / scale;
    }
    // All lanes stay, for the shuffles.
    for (u32 first = 0; first < p.width; first += 1024) {
        u32 i = first + threadIdx.x * 4;
        four(v, x, i, p.width);
#pragma unroll
        for (u32 j = 0; j < 4; j++)
            if (p.kind && i + j < p.width) {
                v[j] = (v[j] - mean) * scale * p.weight[i + j];
                if (p.bias) v[j] += p.bias[i + j];
            }
        if (p.out) {
            float *out = p.out + (u64)blockIdx.x * p.width;
#pragma unroll
            for (u32 j = 0; j < 4; j++)
                if (i + j < p.width) out[i + j] = p.add ? out[i + j] + v[j] : v[j];
        }
        if (p.quants) quantise(p, v, i);
    }
}
