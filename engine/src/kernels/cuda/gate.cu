// Gated linear units: out = act(gate) * up, number by number.
#include "gpu.h"

struct Gate {
    const float *gate, *up;
    float *out;
    u32 count, act;
};

KERNEL(256) gate(Gate p) {
    u32 i = blockIdx.x * 256 + threadIdx.x;
    if (i < p.count) p.out[i] = activate(p.act, p.gate[i]) * p.up[i];
}
