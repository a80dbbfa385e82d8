"""A bare ELF of an AMD GPU's kernels: its bytes as they lie in memory, and what launches need."""

import struct
from dataclasses import dataclass

PT_LOAD, PT_NOTE, NT_AMDGPU_METADATA = 1, 4, 32


def unpack_messages(data, at=0):
    """The MessagePack value at `at` and where it ends; the types that AMD's notes use."""
    tag = data[at]
    if tag < 0x80:
        return tag, at + 1
    if tag >= 0xE0:
        return tag - 256, at + 1
    if tag in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[tag], at + 1
    numbers = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i"}
    if tag in numbers:
        size = struct.calcsize(numbers[tag])
        return struct.unpack_from(numbers[tag], data, at + 1)[0], at + 1 + size
    for lowest, mask, kind in ((0xA0, 0x1F, "text"), (0x90, 0x0F, "list"), (0x80, 0x0F, "map")):
        if tag & ~mask & 0xFF == lowest:
            return unpack_items(data, at + 1, tag & mask, kind)
    lengths = {0xD9: (">B", "text"), 0xDA: (">H", "text"), 0xDC: (">H", "list"),
               0xDE: (">H", "map")}
    if tag not in lengths:
        raise ValueError(f"MessagePack type {tag:#x}")
    form, kind = lengths[tag]
    size = struct.calcsize(form)
    return unpack_items(data, at + 1 + size, struct.unpack_from(form, data, at + 1)[0], kind)


def unpack_items(data, at, count, kind):
    if kind == "text":
        return bytes(data[at:at + count]).decode(), at + count
    items = []
    for _ in range(count * (2 if kind == "map" else 1)):
        item, at = unpack_messages(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if kind == "map" else items), at


@dataclass
class Kernel:
    name: str
    descriptor: int  # offset in the image
    args: list       # of the metadata: .offset, .size, .value_kind
    kernarg_bytes: int
    lds_bytes: int   # static
    scratch_bytes: int  # of a lane


class CodeObject:
    """`image` is what a loader makes of the file, from address 0."""

    def __init__(self, path):
        self.path, data = path, path.read_bytes()
        if data[:4] != b"\x7fELF":
            raise ValueError(f"{path}: no ELF file")
        start, size, count = struct.unpack_from("<Q14xHH", data, 32)
        headers = [struct.unpack_from("<II6Q", data, start + i * size) for i in range(count)]
        loads = [h for h in headers if h[0] == PT_LOAD]
        self.image = bytearray(max(h[3] + h[6] for h in loads))
        for _, _, offset, address, _, file_bytes, _, _ in loads:
            self.image[address:address + file_bytes] = data[offset:offset + file_bytes]
        self.kernels = {}
        for header in headers:
            if header[0] == PT_NOTE:
                self.read_notes(data[header[2]:header[2] + header[5]], self.symbols(data))

    @staticmethod
    def symbols(data):
        """Addresses of the dynamic symbols."""
        start, size, count = struct.unpack_from("<Q10xHH", data, 40)
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, start + i * size) for i in range(count)]
        found = {}
        for section in (s for s in sections if s[1] == 11):  # SHT_DYNSYM
            names = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], section[9]):
                name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
                text = data[names + name:data.index(b"\0", names + name)].decode()
                found[text] = value
        return found

    def read_notes(self, notes, symbols):
        at = 0
        while at + 12 <= len(notes):
            name_size, size, kind = struct.unpack_from("<III", notes, at)
            at += 12 + (name_size + 3) // 4 * 4
            if kind == NT_AMDGPU_METADATA:
                for k in unpack_messages(notes[at:at + size])[0]["amdhsa.kernels"]:
                    self.kernels[k[".name"]] = Kernel(
                        k[".name"], symbols[k[".symbol"]], k.get(".args", []),
                        k[".kernarg_segment_size"], k[".group_segment_fixed_size"],
                        k[".private_segment_fixed_size"])
            at += (size + 3) // 4 * 4

    def kernel(self, name):
        """By its name in the source, which C++ may have decorated."""
        for known, kernel in self.kernels.items():
            if known == name or known.startswith(f"_Z{len(name)}{name}"):
                return kernel
        raise KeyError(f"{self.path}: no kernel {name}")
