/*
 * Number conversions for kernels: bf16, fp16, fp8 (e4m3fn, e4m3fnuz), fp4 and e8m0 scales, the same
 * bits on every device. fp8 differs between architectures under one builtin, so the kind is a
 * parameter, and the conversion is integer arithmetic, which no mode of the device's float unit can
 * change. No tables and no branches: the compiler vectorises these on the CPU. A device's own
 * instruction is used where it gives the same bits: fp8 of the device's own kind on gfx942 and
 * gfx950, bf16 on gfx950, those of hip/nvidia.h on NVIDIA. There, where arithmetic has but one NaN,
 * so have these.
 *
 * A kernel includes this behind its device header. Besides that header's `__device__` it needs
 * nothing.
 */
#ifndef HARNESS_KERNELS_NUMERIC_H
#define HARNESS_KERNELS_NUMERIC_H

#include <stdint.h>

/* Elements and roundings of num_e8m0_scale. */
enum num_e8m0_elem { NUM_E8M0_FP4 = 0, NUM_E8M0_FP8_FN = 1, NUM_E8M0_FP8_FNUZ = 2 };
enum num_e8m0_round {
    NUM_E8M0_ROUND_DOWN = 0,
    NUM_E8M0_ROUND_UP = 1,
    NUM_E8M0_EVEN = 2,
    NUM_E8M0_CEIL = 3
};

/* The kind of fp8 that the device's instructions convert. */
#if defined(__gfx942__)
#define NUM_OWN_FNUZ 1
#elif defined(__gfx950__)
#define NUM_OWN_FNUZ 0
#endif

