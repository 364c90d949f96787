#!/usr/bin/env python3
"""Compares `adjoint_data::Fit` with Pillow's `Image.resize(..., BICUBIC)`.

    scripts/compare_pillow.py            compare; exit 1 if they disagree or a fixture is stale
    scripts/compare_pillow.py --write    also write the fixtures, crates/data/fixtures/pillow/*.png

The script draws an image and fits it with the example `fit` of the crate `adjoint-data`. They agree
if in each case at least 99 % of the pixels differ by at most one level. Pillow rounds to 0..=255
between its two passes, and Adjoint does not. The differences are therefore larger where edges
between black and white cross other edges. The script needs cargo and Python with NumPy and Pillow.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "crates" / "data" / "fixtures" / "pillow"
#: The least share of the pixels that must differ by at most one level.
SHARE = 0.99
WHITE = 255

#: Height and width of the drawn image, the levels of its bars, and its cases: mode and size. They
#: shrink, enlarge, and do both on different axes.
LARGE = (213, 320, (0, 255))
CASES = [
    ("stretch", 16), ("stretch", 64), ("stretch", 271), ("stretch", 512),
    ("crop", 23), ("crop", 64), ("crop", 305),
    ("pad", 37), ("pad", 128), ("pad", 500),
]
#: The same for the fixtures. `crates/data/tests/data/pillow.rs` has this list, too. With bars of
#: black and white, the differences at their edges would be more than 1 % of such a small image.
SMALL = (29, 41, (20, 235))
SMALL_CASES = [("stretch", 35), ("crop", 16), ("pad", 50)]


def draw(height, width, levels):
    """Returns an RGB image with gradients, rings, a disk, bars of two levels, and noise. Only
    integers are used, so the image is the same everywhere."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    right, bottom = 2 * x >= width, 4 * y >= 3 * height
    ramps = [x * 255 // (width - 1), y * 255 // (height - 1), (x + y) * 255 // (width + height - 2)]
    image = np.stack(ramps, axis=-1)

    def paint(mask, *channels):
        image[mask] = np.stack([np.broadcast_to(channel, mask.shape) for channel in channels], axis=-1)[mask]

    squared_radius = (2 * x - width) ** 2 + (2 * y - height) ** 2
    rings = np.abs(squared_radius * 8 // width % 512 - 256) * 255 // 256
    paint(right & (2 * y < height), rings, rings, rings)
    from_disk = (2 * x - width // 2) ** 2 + (2 * y - height // 2) ** 2
    paint(from_disk < (min(height, width) // 3) ** 2, 230, 40, 20)
    bars = np.where(x // 3 % 2 == 0, *levels)
    paint(~right & bottom, bars, bars, bars)
    hashed = x * 7919 + y * 104729 + x * y * 31
    noise = hashed * hashed // 64 % 256
    paint(right & bottom, noise, 255 - noise, noise // 2)
    return image.astype(np.uint8)


def images(drawing):
    """Returns the image `draw(*drawing)` in colour and in grayscale, by name."""
    rgb = draw(*drawing)
    return {"rgb": rgb, "gray": rgb[..., 1]}


def centred(inner, outer):
    """Returns the index of the centred rectangle of shape `inner` in an image of shape `outer`."""
    return tuple(slice((out - side) // 2, (out - side) // 2 + side) for side, out in zip(inner, outer))


def fit_with_pillow(image, mode, size):
    """Returns the fitted image, and the index of the part of it that shows `image`."""
    shape, target = image.shape[:2], (size, size)
    if mode == "crop":
        image = image[centred((min(shape), min(shape)), shape)]
    if mode == "pad":
        target = tuple(max((2 * side * size + max(shape)) // (2 * max(shape)), 1) for side in shape)
    shown = centred(target, (size, size))
    fitted = np.full((size, size, *image.shape[2:]), WHITE, np.uint8)
    resized = Image.fromarray(image).resize((target[1], target[0]), Image.Resampling.BICUBIC)
    fitted[shown] = np.asarray(resized)
    return fitted, shown


def fit_with_adjoint(image, mode, size, directory):
    source, fitted = directory / "source.png", directory / "fitted.png"
    Image.fromarray(image).save(source)
    command = ["cargo", "run", "-q", "-p", "adjoint-data", "--example", "fit", "--", mode, str(size), source, fitted]
    subprocess.run(command, cwd=ROOT, check=True)
    return np.asarray(Image.open(fitted))


def compare(name, image, mode, size, directory):
    """Prints a line about a case. Returns whether both agree in it."""
    theirs, shown = fit_with_pillow(image, mode, size)
    ours = fit_with_adjoint(image, mode, size, directory)
    if ours.shape != theirs.shape:
        sys.exit(f"{name} {mode} {size}: the shape is {ours.shape}, not {theirs.shape}")
    difference = np.abs(ours.astype(int) - theirs.astype(int)).reshape(size, size, -1).max(axis=-1)
    share, largest = (difference[shown] <= 1).mean(), difference.max()
    difference[shown] = 0
    agree = share >= SHARE and not difference.any()  # the background is the same
    height, width = image.shape[:2]
    print(f"{mode:<8}{height}x{width} to {size:<4} {name:<5}{share:9.3%} within one level, at most {largest:>2}"
          f"{'' if agree else '  DISAGREE'}")
    return agree


def fixtures():
    """Returns the images of the fixtures by the names of their files."""
    files = {}
    for name, image in images(SMALL).items():
        files[f"source-{name}.png"] = image
        for mode, size in SMALL_CASES:
            files[f"{mode}-{size}-{name}.png"] = fit_with_pillow(image, mode, size)[0]
    return files


def is_current(path, image):
    return path.exists() and np.array_equal(np.asarray(Image.open(path)), image)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the fixtures")
    if parser.parse_args().write:
        FIXTURES.mkdir(parents=True, exist_ok=True)
        for name, image in fixtures().items():
            Image.fromarray(image).save(FIXTURES / name, optimize=True)

    problems = [f"{name} is stale; run --write" for name, image in fixtures().items()
                if not is_current(FIXTURES / name, image)]
    with tempfile.TemporaryDirectory() as directory:
        for drawing, cases in [(LARGE, CASES), (SMALL, SMALL_CASES)]:
            for name, image in images(drawing).items():
                agree = [compare(name, image, mode, size, Path(directory)) for mode, size in cases]
                if not all(agree):
                    problems.append(f"{name} images disagree with Pillow")
    sys.exit("\n".join(problems) or None)


if __name__ == "__main__":
    main()
