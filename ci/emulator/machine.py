"""Runs kernels of a gfx950 code object: tinygrad's emulator executes what computes and branches,
access.py what touches memory. $TINYGRAD names a git tree of tinygrad (its packages lack the
emulator); nothing of it is in this repository."""

import ctypes
import importlib
import os
import struct
import sys
import tempfile
import types
from collections import Counter

import numpy as np

from emulator.access import ACCESS, APERTURES, Unsupported, number, to_registers
from emulator.arithmetic import OWN, REPAIRED
from emulator.memory import Fault

WAVE = 64
POISON = 0xFF  # of LDS, scratch and vector registers that nobody wrote
MAX_STEPS = 20_000_000


def load_emulator():
    root = os.environ.get("TINYGRAD")
    if not root or not os.path.exists(f"{root}/test/mockgpu/amd/emu.py"):
        sys.exit("emulate: $TINYGRAD must name a git tree of tinygrad (test/mockgpu/amd/emu.py)")
    os.environ.setdefault("CACHEDB", os.path.join(tempfile.gettempdir(), "harness-emulate.db"))
    sys.path.insert(0, root)
    package = types.ModuleType("test")  # Python's own package of that name would come first
    package.__path__ = [f"{root}/test"]
    sys.modules["test"] = package
    return importlib.import_module("test.mockgpu.amd.emu")


class Wave:
    """The registers of a wave, as arrays over the emulator's own memory."""

    def __init__(self, machine, state, lds, scratch_bytes, where):
        self.state, self.memory, self.lds, self.where = state, machine.memory, lds, where
        self.sgpr = np.frombuffer(state._sgpr_mv, np.uint32)
        self.vgpr = np.frombuffer(state._vgpr_mv, np.uint32).reshape(256, WAVE)
        self.agpr = np.frombuffer(
            state.accvgpr_buf.as_memoryview(force_zero_copy=True).cast("I"),
            np.uint32).reshape(256, WAVE)
        self.vgpr[1:] = self.agpr[:] = POISON * 0x01010101  # v0 has the thread's place
        self.scratch = np.full((WAVE, scratch_bytes), POISON, np.uint8)
        unused = ctypes.c_uint64(0)
        self.buffers = [ctypes.c_uint64(b._buf.va_addr) if b else unused for b in
                        (state.sgpr_buf, state.vgpr_buf, None, None, None, state.accvgpr_buf)]
        self.done = False

    def active(self):
        return np.unpackbits(self.sgpr[126:128].view(np.uint8), bitorder="little").astype(bool)

    def scalar64(self, first):
        return int(self.sgpr[first]) | int(self.sgpr[first + 1]) << 32

    def vector(self, inst, first, count, data=False):
        """Words [lanes, count]; data operands may be accumulation registers."""
        file = self.agpr if data and inst.acc else self.vgpr
        return file[first:first + count].T

    def set_vector(self, inst, first, form, active, data):
        file = self.agpr if inst.acc else self.vgpr
        old = file[first:first + 1].T[active]
        words = to_registers(data, form, old)
        for i in range(words.shape[1]):
            file[first + i, active] = words[:, i]

    def fault(self, text):
        return Fault(f"{self.where}: {text}")


