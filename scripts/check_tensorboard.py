"""Checks with TensorBoard's own reader what `--tensorboard` writes.

    python3 scripts/check_tensorboard.py [--adjoint PROGRAM]

Trains a run, kills it, resumes it and reads its event file: every number of metrics.jsonl is a
scalar of the same step, every sample grid is an image, and every weight has histograms. No step is
there twice. The weights are those of a run without `--tensorboard`. Needs tensorboard and numpy.
"""

import argparse
import json
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).resolve().parent.parent
SIZE = ["--image-size", "16", "--width", "4", "--steps", "60", "--batch-size", "16"]
FLAGS = [*SIZE, "--log-every", "3", "--checkpoint-every", "20", "--sample-every", "20"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adjoint", default=ROOT / "target/debug/adjoint", metavar="PROGRAM")
    program = parser.parse_args().adjoint
    with tempfile.TemporaryDirectory() as directory:
        train = [program, "train", "dcgan", *FLAGS, "--out", directory, "--quiet"]
        run = Path(directory) / "with"
        # It is killed after the first checkpoint and some more steps.
        process = subprocess.Popen([*train, "--name", "with", "--tensorboard", "--threads", "1"])
        log = run / "metrics.jsonl"
        while process.poll() is None and not (log.exists() and '"step":27' in log.read_text()):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        killed = process.wait() == -signal.SIGKILL
        subprocess.run([program, "train", "dcgan", "--resume", run, "--quiet"], check=True)
        subprocess.run([*train, "--name", "without"], check=True)
        for name in ("generator", "discriminator"):
            one, other = (Path(directory) / run / f"{name}.safetensors" for run in ("with", "without"))
            assert one.read_bytes() == other.read_bytes(), f"{name} has other bits"

        events = EventAccumulator(str(run / "tensorboard"), size_guidance={kind: 0 for kind in ("scalars", "images", "histograms")})
        events.Reload()
        expected = defaultdict(dict)
        for line in map(json.loads, log.read_text().splitlines()):
            for name in line.keys() - {"step", "epoch"}:
                expected[name][line["step"]] = line[name]
        assert set(events.Tags()["scalars"]) == set(expected), events.Tags()
        for name, values in expected.items():
            found = events.Scalars(name)
            assert [event.step for event in found] == list(values), f"{name} has other steps: {found}"
            assert np.allclose([event.value for event in found], list(values.values()), rtol=1e-6), name
        (images,) = (events.Images(tag) for tag in events.Tags()["images"])
        grids = sorted((run / "samples").glob("*.png"))
        assert [image.encoded_image_string for image in images] == [grid.read_bytes() for grid in grids]
        histograms = events.Tags()["histograms"]
        names = {"generator/blocks.0.conv.weight", "gradients/discriminator/logit.weight"}
        assert names <= set(histograms), histograms
        for name in histograms:
            steps = [event.step for event in events.Histograms(name)]
            assert steps == [20, 40, 60], (name, steps)
            value = events.Histograms(name)[-1].histogram_value
            assert sum(value.bucket) == value.num and value.min <= value.max, name
    print(f"{len(expected)} figures, {len(images)} pictures and {len(histograms)} histograms", "of a run that was killed" if killed else "(the run ended before it was killed)")
    assert killed, "the run ended before it was killed"


if __name__ == "__main__":
    main()
