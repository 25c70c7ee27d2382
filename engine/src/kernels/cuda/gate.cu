// Gated linear units, number by number: out = act(gate) * up, or act(gate) where there is no `up`. `out` may be either.
#include "gpu.h"

struct Gate {
    const float *gate, *up; // up or none
    float *out;
    u32 count, act;
};

KERNEL(256) gate(Gate p) {
    u32 i = blockIdx.x * 256 + threadIdx.x;
    if (i < p.count) p.out[i] = activate(p.act, p.gate[i]) * (p.up ? p.up[i] : 1);
}
