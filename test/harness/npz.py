"""Reads arrays of an .npz file with the standard library alone: dtype, shape and flat values."""
import ast
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
