"""Digests of the contents of weight files and pictures, independent of the encoding of the file."""

import hashlib
import json
import struct
import zlib


def tensors_digest(data):
    """Returns the SHA-256 of the tensors of a safetensors file, without the metadata.

    The metadata contains paths and dates, and the order of the tensors in a file is arbitrary.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8:start])
    tensors.pop("__metadata__", None)
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        begin, end = tensor["data_offsets"]
        if end > len(data) - start:
            raise ValueError("the file is too short for its tensors")
        record = [name, tensor["dtype"], tensor["shape"], end - begin]
        digest.update(json.dumps(record).encode() + b"\n")
        digest.update(data[start + begin:start + end])
    return digest.hexdigest()


def pixels_digest(data):
    """Returns the SHA-256 of the size and the pixels of an 8-bit grayscale or RGB PNG file.

    Metadata, compression and row filters do not change the digest.
    """
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG file")
    chunks, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        chunks[kind] = chunks.get(kind, b"") + data[at + 8:at + 8 + size]
        at += size + 12
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    channels = {0: 1, 2: 3}.get(color)
    if depth != 8 or interlace or not channels:
        raise ValueError("not 8-bit grayscale or RGB without interlace")
    lines = zlib.decompress(chunks[b"IDAT"])
    row = width * channels
    if len(lines) != height * (1 + row):
        raise ValueError("too many or too few pixels")
    digest = hashlib.sha256(json.dumps([width, height, channels]).encode() + b"\n")
    above = bytes(row)
    for at in range(0, len(lines), 1 + row):
        above = unfiltered(lines[at], lines[at + 1:at + 1 + row], above, channels)
        digest.update(above)
    return digest.hexdigest()


def unfiltered(kind, line, above, channels):
    """Returns the pixel bytes of a row, given the filtered bytes (PNG specification, section
    9.2)."""
    pixels = bytearray(channels)  # zeros to the left of the row
    above = bytes(channels) + above
    for i, byte in enumerate(line):
        a, b, c = pixels[i], above[i + channels], above[i]
        if kind == 0:
            predicted = 0
        elif kind == 1:
            predicted = a
        elif kind == 2:
            predicted = b
        elif kind == 3:
            predicted = (a + b) // 2
        elif kind == 4:
            # The Paeth predictor: the first of a, b, c that is nearest to a + b - c.
            predicted = min(a, b, c, key=lambda x: abs(a + b - c - x))
        else:
            raise ValueError(f"unknown filter {kind}")
        pixels.append((byte + predicted) & 255)
    return bytes(pixels[channels:])


def self_test():
    """Checks the digests of files of a few bytes. Returns the descriptions of failed checks."""

    def weights(values, metadata=None, **entry):
        header = {"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **entry}}
        if metadata:
            header["__metadata__"] = metadata
        text = json.dumps(header).encode()
        return tensors_digest(len(text).to_bytes(8, "little") + text + struct.pack("<2f", *values))

    def two(order):
        values = {"a": b"12", "b": b"345"}
        header, body = {}, b""
        for name in order:
            size, start = len(values[name]), len(body)
            header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [start, start + size]}
            body += values[name]
        text = json.dumps(header).encode()
        return tensors_digest(len(text).to_bytes(8, "little") + text + body)

    def picture(second_row, text=b""):
        def chunk(kind, content):
            body = kind + content
            return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

        header = struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0)
        lines = zlib.compress(bytes([0, 10, 20, 40] + second_row))
        chunks = [(b"IHDR", header), (b"tEXt", text), (b"IDAT", lines[:5]), (b"IDAT", lines[5:]),
                  (b"IEND", b"")]
        return pixels_digest(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*pair) for pair in chunks))

    base, image = weights([1.0, 2.0]), picture([0, 2, 60, 27])
    checks = {
        "the same tensors have the same digest": base == weights([1.0, 2.0]),
        "metadata is ignored": base == weights([1.0, 2.0], {"path": "x"}),
        "the order of tensors is ignored": two("ab") == two("ba"),
        "the last bit of a value counts": base != weights([1.0, 2.0000002]),
        "the sign of zero counts": weights([0.0, 0.0]) != weights([0.0, -0.0]),
        "the type counts": base != weights([1.0, 2.0], dtype="I32"),
        "the shape counts": base != weights([1.0, 2.0], shape=[2, 1]),
        "metadata of a PNG file is ignored": image == picture([0, 2, 60, 27], text=b"k\0v"),
        "the sub filter is undone": image == picture([1, 2, 58, 223]),
        "the up filter is undone": image == picture([2, 248, 40, 243]),
        "the average filter is undone": image == picture([3, 253, 49, 233]),
        "the Paeth filter is undone": image == picture([4, 248, 50, 223]),
        "a pixel counts": image != picture([0, 2, 60, 28]),
    }
    return [what for what, holds in checks.items() if not holds]
