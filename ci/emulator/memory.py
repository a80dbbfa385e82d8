"""The memory of an emulated device: every byte has an owner, and every access is checked."""

import numpy as np

GAP = 1 << 16  # bytes between two regions that belong to nobody

NOBODY, READ_ONLY, WRITABLE = 0, 1, 2


class Fault(Exception):
    """An access to bytes that are not the kernel's."""


class Memory:
    """One array, so that a whole wave's access is one numpy operation. Addresses are the host's,
    because the emulator fetches instructions by them."""

    def __init__(self, capacity):
        self.bytes = np.zeros(capacity + 4096, np.uint8)
        self.owner = np.zeros(len(self.bytes), np.uint8)
        self.base = self.bytes.ctypes.data
        self.used = GAP - self.base % 4096
        self.regions = []

    def place(self, name, data, writable):
        """A region that holds `data`; its address is a multiple of 4096."""
        start, size = self.used, len(data)
        if start + size + GAP > len(self.bytes):
            raise MemoryError(f"no room for {name}")
        self.bytes[start:start + size] = np.frombuffer(bytes(data), np.uint8)
        self.owner[start:start + size] = WRITABLE if writable else READ_ONLY
        self.used = (start + size + GAP + 4095) // 4096 * 4096
        self.regions.append((self.base + start, size, name))
        return self.base + start

    def content(self, address, size):
        return self.bytes[address - self.base:address - self.base + size]

    def describe(self, address):
        start, size, name = min(self.regions, key=lambda r: max(r[0] - address,
                                                                 address - r[0] - r[1], 0))
        if address < start:
            return f"{start - address} bytes before {name}"
        past = address - start - size
        return f"{past} bytes past the end of {name}" if past >= 0 else f"inside {name}"

    def cells(self, address, size, write, what):
        """Indices [lanes, size] of the bytes at each lane's `address`."""
        if not len(address):
            return np.zeros((0, size), np.int64)
        at = address.astype(np.int64) - self.base
        inside = (at >= 0) & (at <= len(self.bytes) - size)
        cells = np.where(inside, at, 0)[:, None] + np.arange(size)
        allowed = inside & (self.owner[cells] >= (WRITABLE if write else READ_ONLY)).all(axis=1)
        if not allowed.all():
            lane = int(np.argmin(allowed))
            where = self.describe(int(address[lane]))
            raise Fault(f"{what}, {'write' if write else 'read'} of {size} bytes: {where}")
        return cells

    def load(self, address, size, what):
        return self.bytes[self.cells(address, size, False, what)]

    def store(self, address, data, what):
        self.bytes[self.cells(address, data.shape[1], True, what)] = data

    def scalar(self, address, size, what):
        return self.load(np.array([address]), size, what)[0]
