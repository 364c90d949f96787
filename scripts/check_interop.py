"""Checks the networks that `adjoint export` writes, in onnxruntime and in PyTorch.

    python3 scripts/check_interop.py [--adjoint PROGRAM] [--only REGEX]

Trains tiny runs of every model with many combinations of options, exports them, and evaluates each
network on 64 inputs. The outputs of generators, decoders and encoders must equal those of
`adjoint sample decode` and `encode`; those of discriminators must be equal in both libraries. (A
Rust test compares discriminators with the engine.) The error is the largest difference divided by
the root mean square of the expected values; at most 1e-5 is allowed. Prints a table.

Needs numpy, onnx and onnxruntime. PyTorch and safetensors are used if they are installed.
"""

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

try:
    import torch
except ImportError:
    torch = None

ROOT = Path(__file__).resolve().parent.parent
ROWS = 64
LARGEST_ERROR = 1e-5

SMALL = ["--steps", "12", "--batch-size", "8", "--seed", "3", "--quiet"]
# Large steps, so that the outputs of untrained networks are not all alike.
OF_GAMES = ["--lr", "0.002", "--ema", "0.5"]
OF_VAES = ["--lr", "0.01"]
RUNS = {
    "dcgan 16 gray": ["dcgan", "--image-size", "16", "--width", "4"],
    "dcgan 28 gray, D spectral": ["dcgan", "--image-size", "28", "--width", "4", "--d-norm", "spectral"],
    "dcgan 32 colour, D none": ["dcgan", "--dataset", "glyphs-rgb", "--image-size", "32", "--width", "4", "--d-norm", "none"],
    "dcgan 64 colour, Gaussian noise": ["dcgan", "--dataset", "glyphs-rgb", "--image-size", "64", "--width", "4", "--noise", "gaussian"],
    "dcgan 128 gray": ["dcgan", "--image-size", "128", "--width", "2"],
    "gan 28 gray": ["gan", "--g-hidden", "20,30", "--d-hidden", "30,20"],
    "gan 32 colour, batch norm in G and D": ["gan", "--dataset", "glyphs-rgb", "--image-size", "32", "--g-hidden", "20", "--d-hidden", "20", "--g-batch-norm", "--d-norm", "batch"],
    "gan 16 gray, D spectral": ["gan", "--image-size", "16", "--g-hidden", "20", "--d-hidden", "20", "--d-norm", "spectral"],
    "gan ring": ["gan", "--dataset", "ring"],
    "cgan 28 one-hot": ["cgan", "--width", "4"],
    "cgan 28 embedding, D spectral": ["cgan", "--width", "4", "--condition", "embedding", "--d-norm", "spectral"],
    "cgan 28 perceptrons, embedding": ["cgan", "--arch", "mlp", "--g-hidden", "20", "--d-hidden", "20", "--condition", "embedding"],
    "cgan 32 colour, inpaint": ["cgan", "--dataset", "glyphs-rgb", "--image-size", "32", "--width", "4", "--task", "inpaint"],
    "vae 28 perceptrons": ["vae", "--hidden", "30,20"],
    "vae 28 perceptrons, conditional, Gaussian": ["vae", "--hidden", "30", "--conditional", "--likelihood", "gaussian"],
    "vae 32 colour, convolutions": ["vae", "--dataset", "glyphs-rgb", "--image-size", "32", "--arch", "conv", "--width", "4"],
    "vae 64 convolutions, conditional": ["vae", "--image-size", "64", "--arch", "conv", "--width", "4", "--conditional"],
}


def adjoint(program, *arguments):
    result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"check_interop.py: {program} {' '.join(map(str, arguments))}: {result.stderr.strip()}")


def in_onnx(path, inputs):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == list(inputs), path
    return session.run(None, inputs)


