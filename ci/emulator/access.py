"""What the vector memory instructions of gfx9 do. The emulator behind machine.py executes the rest;
these are ours because every access is to be checked, and because the emulator lacks some of them
(loads through a descriptor that are narrower than a dword or partly outside, returning atomics)."""

import re
from dataclasses import dataclass

import numpy as np

from emulator.memory import Fault

SIZES = {"UBYTE": 1, "SBYTE": 1, "BYTE": 1, "USHORT": 2, "SSHORT": 2, "SHORT": 2, "DWORD": 4,
         "DWORDX2": 8, "DWORDX3": 12, "DWORDX4": 16,
         "U8": 1, "I8": 1, "B8": 1, "U16": 2, "I16": 2, "B16": 2, "B32": 4, "B64": 8, "B96": 12,
         "B128": 16}
COMBINE = {
    "ADD": lambda old, new: old + new, "SUB": lambda old, new: old - new,
    "UMAX": max, "UMIN": min, "OR": lambda old, new: old | new, "AND": lambda old, new: old & new,
    "XOR": lambda old, new: old ^ new, "SWAP": lambda old, new: new,
}
# Upper words of flat addresses that mean LDS and scratch; s_mov_b64 reads them by these operands.
SHARED, PRIVATE = 0x7A000001, 0x7A000002
APERTURES = {235: SHARED, 237: PRIVATE}
NO_REGISTER = 0x7C  # scalar operands from here on are no address


class Unsupported(Exception):
    """An instruction that nobody here executes."""


@dataclass
class Form:
    """load, store or atomic; of `size` bytes; into or from the upper half of a register."""

    kind: str
    size: int = 4
    signed: bool = False
    low: bool = False   # D16: the other half of the register stays
    high: bool = False
    combine: str = ""


def form_of(name):
    """By the name of a vector memory instruction with one address."""
    plain = re.fullmatch(r"(?:GLOBAL|FLAT|SCRATCH|BUFFER|DS)_(LOAD|STORE|READ|WRITE)_"
                         r"([A-Z]+\d*|[A-Z]\d+)(_D16)?(_HI)?", name)
    if plain and plain[2] in SIZES:
        kind = "load" if plain[1] in ("LOAD", "READ") else "store"
        return Form(kind, SIZES[plain[2]], plain[2][0] in "SI" and plain[2] != "SHORT",
                    bool(plain[3]) and not plain[4], bool(plain[4]))
    atomic = re.fullmatch(r"GLOBAL_ATOMIC_([A-Z]+)(_X2)?", name)
    if atomic and atomic[1] in COMBINE:
        return Form("atomic", 8 if atomic[2] else 4, combine=atomic[1])
    raise Unsupported(name)


def to_registers(data, form, old):
    """Loaded bytes [lanes, size] as words [lanes, n]; `old` is what the registers held."""
    if form.size >= 4:
        return np.ascontiguousarray(data).view(np.uint32)
    kinds = {(1, False): np.uint8, (1, True): np.int8, (2, False): np.uint16, (2, True): np.int16}
    value = np.ascontiguousarray(data).view(kinds[form.size, form.signed]).astype(np.int64)
    if form.low:
        value = value & 0xFFFF | old.astype(np.int64) & 0xFFFF0000
    elif form.high:
        value = (value & 0xFFFF) << 16 | old.astype(np.int64) & 0xFFFF
    return (value & 0xFFFFFFFF).astype(np.uint32)


def to_memory(words, form):
    """Words [lanes, n] as the bytes [lanes, size] that a store writes."""
    if form.high:
        words = words >> 16
    return np.ascontiguousarray(words.astype(np.uint32)).view(np.uint8)[:, :form.size]


def signed(value, bits):
    return value - (value >> bits - 1 << bits)


def number(field):
    return int(getattr(field, "offset", field))


def register(field):
    """Number of a vector register."""
    return number(field) - 256


def global_address(inst, wave, active):
    offset = signed(inst.offset, 13)
    low = wave.vector(inst, register(inst.addr), 1)[active, 0].astype(np.uint64)
    if number(inst.saddr) < NO_REGISTER:
        return low + np.uint64(wave.scalar64(number(inst.saddr)) + offset & 2**64 - 1)
    high = wave.vector(inst, register(inst.addr) + 1, 1)[active, 0].astype(np.uint64)
    return (low | high << np.uint64(32)) + np.uint64(offset & 2**64 - 1)


def atomic(inst, wave, form, address, what):
    """Lane by lane; the old value comes back when the instruction asks for it."""
    lanes, words = np.flatnonzero(wave.active()), form.size // 4
    data, target = register(inst.data), register(inst.vdst)
    for lane, at in zip(lanes, address):
        at, new = np.array([at]), wave.vgpr[data:data + words, lane].tobytes()
        old = wave.memory.load(at, form.size, what).tobytes()
        result = COMBINE[form.combine](int.from_bytes(old, "little"), int.from_bytes(new, "little"))
        result = (result & (1 << 8 * form.size) - 1).to_bytes(form.size, "little")
        wave.memory.store(at, np.frombuffer(result, np.uint8)[None], what)
        if inst.sc0:
            wave.vgpr[target:target + words, lane] = np.frombuffer(old, np.uint32)


