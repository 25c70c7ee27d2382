// What all kernels share, and all that differs between generations of GPUs. Plain CUDA C++ without NVIDIA's headers: nvcc
// and NVRTC take the same text. The non-obvious thing: a warp-wide function (shuffles, mma) is called by all 32 lanes, so no
// lane of a kernel returns before the last of them.
#pragma once

typedef signed char s8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define INLINE static __device__ __forceinline__
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
// So many threads a block, and at least so many blocks at a time.
#define KERNEL_OF(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)

// What the processor knows of 32 activations beside their integers: the scale, and the sums of both halves.
struct Meta {
    float scale;
    u32 sums; // two i16
};

// 16 bytes that are read once: they leave the near cache to the activations.
INLINE uint4 once16(const void *p) {
    uint4 v;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(__cvta_generic_to_global(p)));
    return v;
}

INLINE uint2 once8(const void *p) {
    uint2 v;
    asm("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
        : "=r"(v.x), "=r"(v.y) : "l"(__cvta_generic_to_global(p)));
    return v;
}

INLINE u32 once4(const void *p) {
    u32 v;
    asm("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(p)));
    return v;
}

INLINE float half_value(u16 bits) {
    float v;
    asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(bits));
    return v;
}

INLINE u16 half_bits(float value) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

INLINE float low_half(u32 pair) { return half_value((u16)pair); }
INLINE float high_half(u32 pair) { return half_value((u16)(pair >> 16)); }

INLINE int dp4a(u32 a, u32 b, int c) {
    int d;
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}

INLINE float exp_(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x * 1.4426950408889634f));
    return y;
}

INLINE float lane_xor(float v, u32 by) {
    float w;
    asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, 0xffffffff;" : "=f"(w) : "f"(v), "r"(by));
    return w;
}

INLINE int lane_xor_int(int v, u32 by) {
    int w;
    asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, 0xffffffff;" : "=r"(w) : "r"(v), "r"(by));
    return w;
}

// Sums and maxima of a warp, in a fixed order; all lanes get them.
INLINE float warp_sum(float v) {
#pragma unroll
    for (u32 by = 16; by; by /= 2) v += lane_xor(v, by);
    return v;
}

INLINE float larger(float a, float b) { return b > a ? b : a; }

INLINE float warp_max(float v) {
#pragma unroll
    for (u32 by = 16; by; by /= 2) v = larger(v, lane_xor(v, by));
    return v;
}

// The sum over a block of 256 threads; `room` has eight floats, and nobody reads them any more.
INLINE float block_sum(float v, float *room) {
    v = warp_sum(v);
    __syncthreads();
    if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = v;
    __syncthreads();
    float sum = 0;
#pragma unroll
    for (u32 i = 0; i < 8; i++) sum += room[i];
    return sum;
}

// Activations by number, as the engine's: 0 none, 1 ReLU, 2 GELU (erf), 3 GELU (tanh), 4 quick GELU, 5 SiLU. erf is two
// polynomials that meet at 475/512, as the processor's.
INLINE float erf_(float x) {
    float t = fabsf(x), s = x * x;
    float far = -1.7285347e-5f;
    far = far * t + 3.8319713e-4f;
    far = far * t - 3.8833944e-3f;
    far = far * t + 2.4254622e-2f;
    far = far * t - 1.0677788e-1f;
    far = far * t - 6.348467e-1f;
    far = far * t - 1.2871751e-1f;
    far = 1 - exp_(far * t - t);
    float near = -5.967617e-4f;
    near = near * s + 4.9911942e-3f;
    near = near * s - 2.6769813e-2f;
    near = near * s + 1.1281992e-1f;
    near = near * s - 3.7612534e-1f;
    near = near * s + 1.2837917e-1f;
    return t > 475.0f / 512 ? (x < 0 ? -far : far) : near * x + x;
}

INLINE float activate(u32 act, float x) {
    if (act == 1) return x < 0 ? 0 : x;
    if (act == 2) return 0.5f * x * (1 + erf_(x * 0.70710678f));
    float u = 0.7978846f * (x + 0.044715f * x * x * x);
    float slope = act == 3 ? -2 * u : act == 4 ? -1.702f * x : -x;
    return act == 0 ? x : x / (1 + exp_(slope));
}
