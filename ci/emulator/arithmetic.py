"""Two computing instructions that the emulator does not have right.

v_div_scale_f32: as AMD's CDNA3 manual has it. The emulator has another generation's: a numerator
below 2^-103 stays as it is, while the result counts as scaled, and comes out too small. With both
operands of a division scaled by 2^64 the quotient is what it was; with one scaled, VCC tells
v_div_fmas_f32 (the emulator's own) to make up for it.

v_cvt_pk_fp8_f32: the emulator gives zero for a result that is an fp8 subnormal. It executes the
instruction; results below 2^-6 are then put in by the format's own rule, ties to even.
"""

import numpy as np

from emulator.access import Unsupported, number, register


def operand(wave, field, negated):
    """Bits in all lanes of a vector register, a scalar one or an inline constant."""
    n = number(field)
    bits = wave.vgpr[n - 256].copy() if n >= 256 else np.full(64, wave.sgpr[n], np.uint32)
    return (bits ^ np.uint32(0x80000000 if negated else 0)).view(np.float32)


def exponent(x):
    return (x.view(np.uint32) >> 23 & 255).astype(np.int32)


def divide_scale(inst, wave):
    value, denominator, numerator = (operand(wave, field, inst.neg >> i & 1) for i, field in
                                     enumerate((inst.src0, inst.src1, inst.src2)))
    bits = [x.view(np.uint32) for x in (value, denominator, numerator)]
    is_denominator, is_numerator = bits[0] == bits[1], bits[0] == bits[2]
    tiny = 2.0 ** -126
    with np.errstate(all="ignore"):
        inverse = np.abs(1 / denominator.astype(np.float64))
        quotient = np.abs(numerator.astype(np.float64) / denominator)
        up, down = value * np.float32(2.0 ** 64), value * np.float32(2.0 ** -64)
    never = np.zeros(64, bool)
    small_inverse, small = (inverse > 0) & (inverse < tiny), (quotient > 0) & (quotient < tiny)
    rows = [  # condition, lanes whose operand is scaled, by what, whether VCC tells of it
        ((numerator == 0) | (denominator == 0), ~never, np.float32(np.nan) + 0 * up, False),
        (exponent(numerator) - exponent(denominator) >= 96, is_denominator, up, True),
        (exponent(denominator) == 0, ~never, up, False),
        (small_inverse & small, is_denominator, up, True),
        (small_inverse, ~never, down, False),
        (small, is_numerator, up, True),
        (exponent(numerator) <= 23, ~never, up, False),
    ]
    result, told, open_lanes = value.copy(), never.copy(), ~never
    for condition, scaled, by, tells in rows:
        here = open_lanes & condition
        result[here & scaled] = by[here & scaled]
        told |= here & tells
        open_lanes &= ~condition
    active = wave.active()
    wave.vgpr[register(inst.vdst), active] = result.view(np.uint32)[active]
    mask = np.packbits(told & active, bitorder="little").view(np.uint32)
    wave.sgpr[number(inst.sdst):number(inst.sdst) + 2] = mask


def fp8_tiny(inst, wave):
    """Reads the operands of v_cvt_pk_fp8_f32; what it returns puts the tiny results in."""
    if inst.clmp or inst.abs:
        raise Unsupported("v_cvt_pk_fp8_f32 with modifiers")
    pair = [operand(wave, field, inst.neg >> i & 1) for i, field in
            enumerate((inst.src0, inst.src1))]

    def repair():
        place = 16 if inst.opsel & 8 else 0
        target = wave.vgpr[register(inst.vdst)]
        for x, shift in zip(pair, (place, place + 8)):
            lanes = wave.active() & (np.abs(x) < 2.0 ** -6)
            code = np.rint(np.abs(x[lanes].astype(np.float64)) * 512).astype(np.uint32)
            code |= x[lanes].view(np.uint32) >> 31 << 7
            target[lanes] = target[lanes] & ~np.uint32(0xFF << shift) | code << np.uint32(shift)
    return repair


OWN = {"V_DIV_SCALE_F32": divide_scale}
REPAIRED = {"V_CVT_PK_FP8_F32": fp8_tiny}