def in_torch(directory, network, inputs):
    spec = importlib.util.spec_from_file_location(f"model_{directory.name}", directory / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with torch.no_grad():
        outputs = module.load()[network](*map(torch.from_numpy, inputs.values()))
    return [y.numpy() for y in (outputs if isinstance(outputs, tuple) else [outputs])]


def error(found, expected):
    assert found.shape == expected.shape, f"{found.shape} instead of {expected.shape}"
    assert expected.std() > 1e-3 * np.abs(expected).max(), "all outputs are alike"
    assert np.isfinite(found).all() and np.isfinite(expected).all(), "numbers that are not finite"
    return float(np.abs(found - expected).max() / np.sqrt(np.mean(np.square(expected, dtype=np.float64))))


def inputs_of(network, rng):
    """Random inputs of a network, as config.json describes it."""
    inputs = {}
    for array in network["inputs"]:
        shape = [ROWS, *array["shape"][1:]]
        if "one-hot" in array["about"]:
            values = np.eye(shape[1])[np.arange(ROWS) % shape[1]]
        elif array["name"] == "z":
            values = rng.uniform(-1, 1, shape)
        else:
            values = rng.uniform(0, 1, shape)
        inputs[array["name"]] = values.astype(np.float32)
    return inputs


def expected_of(program, run, network, inputs, low, directory):
    """The first output of a network in Adjoint, or None if no command shows it."""
    to_unit = lambda x: (x - low) / (1 - low)
    if network["name"] == "discriminator":
        return None
    given = dict(inputs)
    first = given.pop("z", None) if network["name"] != "encoder" else given.pop("x")
    np.save(directory / "first.npy", first)
    command = ["sample", "decode", run, "--latents", directory / "first.npy"]
    if network["name"] == "encoder":
        command = ["sample", "encode", run, directory / "first.npy"]
    if "y" in given:
        y = given["y"]
        np.save(directory / "y.npy", to_unit(y) if y.ndim == 4 else np.argmax(y, axis=1))
        command += ["--conditions", directory / "y.npy"]
    adjoint(program, *command, "--out", directory / "out.npy")
    return np.load(directory / "out.npy")


def check(program, name, flags, directory):
    """Yields the name of each network with its errors in both libraries."""
    model, *flags = flags
    small = [*SMALL, *(OF_VAES if model == "vae" else OF_GAMES)]
    adjoint(program, "train", model, *flags, *small, "--out", directory, "--name", "run")
    run = directory / "run"
    for target in ("onnx", "torch"):
        adjoint(program, "export", run, "--to", target, directory / target)
    config = json.loads((directory / "onnx" / "config.json").read_text())
    assert config["layout"] == "NCHW" and config["model"] == model, config
    is_points = config["pixel_range"] is None
    low = 0.0 if is_points else config["pixel_range"][0]
    rng = np.random.default_rng(1)
    for network in config["networks"]:
        inputs = inputs_of(network, rng)
        if "y" in inputs and inputs["y"].ndim == 4:
            # Conditions are given to Adjoint as pixels from 0 to 1.
            inputs["y"] = (inputs["y"] * (1 - low) + low).astype(np.float32)
        outputs = {"onnxruntime": in_onnx(directory / "onnx" / f"{network['name']}.onnx", inputs)}
        if torch:
            outputs["torch"] = in_torch(directory / "torch", network["name"], inputs)
        expected = expected_of(program, run, network, inputs, low, directory)
        if expected is None:
            # There must be two results to compare.
            expected = outputs["torch"][0] if torch else None
        elif network["name"] != "encoder" and not is_points:
            for values in outputs.values():
                values[0] = np.clip((values[0] - low) / (1 - low), 0, 1)
        known = expected is not None
        yield network["name"], {library: error(values[0], expected) for library, values in outputs.items() if known}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adjoint", default=ROOT / "target/debug/adjoint", metavar="PROGRAM")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), metavar="REGEX", help="check only the matching runs")
    options = parser.parse_args()
    libraries = ["onnxruntime", *(["torch"] if torch else [])]
    print("| run | network |", " | ".join(libraries), "|\n| --- | --- |", " --- |" * len(libraries))
    checked, worst = 0, 0.0
    for name, flags in RUNS.items():
        if not options.only.search(name):
            continue
        with tempfile.TemporaryDirectory() as directory:
            for network, errors in check(options.adjoint, name, flags, Path(directory)):
                print(f"| {name} | {network} |", " | ".join(f"{errors[library]:.1e}" if errors else "ran" for library in libraries), "|", flush=True)
                checked, worst = checked + len(errors), max([worst, *errors.values()])
    if not checked:
        sys.exit("check_interop.py: no run matches")
    if not worst <= LARGEST_ERROR:
        sys.exit(f"check_interop.py: the largest error is {worst:.1e}, and {LARGEST_ERROR:.0e} is allowed")
    if not torch:
        print("\nPyTorch is not installed, so model.py was not run.")


if __name__ == "__main__":
    main()