class Machine:
    def __init__(self, memory):
        self.emulator, self.memory = load_emulator(), memory
        self.decoded, self.code = {}, {}
        self.executed = Counter()

    def load(self, code_object):
        """The address of its image, which is there once."""
        path = code_object.path
        if path not in self.code:
            self.code[path] = self.memory.place(path.name, code_object.image, False)
        return self.code[path]

    def arguments(self, kernel, explicit, grid, block, dynamic_lds):
        """The kernarg segment: the argument struct and what the compiler adds to it."""
        hidden = {"hidden_dynamic_lds_size": dynamic_lds, "hidden_grid_dims": 1}
        for i, axis in enumerate("xyz"):
            hidden |= {f"hidden_block_count_{axis}": grid[i], f"hidden_group_size_{axis}": block[i]}
        data = bytearray(kernel.kernarg_bytes)
        for arg in kernel.args:
            at, size, kind = arg[".offset"], arg[".size"], arg[".value_kind"]
            if kind == "by_value":
                if size != len(explicit):
                    raise ValueError(f"{kernel.name} takes {size} bytes, the plan has "
                                     f"{len(explicit)}")
                data[at:at + size] = explicit
            else:
                data[at:at + size] = hidden.get(kind, 0).to_bytes(size, "little")
        return data

    def launch(self, code_object, name, grid, block, dynamic_lds, explicit):
        kernel = code_object.kernel(name)
        start = self.load(code_object)
        descriptor = bytes(code_object.image[kernel.descriptor:kernel.descriptor + 64])
        entry = start + kernel.descriptor + struct.unpack_from("<q", descriptor, 16)[0]
        registers1, registers2, properties, preload = struct.unpack_from("<IIHH", descriptor, 48)
        if preload or properties & 0x75 or registers1 >> 16 & 3 != 3:
            raise Unsupported("a kernel with preloaded arguments, with user registers other than "
                              "the pointers to arguments and packet, or without fp32 subnormals")
        segment = self.memory.place(f"arguments of {name}", self.arguments(
            kernel, explicit, grid, block, dynamic_lds), False)
        size = kernel.lds_bytes + dynamic_lds
        packet = self.memory.place("dispatch packet", struct.pack(
            "<6H5I32x", 0, 0, *block, 0, *(g * b for g, b in zip(grid, block)),
            kernel.scratch_bytes, size), False)
        user = [half for bit, pointer in ((2, packet), (8, segment)) if properties & bit
                for half in (pointer & 0xFFFFFFFF, pointer >> 32)]
        for z in range(grid[2]):
            for y in range(grid[1]):
                for x in range(grid[0]):
                    self.block(kernel, entry, segment, registers2, user, block, (x, y, z), size)

    def block(self, kernel, entry, segment, registers2, user, block, index, lds_bytes):
        lds = np.full((1, lds_bytes), POISON, np.uint8)
        threads, waves = block[0] * block[1] * block[2], []
        for first in range(0, threads, WAVE):
            state = self.emulator._init_wave(
                entry, first, threads, *block, segment, registers2, kernel.scratch_bytes, "cdna",
                *index, user or [0], WAVE)
            waves.append(Wave(self, state, lds, kernel.scratch_bytes,
                              f"{kernel.name}, block {index}, wave {first // WAVE}"))
        while not all(wave.done for wave in waves):
            for wave in waves:
                self.until_barrier(wave, entry)

    def until_barrier(self, wave, entry):
        """Runs a wave to its next barrier or its end."""
        state, end = wave.state, self.emulator.ENDPGM_PC
        for _ in range(MAX_STEPS):
            if wave.done or state.pc == end:
                wave.done = True
                return
            pc = state.pc
            if pc not in self.decoded:
                self.decoded[pc] = self.decode(pc)
            run, inst, name, kind, slots = self.decoded[pc]
            self.executed[name] += 1
            if run:
                repair = REPAIRED[name](inst, wave) if name in REPAIRED else None
                run(*[wave.buffers[i] for i in slots])
                if repair:
                    repair()
            else:
                self.own(inst, name, kind, wave,
                         f"{wave.where}, {name.lower()} at +{pc - entry:#x}")
                state.pc = pc + inst.size()
            if name == "S_BARRIER":
                return
        raise wave.fault(f"no end after {MAX_STEPS} instructions")

    def decode(self, pc):
        inst = self.emulator.decode_inst(ctypes.string_at(pc, 16), "cdna")
        name, kind = self.emulator._op_name(inst), type(inst).__name__
        aperture = kind == "SOP1" and number(inst.ssrc0) in APERTURES
        if kind in ACCESS or kind == "SMEM" or name in OWN or aperture:
            return None, inst, name, kind, ()
        (program, runtime), inst = self.emulator._decode_at(pc, "cdna")
        return runtime.fxn, inst, name, kind, tuple(program.arg.globals)

    def own(self, inst, name, kind, wave, what):
        """An instruction that is not the emulator's."""
        if kind == "SMEM":
            self.load_scalars(inst, name, wave, what)
        elif kind in ACCESS:
            ACCESS[kind](inst, name, wave, what)
        elif kind == "SOP1":
            first = number(inst.sdst)
            wave.sgpr[first:first + 2] = 0, APERTURES[number(inst.ssrc0)]
        else:
            OWN[name](inst, wave)

    def load_scalars(self, inst, name, wave, what):
        if name.startswith("S_DCACHE"):
            return
        sizes = {"S_LOAD_DWORD": 1, "S_LOAD_DWORDX2": 2, "S_LOAD_DWORDX4": 4, "S_LOAD_DWORDX8": 8,
                 "S_LOAD_DWORDX16": 16}
        if name not in sizes:
            raise Unsupported(name)
        offset = inst.offset - (inst.offset >> 20 << 21) if inst.imm else 0
        if inst.soffset_en or not inst.imm:
            source = inst.soffset.offset if inst.soffset_en else inst.offset & 0x7F
            offset += int(wave.sgpr[source])
        address = (wave.scalar64(inst.sbase.offset) + offset) & ~3
        data = self.memory.scalar(np.uint64(address), 4 * sizes[name], what)
        first = inst.sdata.offset
        wave.sgpr[first:first + sizes[name]] = np.ascontiguousarray(data).view(np.uint32)
