#!/usr/bin/env python3
"""Writes crates/conformance/fixtures/*.safetensors: results of PyTorch with which the Rust engine
must agree.

    scripts/make_fixtures.py            write them all (a second run writes the same bytes)
    scripts/make_fixtures.py --check    write nothing, exit 1 if the committed ones differ
"""

import argparse
import sys
from pathlib import Path

import torch

from fixtures import arrays, convolution, dcgan, elementwise, games, layers, objectives, optimizers, vae

MODULES = [elementwise, arrays, convolution, layers, objectives, optimizers, dcgan, games, vae]
DIRECTORY = Path(__file__).resolve().parent.parent / "crates" / "conformance" / "fixtures"
LIMIT = 2_000_000  # bytes in all


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed files; write nothing")
    arguments = parser.parse_args()
    # One thread and PyTorch's own loops add in the same order in every run.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.mkldnn.enabled = False

    bundles = [module.make() for module in MODULES]
    sizes = {bundle.name: len(bundle.to_bytes()) for bundle in bundles}
    for bundle in bundles:
        print(f"{bundle.name:<14} {len(bundle.records):>4} cases {sizes[bundle.name]:>9} bytes")
    print(f"{'in all':<14} {sum(len(b.records) for b in bundles):>4} cases {sum(sizes.values()):>9} bytes")
    if sum(sizes.values()) > LIMIT:
        sys.exit(f"the fixtures are larger than {LIMIT} bytes in all")
    if arguments.check:
        differences = [text for bundle in bundles if (text := bundle.difference_from(DIRECTORY))]
        sys.exit("\n".join(differences) or None)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for bundle in bundles:
        bundle.write(DIRECTORY)


if __name__ == "__main__":
    main()
