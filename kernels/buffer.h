/*
 * Bounded memory: a pointer with its size. A load outside gives 0, a store outside is dropped, and
 * nothing outside is touched. Every component of an access (1, 2 or 4 bytes; an x2 or x4 is 2 or 4
 * dwords) counts alone, from the access's own start: it is inside when all of its bytes are.
 *
 * On AMD this is a raw buffer descriptor, which must be the same for all lanes of a wave: make it
 * from kernel arguments and block indices only. Elsewhere it is a check before the access. Offsets
 * are bytes, without sign, and must be multiples of the component's size; sizes of 4 GiB and more
 * are cut to 2^32 - 1.
 */
#ifndef KERNELS_BUFFER_H
#define KERNELS_BUFFER_H

#include <hip/hip_runtime.h>

#include <stdint.h>

struct buffer {
    char *base;
    uint32_t bytes;
};

static __device__ inline struct buffer buffer_make(const void *base, uint64_t bytes)
{
    struct buffer b;
    b.base = (char *)base;
    b.bytes = bytes > 0xffffffffu ? 0xffffffffu : (uint32_t)bytes;
    return b;
}

#if defined(__AMDGCN__)

typedef uint32_t buffer_u32x4 __attribute__((ext_vector_type(4)));
typedef uint32_t buffer_u32x2 __attribute__((ext_vector_type(2)));

/* Stride 0: num_records counts bytes. The last word is the data format that gfx9 wants for raw
 * access. */
#define BUFFER_RSRC(b) __builtin_amdgcn_make_buffer_rsrc((b).base, 0, (int)(b).bytes, 0x00027000)

static __device__ inline uint8_t buffer_load_u8(struct buffer b, uint32_t offset)
{
    return __builtin_amdgcn_raw_buffer_load_b8(BUFFER_RSRC(b), (int)offset, 0, 0);
}

static __device__ inline uint16_t buffer_load_u16(struct buffer b, uint32_t offset)
{
    return __builtin_amdgcn_raw_buffer_load_b16(BUFFER_RSRC(b), (int)offset, 0, 0);
}

static __device__ inline uint32_t buffer_load_u32(struct buffer b, uint32_t offset)
{
    return __builtin_amdgcn_raw_buffer_load_b32(BUFFER_RSRC(b), (int)offset, 0, 0);
}

static __device__ inline uint2 buffer_load_u32x2(struct buffer b, uint32_t offset)
{
    const buffer_u32x2 v = __builtin_amdgcn_raw_buffer_load_b64(BUFFER_RSRC(b), (int)offset, 0, 0);
    uint2 r;
    r.x = v.x;
    r.y = v.y;
    return r;
}

static __device__ inline uint4 buffer_load_u32x4(struct buffer b, uint32_t offset)
{
    const buffer_u32x4 v = __builtin_amdgcn_raw_buffer_load_b128(BUFFER_RSRC(b), (int)offset, 0, 0);
    uint4 r;
    r.x = v.x;
    r.y = v.y;
    r.z = v.z;
    r.w = v.w;
    return r;
}

static __device__ inline void buffer_store_u8(struct buffer b, uint32_t offset, uint8_t v)
{
    __builtin_amdgcn_raw_buffer_store_b8(v, BUFFER_RSRC(b), (int)offset, 0, 0);
}

static __device__ inline void buffer_store_u16(struct buffer b, uint32_t offset, uint16_t v)
{
    __builtin_amdgcn_raw_buffer_store_b16(v, BUFFER_RSRC(b), (int)offset, 0, 0);
}

static __device__ inline void buffer_store_u32(struct buffer b, uint32_t offset, uint32_t v)
{
    __builtin_amdgcn_raw_buffer_store_b32(v, BUFFER_RSRC(b), (int)offset, 0, 0);
}

static __device__ inline void buffer_store_u32x2(struct buffer b, uint32_t offset, uint2 v)
{
    const buffer_u32x2 w = {v.x, v.y};
    __builtin_amdgcn_raw_buffer_store_b64(w, BUFFER_RSRC(b), (int)offset, 0, 0);
}

