// The largest logit of each row and its number, the first where several are equal: blocks of 4096 logits, then one block over
// their results. What is not a number is never the largest; a row of nothing else gives number 0.
#include "gpu.h"

#define LEAST __int_as_float(0xff800000)

struct Argmax {
    const float *x;
    float *values; // rows x parts, or rows
    u32 *ids;
    const u32 *from; // the numbers of `x`, or none where they count from 0
    u32 width;       // of a row of `x`
};

INLINE void best(float &v, u32 &i, float w, u32 j) {
    bool better = w > v || (w == v && j < i);
    v = better ? w : v;
    i = better ? j : i;
}

KERNEL(256) argmax(Argmax p) {
    __shared__ float values[8];
    __shared__ u32 ids[8];
    u32 first = blockIdx.x * 4096, row = blockIdx.y;
    float v = LEAST;
    u32 id = 0xffffffff;
    for (u32 i = first + threadIdx.x; i < first + 4096 && i < p.width; i += 256) {
        u64 at = (u64)row * p.width + i;
        float w = p.x[at];
        best(v, id, w == w ? w : LEAST, p.from ? p.from[at] : i);
    }
#pragma unroll
    for (u32 by = 16; by; by /= 2) {
        float w = lane_xor(v, by);
        best(v, id, w, (u32)lane_xor_int((int)id, by));
    }
    if (threadIdx.x % 32 == 0) values[threadIdx.x / 32] = v, ids[threadIdx.x / 32] = id;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (u32 i = 1; i < 8; i++) best(v, id, values[i], ids[i]);
        p.values[row * gridDim.x + blockIdx.x] = v;
        p.ids[row * gridDim.x + blockIdx.x] = id;
    }
}
