"""Reads arrays of an .npz file with the standard library alone: dtype, shape and flat values."""
import ast
import math
import pathlib
import struct
import zipfile

CODES = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q",
         "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "b1": "?"}


class Array:
    """An array of the archive; `values()` unpacks it (row-major, whatever the order on disk)."""

    def __init__(self, dtype, fortran, shape, data):
        self.dtype, self.fortran, self.shape, self.data = dtype, fortran, tuple(shape), data

    def values(self):
        code = CODES[self.dtype[1:]]
        order = ">" if self.dtype[0] == ">" else "<"
        flat = struct.unpack(f"{order}{len(self.data) // struct.calcsize(code)}{code}", self.data)
        if not self.fortran or len(self.shape) < 2:
            return flat
        strides = [1]
        for extent in self.shape[:-1]:
            strides.append(strides[-1] * extent)
        offsets = [0]
        for extent, stride in zip(self.shape, strides):
            offsets = [base + i * stride for base in offsets for i in range(extent)]
        return tuple(flat[offset] for offset in offsets)


def load_raw(path, like):
    """An array that raw-run wrote, with the type of `like` (its file does not say)."""
    header, data = pathlib.Path(path).read_bytes().split(b"\n", 1)
    rank, *shape = [int(word) for word in header.split()]
    if rank != len(shape):
        raise ValueError(f"{path}: rank {rank} with {len(shape)} extents")
    return Array(like.dtype, False, shape, data)


def save_raw(path, array):
    """Writes an array for raw-run: a line with rank and extents, then the elements in row-major order."""
    if array.fortran and len(array.shape) > 1:
        code = CODES[array.dtype[1:]]
        data = struct.pack(f"<{len(array.values())}{code}", *array.values())
    else:
        data = array.data
    header = " ".join(str(word) for word in (len(array.shape), *array.shape))
    pathlib.Path(path).write_bytes(header.encode() + b"\n" + data)


def relative_error(got, want):
    """max|a-b| / max|b|; NaN agrees with NaN, an infinity with itself. Infinite when shapes differ."""
    if got.shape != want.shape:
        return math.inf
    worst = scale = 0.0
    for a, b in zip(got.values(), want.values()):
        if a == b or (a != a and b != b):
            difference = 0.0
        else:
            difference = abs(float(a) - float(b))
            if difference != difference:
                return math.inf
        worst = max(worst, difference)
        if math.isfinite(b):
            scale = max(scale, abs(float(b)))
    return worst / scale if scale else (math.inf if worst else 0.0)


def load(path):
    """All arrays of the file by name. Raises ValueError when the file is not what NumPy writes."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            data = archive.read(member)
            if data[:6] != b"\x93NUMPY":
                raise ValueError(f"{path}: {member} is not an array")
            wide = data[6] >= 2
            size = struct.unpack_from("<I" if wide else "<H", data, 8)[0]
            start = (12 if wide else 10) + size
            header = ast.literal_eval(data[start - size:start].decode("latin1"))
            name = member[:-4] if member.endswith(".npy") else member
            arrays[name] = Array(header["descr"], header["fortran_order"], header["shape"], data[start:])
    return arrays
