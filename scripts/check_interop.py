"""Checks the networks that `adjoint export` writes, in onnxruntime and in PyTorch.

    python3 scripts/check_interop.py [--adjoint PROGRAM] [--only REGEX] [--run RUN]

Trains tiny runs of every model with many combinations of options, exports them, and evaluates each
network on 64 inputs. The outputs of generators, decoders and encoders must equal those of
`adjoint sample decode` and `encode`. No command shows the logits of discriminators and the log
variances of encoders, so these must be equal in both libraries, and a Rust test compares them with
the engine. The error is the largest difference divided by the root mean square of the expected
values, in the range of the network; at most 1e-5 is allowed. The weights for PyTorch must be those
in the ONNX file, and model.py must compile. Prints a table.

Needs numpy, onnx and onnxruntime. PyTorch and safetensors are used if they are installed.
"""

import argparse
import importlib.util
import json
import py_compile
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
        content = array["content"]
        if content == "one-hot":
            values = np.eye(shape[1])[np.arange(ROWS) % shape[1]]
        elif content == "normal":
            values = rng.standard_normal(shape)
        else:
            values = rng.uniform(0 if content == "unit-image" else -1, 1, shape)
            # Exact in every range.
            values = np.round(256 * values) / 256 if len(shape) == 4 else values
        inputs[array["name"]] = values.astype(np.float32)
    return inputs


def expected_of(program, run, network, inputs, low, directory):
    """The first output of a network in Adjoint, or None if no command shows it."""
    if network["name"] == "discriminator":
        return None
    is_encoder = network["name"] == "encoder"
    first, *condition = inputs.values()
    np.save(directory / "first.npy", first)
    command = ["sample", "encode", run, directory / "first.npy"] if is_encoder else ["sample", "decode", run, "--latents", directory / "first.npy"]
    for y in condition:
        np.save(directory / "y.npy", to_unit(y, low) if y.ndim == 4 else np.argmax(y, axis=1))
        command += ["--conditions", directory / "y.npy"]
    adjoint(program, *command, "--out", directory / "out.npy")
    out = np.load(directory / "out.npy")
    return out * (1 - low) + low if out.ndim == 4 else out


def to_unit(x, low):
    return ((x - low) / (1 - low)).astype(np.float32)


def read_safetensors(path):
    """The weights in a file, without a library."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    types = {"F32": np.float32, "I64": np.int64}
    weights = {}
    for name, tensor in json.loads(content[8:start]).items():
        if name != "__metadata__":
            begin, end = tensor["data_offsets"]
            weights[name] = np.frombuffer(content[start + begin : start + end], types[tensor["dtype"]]).reshape(tensor["shape"])
    return weights


def check_weights(directory, network):
    """The weights in both formats are equal. PyTorch has also counters of batches."""
    of_onnx = {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(directory / "onnx" / f"{network}.onnx").graph.initializer}
    of_torch = read_safetensors(directory / "torch" / f"{network}.safetensors")
    of_torch = {name: weight for name, weight in of_torch.items() if not name.endswith("num_batches_tracked")}
    assert of_torch, f"{network} has no weights"
    for name, weight in of_torch.items():
        assert np.array_equal(weight, of_onnx[name]), f"{network}: {name} differs"
    others = [name for name in of_onnx.keys() - of_torch.keys() if of_onnx[name].dtype != np.int64]
    assert not others, f"{network}: PyTorch lacks {others}"


def train(program, flags, directory):
    """Trains a tiny run and returns its directory."""
    model, *flags = flags
    small = [*SMALL, *(OF_VAES if model == "vae" else OF_GAMES)]
    adjoint(program, "train", model, *flags, *small, "--out", directory, "--name", "run")
    return directory / "run"


def check(program, run, directory):
    """Yields the name of each network of a run with its errors in both libraries."""
    for target in ("onnx", "torch"):
        adjoint(program, "export", run, "--to", target, directory / target)
    config = json.loads((directory / "onnx" / "config.json").read_text())
    assert config["layout"] == "NCHW", config
    low, high = config["pixel_range"] or (0, np.inf)
    py_compile.compile(str(directory / "torch" / "model.py"), doraise=True)
    rng = np.random.default_rng(1)
    for network in config["networks"]:
        check_weights(directory, network["name"])
        inputs = inputs_of(network, rng)
        outputs = {"onnxruntime": in_onnx(directory / "onnx" / f"{network['name']}.onnx", inputs)}
        if torch:
            outputs["torch"] = in_torch(directory / "torch", network["name"], inputs)
        expected = [expected_of(program, run, network, inputs, low, directory)] + [None] * (len(network["outputs"]) - 1)
        if expected[0] is not None and expected[0].ndim == 4:
            # `sample decode` limits the means of normal pixels to the range of pixels.
            outputs = {library: [np.clip(values[0], low, high)] for library, values in outputs.items()}
        # What no command shows needs two results to compare.
        expected = [y if y is not None else outputs["torch"][i] if torch else None for i, y in enumerate(expected)]
        compared = lambda values: [error(x, y) for x, y in zip(values, expected) if y is not None]
        yield network["name"], {library: max(compared(values)) for library, values in outputs.items() if compared(values)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adjoint", default=ROOT / "target/debug/adjoint", metavar="PROGRAM")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), metavar="REGEX", help="check only the matching runs")
    parser.add_argument("--run", type=Path, action="append", metavar="RUN", help="check this run instead; may be repeated")
    options = parser.parse_args()
    libraries = ["onnxruntime", *(["torch"] if torch else [])]
    print("| run | network |", " | ".join(libraries), "|\n| --- | --- |", " --- |" * len(libraries))
    checked, worst = 0, 0.0
    runs = {run.name: run for run in options.run} if options.run else {name: flags for name, flags in RUNS.items() if options.only.search(name)}
    for name, run in runs.items():
        with tempfile.TemporaryDirectory() as directory:
            directory = Path(directory)
            run = run if options.run else train(options.adjoint, run, directory)
            for network, errors in check(options.adjoint, run, directory):
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
