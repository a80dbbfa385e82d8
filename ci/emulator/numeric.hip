/* Every conversion of kernels/numeric.h that an architecture may do by an instruction of its own.
 */
#include "ci/emulator/numeric.h"
#include "kernels/kernel.h"
#include "kernels/numeric.h"

__global__ void numeric_encode(struct numeric_encode_args a)
{
    const uint64_t step = (uint64_t)gridDim.x * blockDim.x;

    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += step) {
        const float x = num_float(a.bits[i]);

        a.fn[i] = num_fp8_encode(x, 0);
        a.fnuz[i] = num_fp8_encode(x, 1);
        a.bf16[i] = num_bf16_encode(x, 0);
        a.bf16_cut[i] = num_bf16_encode(x, 1);
        a.f16[i] = num_f16_encode(x);
        a.e2m1[i] = num_fp4x2_pack(num_e2m1_encode(x, 0), num_e2m1_encode(x, 1));
    }
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
