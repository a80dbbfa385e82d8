/* erf and tanh in fp32 for a target whose compiler has exp but no math library. Both are within
 * 4 ulp; signs, zeros, infinities and NaN are as in C. */
#ifndef HIP_SPECIAL_H
#define HIP_SPECIAL_H

/* Below 1: the Maclaurin series. Above: 1 - exp(-a^2) q(u), where q interpolates erfc(a) exp(a^2)
 * at Chebyshev nodes of [1, 4] in 1/(1+a), scaled to u in [-1, 1]; from 4 on the result is 1. */
static __device__ inline float hip_erf(float x)
{
    const float a = __builtin_fabsf(x);
    if (a < 1.0f) {
        const float s = x * x;
        float p = -1.229055530e-09f;
        p = p * s + 1.480719282e-08f;
        p = p * s - 1.636584469e-07f;
        p = p * s + 1.646211437e-06f;
        p = p * s - 1.492565036e-05f;
        p = p * s + 1.205533298e-04f;
        p = p * s - 8.548327023e-04f;
        p = p * s + 5.223977625e-03f;
        p = p * s - 2.686617065e-02f;
        p = p * s + 1.128379167e-01f;
        p = p * s - 3.761263890e-01f;
        p = p * s + 1.128379167e+00f;
        return p * x;
    }
    if (a >= 4.0f)
        return __builtin_copysignf(1.0f, x);
    const float u = (1.0f / (1.0f + a) - 0.35f) / 0.15f;
    float q = -2.065706763e-06f;
    q = q * u + 4.125910700e-05f;
    q = q * u - 1.123310089e-04f;
    q = q * u - 1.386820563e-03f;
    q = q * u + 1.085302342e-02f;
    q = q * u + 1.466376369e-01f;
    q = q * u + 2.715528861e-01f;
    return a != a ? x : __builtin_copysignf(1.0f - q * __builtin_expf(-a * a), x);
}

/* With t = 2|x|: expm1(t) / (expm1(t) + 2) by its series while t is small, else 1 - 2 / (e^t + 1),
 * which loses nothing there. */
static __device__ inline float hip_tanh(float x)
{
    const float t = 2.0f * __builtin_fabsf(x);
    if (t < 0.7f) {
        float p = 2.755731922e-06f;
        p = p * t + 2.480158730e-05f;
        p = p * t + 1.984126984e-04f;
        p = p * t + 1.388888889e-03f;
        p = p * t + 8.333333333e-03f;
        p = p * t + 4.166666667e-02f;
        p = p * t + 1.666666667e-01f;
        p = p * t + 5.000000000e-01f;
        p = (p * t + 1.0f) * t;
        return __builtin_copysignf(p / (p + 2.0f), x);
    }
    if (t != t)
        return x;
    return __builtin_copysignf(1.0f - 2.0f / (__builtin_expf(t) + 1.0f), x);
}

#endif
