#!/usr/bin/env python3
"""The work of one group_quant case, as a numpy user would write it, for `harness bench`.

A case is what the harness does for `group_quant output=fn scale=f32`: draw a bf16 input from a
Philox generator, quantise it twice over poisoned outputs, quantise it by a reference in float64,
and compare codes and scales. Prints one line, `RATE cases/s (...)`.
"""

import argparse
import sys
import time

import numpy as np

MAX = np.float32(448)
FLOOR = np.float32(1e-10)


def fill(rows, cols, seed):
    """bf16 bits: random sign and mantissa, magnitudes log-uniform in [2^-8, 2^5)."""
    words = np.random.Philox(seed).random_raw((rows * cols + 3) // 4)
    random = words.view(np.uint16)[: rows * cols]
    exponent = (((random >> 7) & np.uint16(255)) * np.uint16(13) >> 8) + np.uint16(127 - 8)
    return ((random & np.uint16(0x807F)) | (exponent << 7)).reshape(rows, cols)


def encode(q):
    """e4m3fn codes of float32 values within [-448, 448], to nearest even.

    Normal numbers are rounded on their bits; below 2^-6 the codes are multiples of 2^-9, to which
    the addition of 2^14 rounds.
    """
    bits = q.view(np.uint32)
    sign = (bits >> 24).astype(np.uint8) & np.uint8(0x80)
    magnitude = bits & np.uint32(0x7FFFFFFF)
    shifted = magnitude.view(np.float32) + np.float32(2.0**14)
    subnormal = shifted.view(np.uint32) - np.float32(2.0**14).view(np.uint32)
    normal = magnitude >> 20
    normal &= np.uint32(1)
    normal += magnitude
    normal += np.uint32(0x7FFFF)
    normal -= np.uint32(120 << 23)
    normal >>= np.uint32(20)
    np.copyto(normal, subnormal, where=magnitude < np.uint32(121 << 23))
    return normal.astype(np.uint8) | sign


def quantise(x, group, codes, scales):
    """What is tested: all in float32."""
    rows, cols = x.shape
    groups = x.reshape(rows, cols // group, group)
    amax = (groups & np.uint16(0x7FFF)).max(axis=2).astype(np.uint32) << 16
    scales[:] = np.maximum(amax.view(np.float32), FLOOR) * (np.float32(1) / MAX)
    wide = groups.astype(np.uint32)
    wide <<= 16
    q = wide.view(np.float32)
    q *= (np.float32(1) / scales)[:, :, None]
    np.clip(q, -MAX, MAX, out=q)
    codes[:] = encode(q).reshape(rows, cols)


def decode_table():
    code = np.arange(128)
    exponent, mantissa = code >> 3, code & 7
    value = np.where(
        exponent, (8 + mantissa) * 2.0 ** (exponent - 10.0), mantissa * 2.0**-9
    )
    value[127] = np.nan
    return np.concatenate([value, -value])


def reference(x, group):
    """Scales, and the values that the codes stand for: in float64, rounded once."""
    rows, cols = x.shape
    wide = (x.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    wide = wide.reshape(rows, cols // group, group)
    amax = np.maximum(np.abs(wide).max(axis=2), FLOOR)
    scales = (amax / 448).astype(np.float32)
    q = wide
    q /= scales[:, :, None]
    np.clip(q, -448, 448, out=q)
    # Adding and taking away 2^52 times the spacing of the codes about q rounds q to it.
    binade = np.maximum(q.view(np.uint64) >> 52 & 0x7FF, 1023 - 6)
    anchor = ((binade + (52 - 3)) << 52).view(np.float64)
    np.copysign(anchor, q, out=anchor)
    q += anchor
    q -= anchor
    return scales, q.reshape(rows, cols)


def check(codes, again, scales, scales_again, want_scales, want, table):
    """The share of codes that differ; neighbours at a boundary may."""
    if not np.array_equal(codes, again) or not np.array_equal(scales, scales_again):
        sys.exit("group_quant.py: two runs differ")
    ulps = np.abs(scales.view(np.int32) - want_scales.view(np.int32))
    if ulps.max() > 2:
        sys.exit("group_quant.py: scales differ")
    got = table[codes]
    wrong = got != want
    if wrong.mean() > 1e-3 or np.isnan(got).any():
        sys.exit("group_quant.py: codes differ")


def case(rows, cols, group, seed, table):
    x = fill(rows, cols, seed)
    runs = []
    for poison in (0x7F, 0xFF):
        codes = np.full((rows, cols), poison, np.uint8)
        scales = np.full((rows, cols // group), np.nan, np.float32)
        quantise(x, group, codes, scales)
        runs.append((codes, scales))
    want_scales, want = reference(x, group)
    check(runs[0][0], runs[1][0], runs[0][1], runs[1][1], want_scales, want, table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--cols", type=int, default=4224)
    parser.add_argument("--group", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=3)
    a = parser.parse_args()
    if a.rows < 1 or a.group < 1 or a.cols < a.group or a.cols % a.group:
        parser.error("wants whole groups")
    table = decode_table()
    case(a.rows, a.cols, a.group, 0, table)
    start, cases = time.perf_counter(), 0
    while time.perf_counter() - start < a.seconds:
        cases += 1
        case(a.rows, a.cols, a.group, cases, table)
    rate = cases / (time.perf_counter() - start)
    print(f"{rate:.1f} cases/s (numpy, rows={a.rows} cols={a.cols} group={a.group})")


if __name__ == "__main__":
    main()
