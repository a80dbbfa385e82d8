/*
 * exp, the logistic function and the normal distribution function for kernels, in fp32, without a
 * library: the AMD build has none, and the same bits come out on every device. Errors are relative,
 * in units of 2^-24 (half a last place), measured in math_test.c. No branches: the compiler
 * vectorises these on the CPU.
 *
 * A kernel includes this behind its device header.
 */
#ifndef HARNESS_KERNELS_MATH_H
#define HARNESS_KERNELS_MATH_H

#include "kernels/numeric.h"

/* exp(-a) for a >= 0; error below 3, and below 2^-126 where the result is smaller than that.
 * a = k ln 2 + r, with k by adding a number whose last place is 1; ln 2 is cut in two, of which the
 * first has so few bits that k times it is exact. 2^-k goes in by two factors that are normal. */
static __device__ inline float math_exp_minus(float a)
{
    const float inside = a < 104.0f ? a : 104.0f; /* exp(-104) < 2^-150 */
    const float shifted = inside * -0x1.715476p+0f + 0x1.8p23f;
    const float k = shifted - 0x1.8p23f;
    const float r = (-inside - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f;
    const float q =
        (((0x1.6d117cp-10f * r + 0x1.120be2p-7f) * r + 0x1.555518p-5f) * r + 0x1.5554dcp-3f) * r +
        0.5f;
    const float p = (q * r) * r + r + 1.0f;
    const int32_t whole = (int32_t)k;
    const int32_t half = whole / 2;

    return p * num_float((uint32_t)(half + 127) << 23) *
           num_float((uint32_t)(whole - half + 127) << 23);
}

/* 1 / (1 + exp(-x)); error below 6, beside what exp loses below 2^-126. Only exp of a negative
 * number is taken, so that nothing overflows. */
static __device__ inline float math_sigmoid(float x)
{
    const float e = math_exp_minus(x < 0.0f ? -x : x);

    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* The share of the normal distribution below x, (1 + erf(x / sqrt 2)) / 2; error below 9, beside
 * what exp loses below 2^-126. The tail is exp(-x^2/2) times a smooth function, a polynomial in
 * t = 1 / (1 + |x|/4), so that nothing cancels for negative x; the rounding error of x^2, which exp
 * would multiply, is computed and taken out. */
static __device__ inline float math_normal_below(float x)
{
    const float magnitude = x < 0.0f ? -x : x;
    const float a = magnitude < 16.0f ? magnitude : 16.0f; /* the tail from there is 0 */
    const float high = num_float(num_bits(a) & 0xFFFFF000u);
    const float low = a - high;
    const float square = a * a;
    const float lost = ((high * high - square) + 2.0f * high * low) + low * low;
    const float t = 1.0f / (1.0f + 0.25f * a);
    const float upper =
        (((0x1.0750a6p-6f * t - 0x1.ed5ec4p-5f) * t + 0x1.79d084p-5f) * t + 0x1.1f55eep-5f) * t +
        0x1.01c280p-7f;
    const float smooth =
        ((((upper * t + 0x1.6bf7cap-4f) * t + 0x1.246858p-4f) * t + 0x1.87a000p-4f) * t +
         0x1.977e2ep-4f) *
            t +
        0x1.989160p-4f;
    const float tail = math_exp_minus(0.5f * square) * (1.0f - 0.5f * lost) * (smooth * t);

    return x < 0.0f ? tail : 1.0f - tail;
}

#endif