static __device__ inline void buffer_store_u32x4(struct buffer b, uint32_t offset, uint4 v)
{
    const buffer_u32x4 w = {v.x, v.y, v.z, v.w};
    __builtin_amdgcn_raw_buffer_store_b128(w, BUFFER_RSRC(b), (int)offset, 0, 0);
}

/* 16 dwords, aligned to 16 bytes, that are inside all of them or none: four accesses in a row. */
static __device__ inline void buffer_load_u32x16(struct buffer b, uint32_t offset, uint4 out[4])
{
    for (uint32_t i = 0; i < 4; i++)
        out[i] = buffer_load_u32x4(b, offset + 16 * i);
}

#else

static __device__ inline bool buffer_holds(struct buffer b, uint32_t offset, uint32_t size)
{
    return size <= b.bytes && offset <= b.bytes - size;
}

static __device__ inline uint8_t buffer_load_u8(struct buffer b, uint32_t offset)
{
    return buffer_holds(b, offset, 1) ? *(const uint8_t *)(b.base + offset) : (uint8_t)0;
}

static __device__ inline uint16_t buffer_load_u16(struct buffer b, uint32_t offset)
{
    return buffer_holds(b, offset, 2) ? *(const uint16_t *)(b.base + offset) : (uint16_t)0;
}

static __device__ inline uint32_t buffer_load_u32(struct buffer b, uint32_t offset)
{
    return buffer_holds(b, offset, 4) ? *(const uint32_t *)(b.base + offset) : 0;
}

/* Component k of an access at `offset`; its offset does not wrap around 2^32. */
static __device__ inline uint32_t buffer_load_part(struct buffer b, uint32_t offset, uint32_t k)
{
    return offset <= 0xffffffffu - 4 * k ? buffer_load_u32(b, offset + 4 * k) : 0;
}

static __device__ inline uint2 buffer_load_u32x2(struct buffer b, uint32_t offset)
{
    uint2 r;
    r.x = buffer_load_part(b, offset, 0);
    r.y = buffer_load_part(b, offset, 1);
    return r;
}

static __device__ inline uint4 buffer_load_u32x4(struct buffer b, uint32_t offset)
{
    uint4 r;
    r.x = buffer_load_part(b, offset, 0);
    r.y = buffer_load_part(b, offset, 1);
    r.z = buffer_load_part(b, offset, 2);
    r.w = buffer_load_part(b, offset, 3);
    return r;
}

static __device__ inline void buffer_load_u32x16(struct buffer b, uint32_t offset, uint4 out[4])
{
    if (buffer_holds(b, offset, 64))
        __builtin_memcpy(out, __builtin_assume_aligned(b.base + offset, 16), 64);
    else
        __builtin_memset(out, 0, 64);
}

static __device__ inline void buffer_store_u8(struct buffer b, uint32_t offset, uint8_t v)
{
    if (buffer_holds(b, offset, 1))
        *(uint8_t *)(b.base + offset) = v;
}

static __device__ inline void buffer_store_u16(struct buffer b, uint32_t offset, uint16_t v)
{
    if (buffer_holds(b, offset, 2))
        *(uint16_t *)(b.base + offset) = v;
}

static __device__ inline void buffer_store_u32(struct buffer b, uint32_t offset, uint32_t v)
{
    if (buffer_holds(b, offset, 4))
        *(uint32_t *)(b.base + offset) = v;
}

static __device__ inline void buffer_store_part(struct buffer b, uint32_t offset, uint32_t k,
                                                uint32_t v)
{
    if (offset <= 0xffffffffu - 4 * k)
        buffer_store_u32(b, offset + 4 * k, v);
}

static __device__ inline void buffer_store_u32x2(struct buffer b, uint32_t offset, uint2 v)
{
    buffer_store_part(b, offset, 0, v.x);
    buffer_store_part(b, offset, 1, v.y);
}

static __device__ inline void buffer_store_u32x4(struct buffer b, uint32_t offset, uint4 v)
{
    buffer_store_part(b, offset, 0, v.x);
    buffer_store_part(b, offset, 1, v.y);
    buffer_store_part(b, offset, 2, v.z);
    buffer_store_part(b, offset, 3, v.w);
}

#endif

#endif