def access_global(inst, name, wave, what):
    form, active = form_of(name), wave.active()
    address = global_address(inst, wave, active)
    if form.kind == "atomic":
        atomic(inst, wave, form, address, what)
    elif form.kind == "load":
        wave.set_vector(inst, register(inst.vdst), form, active,
                        wave.memory.load(address, form.size, what))
    else:
        words = wave.vector(inst, register(inst.data), max(form.size // 4, 1), True)[active]
        wave.memory.store(address, to_memory(words, form), what)


def access_flat(inst, name, wave, what):
    """Each lane's address says by itself which memory it means."""
    form, everyone = form_of(name), wave.active()
    low, high = wave.vgpr[register(inst.addr)], wave.vgpr[register(inst.addr) + 1].copy()
    at = low.astype(np.int64) + inst.offset
    target, source = register(inst.vdst), register(inst.data)
    for aperture, array, rows in ((SHARED, wave.lds, 0), (PRIVATE, wave.scratch, np.arange(64))):
        lanes = everyone & (high == aperture)
        if lanes.any():
            access_local(inst, wave, form, array, rows, at, lanes, what, target, source)
    lanes = everyone & (high != SHARED) & (high != PRIVATE)
    address = at[lanes].astype(np.uint64) + (high[lanes].astype(np.uint64) << np.uint64(32))
    if form.kind == "load":
        wave.set_vector(inst, target, form, lanes, wave.memory.load(address, form.size, what))
    else:
        words = wave.vector(inst, source, max(form.size // 4, 1), True)[lanes]
        wave.memory.store(address, to_memory(words, form), what)


def access_scratch(inst, name, wave, what):
    form, active = form_of(name), wave.active()
    base = signed(inst.offset, 13)
    if number(inst.saddr) < NO_REGISTER:
        base += int(wave.sgpr[number(inst.saddr)])
    at = np.full(64, base, np.int64)
    if inst.sve:
        at += wave.vgpr[register(inst.addr)].astype(np.int64)
    access_local(inst, wave, form, wave.scratch, np.arange(64), at, active, what,
                 register(inst.vdst), register(inst.data))


def access_local(inst, wave, form, array, rows, at, active, what, target, source):
    """LDS and scratch: `array` [rows, bytes]."""
    outside = active & ((at < 0) | (at + form.size > array.shape[1]))
    if outside.any():
        lane = int(np.argmax(outside))
        raise Fault(f"{what}: byte {at[lane]} of {array.shape[1]} in lane {lane}")
    cells = at[active][:, None] + np.arange(form.size)
    chosen = np.broadcast_to(rows, (64,))[active][:, None]
    if form.kind == "load":
        wave.set_vector(inst, target, form, active, array[chosen, cells])
    else:
        words = wave.vector(inst, source, max(form.size // 4, 1), True)[active]
        array[chosen, cells] = to_memory(words, form)


def access_lds(inst, name, wave, what):
    if name == "DS_BPERMUTE_B32":
        return permute(inst, wave)
    if name == "DS_NOP":
        return None
    active, address = wave.active(), wave.vgpr[register(inst.addr)].astype(np.int64)
    pair = re.fullmatch(r"DS_(READ|WRITE)2(ST64)?_(B32|B64)", name)
    if not pair:
        form = form_of(name)
        at = address + (inst.offset0 | inst.offset1 << 8) & 0xFFFFFFFF  # the sum wraps
        access_local(inst, wave, form, wave.lds, 0, at, active, what, register(inst.vdst),
                     register(inst.data0))
        return None
    form = Form("load" if pair[1] == "READ" else "store", SIZES[pair[3]])
    step = form.size * (64 if pair[2] else 1)
    for i, (offset, data) in enumerate(((inst.offset0, inst.data0), (inst.offset1, inst.data1))):
        access_local(inst, wave, form, wave.lds, 0, address + offset * step & 0xFFFFFFFF, active,
                     what, register(inst.vdst) + i * form.size // 4, register(data))
    return None


def permute(inst, wave):
    """Every active lane reads another one's register; an inactive source gives zero."""
    active = wave.active()
    offset = inst.offset0 | inst.offset1 << 8
    lane = (wave.vgpr[register(inst.addr)].astype(np.int64) + offset) // 4 % 64
    value = np.where(active[lane], wave.vgpr[register(inst.data0)][lane], 0)
    wave.vgpr[register(inst.vdst), active] = value[active]


def access_buffer(inst, name, wave, what):
    """A raw descriptor: each dword (or the one narrower component) is inside when all of its bytes
    are; one outside reads as zero and is not written."""
    if name in ("BUFFER_INV", "BUFFER_WBL2"):
        return
    form, active, memory = form_of(name), wave.active(), wave.memory
    first = number(inst.srsrc)
    base, records = wave.scalar64(first), int(wave.sgpr[first + 2])
    if base >> 48 or int(wave.sgpr[first + 3]) != 0x27000 or inst.idxen or inst.lds:
        raise Unsupported(f"{name} with a descriptor that is not raw")
    at = np.full(64, inst.offset, np.int64)
    if inst.offen:
        at += wave.vgpr[register(inst.vaddr)]
    step = min(form.size, 4)
    shift = int(wave.sgpr[number(inst.soffset)])
    data = np.zeros((64, form.size), np.uint8)
    if form.kind == "store":
        data[:] = to_memory(wave.vector(inst, register(inst.vdata), max(form.size // 4, 1), True),
                            form)
    for part in range(0, form.size, step):
        lanes = active & (at + part + step <= records)
        address = at[lanes].astype(np.uint64) + np.uint64(base + shift + part)
        if form.kind == "load":
            data[lanes, part:part + step] = memory.load(address, step, what)
        else:
            memory.store(address, data[lanes, part:part + step], what)
    if form.kind == "load":
        wave.set_vector(inst, register(inst.vdata), form, active, data[active])


ACCESS = {"GLOBAL": access_global, "FLAT": access_flat, "SCRATCH": access_scratch, "DS": access_lds,
          "MUBUF": access_buffer}