static __device__ inline uint32_t num_bits(float x)
{
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

static __device__ inline float num_float(uint32_t bits)
{
    float x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

/* Code, without sign, of the fp32 magnitude `bits` (finite) in a format of `mantissa` stored bits
 * whose smallest normal has the biased fp32 exponent `lowest`. Below that the significand is
 * shifted further; from 25 places on nothing is left of it. Ties go to the even code or away from
 * zero. A carry out of the mantissa moves into the exponent by itself. */
static __device__ inline uint32_t num_round(uint32_t bits, int32_t lowest, int32_t mantissa,
                                            int ties_away)
{
    const int32_t exponent = (int32_t)(bits >> 23);
    const uint32_t significand = (bits & 0x7FFFFFu) | 0x800000u;
    const int32_t below = exponent < lowest ? lowest - exponent : 0;
    const int32_t wanted = 23 - mantissa + below;
    const uint32_t shift = (uint32_t)(wanted < 25 ? wanted : 25);
    const uint32_t half = 1u << (shift - 1);
    const uint32_t odd = (significand >> shift) & 1u;
    const uint32_t rounded = (significand + (ties_away ? half : half - 1u + odd)) >> shift;

    return ((uint32_t)(exponent + below - lowest) << mantissa) + rounded;
}

/* --- bf16 --- */

static __device__ inline float num_bf16_decode(uint16_t code)
{
    return num_float((uint32_t)code << 16);
}

/* A number rounded to nearest even, in the upper half; the lower one is anything. */
static __device__ inline uint32_t num_bf16_nearest(float x)
{
#if defined(__gfx950__)
    const __bf16 nearest = (__bf16)x;
    uint16_t code;

    __builtin_memcpy(&code, &nearest, sizeof code);
    return (uint32_t)code << 16;
#else
    return num_bits(x) + 0x7FFFu + ((num_bits(x) >> 16) & 1u);
#endif
}

/* truncate: drops the low 16 bits (gfx942's default; a NaN with payload only there becomes Inf).
 * Otherwise to nearest even; a NaN stays one, its last kept bit set where payload was dropped. */
static __device__ inline uint16_t num_bf16_encode(float x, int truncate)
{
#if defined(__CUDACC__)
    return truncate ? (uint16_t)(num_bits(x) >> 16) : hip_to_bf16(x);
#else
    const uint32_t bits = num_bits(x);
    const uint32_t nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    const uint32_t kept = bits | ((bits & 0xFFFFu) ? 0x10000u : 0u);
    const uint32_t nearest = num_bf16_nearest(x);

    return (uint16_t)((truncate ? bits : (nan ? kept : nearest)) >> 16);
#endif
}

/* --- fp16 --- */

/* A subnormal is read as the mantissa of 2^-14, which is then taken off again. */
static __device__ inline float num_f16_decode(uint16_t code)
{
    const uint32_t magnitude = (uint32_t)code & 0x7FFFu;
    const uint32_t subnormal = magnitude < 0x400u;
    const uint32_t finite = 127u - 15u + subnormal;
    const uint32_t bias = magnitude < 0x7C00u ? finite : 255u - 31u;
    const float value = num_float((magnitude << 13) + (bias << 23)) - (subnormal ? 0x1p-14f : 0.0f);

    return num_float(num_bits(value) | ((uint32_t)code & 0x8000u) << 16);
}

/* To nearest even, Inf from 65520 on; a NaN becomes quiet and keeps sign and upper payload. */
static __device__ inline uint16_t num_f16_encode(float x)
{
#if defined(__CUDACC__)
    return hip_to_f16(x);
#else
    const uint32_t bits = num_bits(x);
    const uint32_t magnitude = bits & 0x7FFFFFFFu;
    const uint32_t inside = magnitude < 0x47800000u ? magnitude : 0x47800000u; /* 65536: Inf */
    const uint32_t number = num_round(inside, 127 - 14, 10, 0);
    const uint32_t nan = 0x7E00u | ((bits >> 13) & 0x3FFu);

    return (uint16_t)(((bits >> 16) & 0x8000u) | (magnitude > 0x7F800000u ? nan : number));
#endif
}

/* --- fp8 e4m3 --- */

static __device__ inline float num_fp8_decode(uint8_t code, int fnuz)
{
#if defined(__CUDACC__)
    return hip_from_fp8(code, fnuz);
#else
    const uint32_t sign = ((uint32_t)code & 0x80u) << 24;
    const uint32_t magnitude = (uint32_t)code & 0x7Fu;
    const uint32_t bias = fnuz ? 8u : 7u;
    const float step = fnuz ? 0x1p-10f : 0x1p-9f;
    const uint32_t subnormal = num_bits((float)(int32_t)magnitude * step);
    const uint32_t normal = (magnitude << 20) + ((127u - bias) << 23);
    const uint32_t nan = fnuz ? code == 0x80u : magnitude == 0x7Fu;
    const uint32_t finite = magnitude < 8u ? subnormal : normal;

#if defined(NUM_OWN_FNUZ)
    if (!fnuz == !NUM_OWN_FNUZ)
        return nan ? num_float(0x7FC00000u) : __builtin_amdgcn_cvt_f32_fp8((int)code, 0);
#endif
    return num_float(nan ? 0x7FC00000u : sign | finite);
#endif
}

static __device__ inline float num_fp8_clamp(float x, int fnuz)
{
    const float max = fnuz ? 240.0f : 448.0f;
    const float raised = x > -max ? x : -max;

    return raised < max ? raised : max;
}

/* The quantisers' store: clamp to the largest value first (Inf too), then to nearest even. fnuz
 * never yields 0x80, its NaN, for what rounds to zero. A NaN argument is out of contract and comes
 * out as the most negative value, which is what the median-of-three clamp is expected to do. */
static __device__ inline uint8_t num_fp8_encode(float x, int fnuz)
{
    const float clamped = num_fp8_clamp(x, fnuz);
    const uint32_t bits = num_bits(clamped);
    const uint32_t number = num_round(bits & 0x7FFFFFFFu, fnuz ? 127 - 7 : 127 - 6, 3, 0);
    const uint32_t sign = (bits >> 24) & 0x80u;

#if defined(NUM_OWN_FNUZ)
    if (!fnuz == !NUM_OWN_FNUZ) {
        const uint8_t code = (uint8_t)__builtin_amdgcn_cvt_pk_fp8_f32(clamped, clamped, 0, false);

        return fnuz && code == 0x80u ? (uint8_t)0 : code; /* said to come out for -0 */
    }
#endif
    return (uint8_t)(number | (fnuz && number == 0u ? 0u : sign));
}

#if defined(NUM_OWN_FNUZ)
/* Four values in the device's own kind, the first in the lowest byte. */
static __device__ inline uint32_t num_own_fp8x4(const float *x)
{
    float y[4];
    uint32_t codes, not_zero;

    for (int i = 0; i < 4; i++)
        y[i] = num_fp8_clamp(x[i], NUM_OWN_FNUZ);
    codes = (uint32_t)__builtin_amdgcn_cvt_pk_fp8_f32(
        y[2], y[3], __builtin_amdgcn_cvt_pk_fp8_f32(y[0], y[1], 0, false), true);
    not_zero = (codes & 0x7F7F7F7Fu) + 0x7F7F7F7Fu; /* in bit 7 of each byte */
    return NUM_OWN_FNUZ ? codes & (not_zero | 0x7F7F7F7Fu) : codes;
}
#endif

/* The same of n values, a multiple of 4: devices' instructions convert two at once. */
static __device__ inline void num_fp8_encode_n(const float *x, uint32_t n, int fnuz, uint8_t *codes)
{
#if defined(__CUDACC__)
    for (uint32_t i = 0; i < n; i += 4) {
        const uint32_t four = hip_to_fp8x4(x + i, fnuz);

        __builtin_memcpy(codes + i, &four, sizeof four);
    }
#else
#if defined(NUM_OWN_FNUZ)
    if (!fnuz == !NUM_OWN_FNUZ) {
        for (uint32_t i = 0; i < n; i += 4) {
            const uint32_t four = num_own_fp8x4(x + i);

            __builtin_memcpy(codes + i, &four, sizeof four);
        }
        return;
    }
#endif
    for (uint32_t i = 0; i < n; i++)
        codes[i] = num_fp8_encode(x[i], fnuz);
#endif
}

/* --- fp4 e2m1 --- */

/* Bits 3..0 count. */
static __device__ inline float num_e2m1_decode(uint8_t code)
{
#if defined(__CUDACC__)
    return hip_from_e2m1(code);
#else
    const uint32_t sign = ((uint32_t)code & 8u) << 28;
    const uint32_t magnitude = (uint32_t)code & 7u;
    const uint32_t subnormal = magnitude ? 0x3F000000u : 0u; /* 0.5 */
    const uint32_t normal = (magnitude << 22) + ((127u - 1u) << 23);

    return num_float(sign | (magnitude < 2u ? subnormal : normal));
#endif
}

/* Saturates at 6, NaN too. ties_away: the software path of targets without the instruction, which
 * takes the sign from x < 0, so that -0 is code 0; otherwise to nearest even with the sign kept. */
static __device__ inline uint8_t num_e2m1_encode(float x, int ties_away)
{
    const uint32_t magnitude = num_bits(x) & 0x7FFFFFFFu;
    const uint32_t inside = magnitude < 0x40C00000u ? magnitude : 0x40C00000u; /* 6 */
    const uint32_t number = num_round(inside, 127, 1, ties_away);
    const uint32_t negative = ties_away ? (uint32_t)(x < 0.0f) : num_bits(x) >> 31;

    return (uint8_t)(number | negative << 3);
}

/* Two codes to a byte, the element with the even index in the low nibble. */
static __device__ inline uint8_t num_fp4x2_pack(uint8_t even, uint8_t odd)
{
    return (uint8_t)(((uint32_t)even & 15u) | ((uint32_t)odd & 15u) << 4);
}

/* n values, a multiple of 8, of at most 11 significant bits each: what a bf16 or fp16 number times
 * a power of two has. To nearest even, as n / 2 bytes. */
static __device__ inline void num_fp4_encode_n(const float *x, uint32_t n, uint8_t *codes)
{
#if defined(__CUDACC__)
    for (uint32_t i = 0; i < n; i += 8) {
        const uint32_t eight = hip_to_e2m1x8(x + i);

        __builtin_memcpy(codes + i / 2, &eight, sizeof eight);
    }
#else
    for (uint32_t i = 0; i < n; i += 2)
        codes[i / 2] = num_fp4x2_pack(num_e2m1_encode(x[i], 0), num_e2m1_encode(x[i + 1], 0));
#endif
}

/* --- e8m0 --- */

/* 2^(code-127) with 0 the fp32 subnormal 2^-127, and 255 a NaN. */
static __device__ inline float num_e8m0_decode(uint8_t code)
{
    const uint32_t normal = (uint32_t)code << 23;
    const uint32_t finite = code == 0u ? 0x00400000u : normal;

    return num_float(code == 255u ? 0x7FC00000u : finite);
}

/* Scale byte of a group with the largest magnitude `amax` (>= 0): a multiplication by the rounded
 * reciprocal of the element type's largest value (NUM_E8M0_ROUND_UP) or by a power of two. 255 for
 * Inf and NaN. NUM_E8M0_EVEN works on the exponent alone, so it stays finite where amax rounds up
 * to 2^128. */
static __device__ inline uint8_t num_e8m0_scale(float amax, int elem, int round)
{
    const int fp4 = elem == NUM_E8M0_FP4;
    const int fnuz = elem == NUM_E8M0_FP8_FNUZ;
    const int32_t power = fp4 ? 2 : (fnuz ? 7 : 8);
    const float down = fp4 ? 0x1p-2f : (fnuz ? 0x1p-7f : 0x1p-8f);
    const float reciprocal = num_float(fp4 ? 0x3E2AAAABu : (fnuz ? 0x3B888889u : 0x3B124925u));
    const uint32_t carry = fp4 ? 0x200000u : 0x80000u;
    const uint32_t scaled = num_bits(amax * (round == NUM_E8M0_ROUND_UP ? reciprocal : down));
    const uint32_t exponent = (scaled >> 23) & 255u;
    const uint32_t up = (scaled & 0x7FFFFFu) != 0u && round != NUM_E8M0_ROUND_DOWN;
    const int32_t carried = (int32_t)(((num_bits(amax) + carry) >> 23) & 255u) - power;
    const uint32_t even = (uint32_t)(carried > 0 ? carried : 0);
    const uint32_t finite = round == NUM_E8M0_EVEN ? even : exponent + up;
    const uint32_t special = (num_bits(amax) & 0x7F800000u) == 0x7F800000u;

    return (uint8_t)(special ? 255u : finite);
}

#endif
