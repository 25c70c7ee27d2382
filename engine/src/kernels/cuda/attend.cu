// Attention of single rows over the cache (decoding): a block has a key head, 256 positions and a row, and does all queries of
// the key head; each leaves the largest score, the sum of exponentials and the values' sum, which attend_join puts together in
// the order of positions. Heads up to 128 wide, up to 16 queries a key head.
#include "gpu.h"

#define LEAST -3.402823466e38f

struct Attend {
    const float *q;             // rows x heads x width
    const u16 *keys, *values;   // slots x kv x width
    const u32 *pages;           // of each row: the first slots of 16 positions each
    const u32 *lengths;         // positions that a row sees
    const float *slopes;        // of each head, times the distance, or none
    float *part;                // rows x heads x splits x width
    float *most, *sum;          // rows x heads x splits
    u32 heads, kv, width, splits, stride, window; // stride: pages a row; window: 0 is all
    float scale, cap;           // cap: 0 is none
};

INLINE float capped(float score, float cap) {
    // cap * tanh(score / cap), as 1 - 2 / (exp(2x) + 1).
    float x = score / cap;
    return cap * (1 - 2 / (exp_(2 * x) + 1));
}

KERNEL_OF(128, 4) attend_split(Attend p) {
    __shared__ float scores[256];
    __shared__ float query[128];
    __shared__ float room[4];
    __shared__ u32 slots[256];
    u32 group = p.heads / p.kv, split = blockIdx.y, row = blockIdx.z;
    u32 length = p.lengths[row], first = split * 256;
    u32 from = p.window && length > p.window ? length - p.window : 0;
    u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (u32 i = threadIdx.x; i < 256; i += 128) {
        u32 at = first + i;
        slots[i] = at < length ? p.pages[row * p.stride + at / 16] + at % 16 : 0;
    }
    for (u32 g = 0; g < group; g++) {
        u32 head = blockIdx.x * group + g;
        u64 result = ((u64)row * p.heads + head) * p.splits + split;
        __syncthreads();
        if (threadIdx.x < p.width) query[threadIdx.x] = p.q[((u64)row * p.heads + head) * p.width + threadIdx.x];
        __syncthreads();
        float most = LEAST;
        for (u32 i = threadIdx.x; i < 256; i += 128) {
            u32 at = first + i;
            float score = LEAST;
            if (at >= from && at < length) {
                const uint2 *key = (const uint2 *)(p.keys + ((u64)slots[i] * p.kv + blockIdx.x) * p.width);
                float dot = 0;
                for (u32 c = 0; c < p.width / 4; c++) {
                    uint2 k = key[c];
                    dot += query[4 * c] * low_half(k.x);
                    dot += query[4 * c + 1] * high_half(k.x);
                    dot += query[4 * c + 2] * low_half(k.y);
                    dot += query[4 * c + 3] * high_half(k.y);
                }
                score = dot * p.scale;
                if (p.cap > 0) score = capped(score, p.cap);
                if (p.slopes) score -= p.slopes[head] * (float)(length - 1 - at);
            }
            scores[i] = score;
            most = larger(most, score);
        }
        most = warp_max(most);
        if (lane == 0) room[warp] = most;
        __syncthreads();
        most = larger(larger(room[0], room[1]), larger(room[2], room[3]));
        float sum = 0;
        for (u32 i = threadIdx.x; i < 256; i += 128) {
            float e = scores[i] > LEAST ? exp_(scores[i] - most) : 0;
            scores[i] = e;
            sum += e;
        }
        sum = warp_sum(sum);
        __syncthreads();
        if (lane == 0) room[warp] = sum;
        __syncthreads();
        if (threadIdx.x == 0) {
            p.most[result] = most;
            p.sum[result] = (room[0] + room[1]) + (room[2] + room[3]);
        }
        if (threadIdx.x < p.width) {
            float value = 0;
            u32 end = length > first ? length - first : 0;
            end = end < 256 ? end : 256;
            for (u32 i = from > first ? from - first : 0; i < end; i++)
                value += scores[i] * half_value(p.values[((u64)slots[i] * p.kv + blockIdx.x) * p.width + threadIdx.x]);
            p.part[result * p.width + threadIdx.x] = value;
        }
    }
}

struct Join {
    const float *part, *most, *sum;
    float *out; // rows x heads x width
    u32 splits, width;
};

// A block a head of a row, a thread a number.
KERNEL(128) attend_join(Join p) {
    u64 head = blockIdx.x;
    const float *most = p.most + head * p.splits, *sum = p.sum + head * p.splits;
    float all = LEAST, whole = 0, value = 0;
    for (u32 s = 0; s < p.splits; s++) all = larger(all, most[s]);
    for (u32 s = 0; s < p.splits; s++) {
        float by = sum[s] > 0 ? exp_(most[s] - all) : 0;
        whole += by * sum[s];
        if (threadIdx.x < p.width) value += by * p.part[(head * p.splits + s) * p.width + threadIdx.x];
    }
    if (threadIdx.x < p.width) p.out[head * p.width + threadIdx.x] = whole > 0 ? value / whole : 0;
}
