#!/usr/bin/env python3
"""Writes arrays of NumPy for the tests of readers: the fixtures of crates/npy and crates/data.

    venv/bin/python scripts/make_array_fixtures.py

`arrays.npy.gz` is a sequence of .npy files: one for each dtype, byte order, memory order and
version of the format, with three axes, one axis and none. Element k (in C order) of an array is
5 k for unsigned integers, 5 k - 60 for signed integers and k / 4 - 1.5 for floating-point numbers.

`savez.npz` and `savez_compressed.npz` have two images of 4 x 5 pixels and 3 channels, whose element
k is 2 k as uint8, their labels 7 and 0 as int64, and their names as strings.

Prints the SHA-256 of all numbers of 16 bits as float16, converted to float64, with 0 for a NaN. The
test of the conversion has it.
"""

import gzip
import hashlib
import io
import itertools
import pathlib

import numpy as np

CRATES = pathlib.Path(__file__).resolve().parent.parent / "crates"
DTYPES = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]
SHAPES = [(2, 3, 4), (5,), ()]
VERSIONS = [(1, 0), (2, 0), (3, 0)]


def values(kind, shape):
    k = np.arange(int(np.prod(shape)), dtype="f8").reshape(shape)
    return {"u": 5 * k, "i": 5 * k - 60, "f": k / 4 - 1.5}[kind]


def main():
    out = io.BytesIO()
    for dtype, byte_order, order, version in itertools.product(DTYPES, "<>", "CF", VERSIONS):
        for shape in SHAPES:
            array = np.array(values(dtype[0], shape).astype(byte_order + dtype), order=order)
            np.lib.format.write_array(out, array, version=version)
    (CRATES / "npy" / "fixtures" / "arrays.npy.gz").write_bytes(gzip.compress(out.getvalue(), 9, mtime=0))

    arrays = {
        "images": np.arange(0, 240, 2, dtype="u1").reshape(2, 4, 5, 3),
        "labels": np.array([7, 0], dtype="i8"),
        "names": np.array(["first", "second"]),
    }
    for save in (np.savez, np.savez_compressed):
        out = io.BytesIO()
        save(out, **arrays)
        (CRATES / "data" / "fixtures" / f"{save.__name__}.npz").write_bytes(out.getvalue())

    halves = np.nan_to_num(np.arange(1 << 16, dtype="u2").view("f2").astype("f8"), posinf=np.inf, neginf=-np.inf)
    print("all float16:", hashlib.sha256(halves.astype("<f8").tobytes()).hexdigest())


if __name__ == "__main__":
    main()
