// What lies between the products of queries, keys and values and attention: norms of heads, RoPE, and keys and values into the
// slots of the cache as halves. A warp a head, four numbers a lane at most (heads up to 128 wide); a block of four warps.
#include "gpu.h"

struct RopeStore {
    float *q;                       // rows x heads x width, in place
    const float *k, *v;             // rows x kv x width
    const float *angles;            // a row: cosines, then sines, of `turned / 2` pairs each; or none
    const float *q_norm, *k_norm;   // weights of heads' norms, or none
    u16 *keys, *values;             // slots x kv x width
    const u32 *slots;               // of each row
    u32 rows, heads, kv, width, turned, adjacent;
    float eps;
};

KERNEL(128) rope_store(RopeStore p) {
    u32 lane = threadIdx.x % 32, row = blockIdx.y, head = blockIdx.x * 4 + threadIdx.x / 32;
    u32 all = p.heads + 2 * p.kv;
    // Warps behind the last head do the last one's work without writing it.
    bool writes = head < all;
    head = writes ? head : all - 1;
    bool is_q = head < p.heads, is_k = !is_q && head < p.heads + p.kv;
    u32 which = is_q ? head : is_k ? head - p.heads : head - p.heads - p.kv;
    const float *from = is_q ? p.q + ((u64)row * p.heads + which) * p.width
                             : (is_k ? p.k : p.v) + ((u64)row * p.kv + which) * p.width;
    const float *weight = is_q ? p.q_norm : is_k ? p.k_norm : 0;
    bool turns = p.angles && (is_q || is_k);
    float x[4], y[4]; // a number, and the one it turns with
    float squares = 0;
    u32 half = p.turned / 2;
#pragma unroll
    for (u32 j = 0; j < 4; j++) {
        u32 i = lane + 32 * j, other = i;
        if (turns && i < p.turned) other = p.adjacent ? i ^ 1 : i < half ? i + half : i - half;
        x[j] = i < p.width ? from[i] : 0;
        y[j] = i < p.width ? from[other] : 0;
        squares += x[j] * x[j];
        if (weight && i < p.width) x[j] *= weight[i], y[j] *= weight[other];
    }
    float variance = warp_sum(squares) / (float)p.width, root;
    asm("sqrt.rn.f32 %0, %1;" : "=f"(root) : "f"(variance + p.eps));
    float scale = weight ? 1 / root : 1;
    __syncwarp();
#pragma unroll
    for (u32 j = 0; j < 4; j++) {
        u32 i = lane + 32 * j;
        if (i >= p.width || !writes) continue;
        float v = x[j] * scale;
        if (turns && i < p.turned) {
            const float *angles = p.angles + (u64)row * p.turned;
            u32 pair = p.adjacent ? i / 2 : i < half ? i : i - half;
            bool first = p.adjacent ? i % 2 == 0 : i < half;
            float across = y[j] * scale * angles[half + pair];
            v = v * angles[pair] + (first ? -across : across);
        }
        if (is_q) {
            p.q[((u64)row * p.heads + which) * p.width + i] = v;
        } else {
            u64 at = ((u64)p.slots[row] * p.kv + which) * p.width + i;
            (is_k ? p.keys : p.values)[at] = half_bits(v);
        }
    }
}
