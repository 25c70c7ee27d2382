// Products of small matrices by a warp, the same fragments on every generation. Lane 4g + t holds of a left matrix the bytes 4t to
// 4t + 3 of rows g and g + 8 (and 16 bytes further), of a right one those of column g, and of the result rows g (d[0], d[1])
// and g + 8 (d[2], d[3]) at columns 2t and 2t + 1.
#pragma once

// 16 bytes deep.
INLINE void mma_s8_16(int (&d)[4], u32 a0, u32 a1, u32 b) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]) : "r"(a0), "r"(a1), "r"(b));
#else
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
                 : "+r"(d[0]), "+r"(d[1]) : "r"(a0), "r"(b));
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
                 : "+r"(d[2]), "+r"(d[3]) : "r"(a1), "r"(b));
#endif
}

// 32 bytes deep: a[0] and a[1] are rows g and g + 8 of the first 16, a[2] and a[3] of the others.
INLINE void mma_s8_32(int (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    mma_s8_16(d, a[0], a[1], b[0]);
    mma_s8_16(d, a[2], a[3], b[1]);
#endif
}
