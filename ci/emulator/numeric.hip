/* Every conversion of kernels/numeric.h that an architecture may do by an instruction of its own.
 */
#include "ci/emulator/numeric.h"
#include "kernels/kernel.h"
#include "kernels/numeric.h"

/* fp8, four at a time and one by one: where the two differ, the result is wrong. */
static __device__ inline void numeric_many(const struct numeric_encode_args *a, uint64_t first,
                                           uint64_t step)
{
    for (uint64_t i = first; i < a->n; i += step) {
        float x[4];
        uint8_t fn[4], fnuz[4];

        for (uint32_t k = 0; k < 4; k++)
            x[k] = num_float(a->bits[i + k]);
        num_fp8_encode_n(x, 4, 0, fn);
        num_fp8_encode_n(x, 4, 1, fnuz);
        for (uint32_t k = 0; k < 4; k++) {
            a->fn[i + k] = fn[k] == num_fp8_encode(x[k], 0) ? fn[k] : (uint8_t)~fn[k];
            a->fnuz[i + k] = fnuz[k] == num_fp8_encode(x[k], 1) ? fnuz[k] : (uint8_t)~fnuz[k];
        }
    }
}

__global__ void numeric_encode(struct numeric_encode_args a)
{
    const uint64_t step = (uint64_t)gridDim.x * blockDim.x;

    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += step) {
        const float x = num_float(a.bits[i]);

        a.bf16[i] = num_bf16_encode(x, 0);
        a.bf16_cut[i] = num_bf16_encode(x, 1);
        a.f16[i] = num_f16_encode(x);
        a.e2m1[i] = num_fp4x2_pack(num_e2m1_encode(x, 0), num_e2m1_encode(x, 1));
    }
    numeric_many(&a, 4 * ((uint64_t)blockIdx.x * blockDim.x + threadIdx.x), 4 * step);
}
EXPORT_KERNEL_NO_SYNC(numeric_encode, struct numeric_encode_args);

__global__ void numeric_decode(struct numeric_decode_args a)
{
    const uint64_t step = (uint64_t)gridDim.x * blockDim.x;

    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += step) {
        const uint32_t code = a.codes[i];
        const float half = num_f16_decode((uint16_t)code);

        a.fn[i] = num_bits(num_fp8_decode((uint8_t)code, 0));
        a.fnuz[i] = num_bits(num_fp8_decode((uint8_t)code, 1));
        a.bf16[i] = num_bits(num_bf16_decode((uint16_t)code));
        a.f16[i] = num_bits(half == half ? half : num_float(0x7FC00000u));
    }
}
EXPORT_KERNEL_NO_SYNC(numeric_decode, struct numeric_decode_args);
