"""Trains a model from Python, and reads what it wrote: figures, a picture and samples.

    pip install ADJOINT.whl numpy pillow
    python3 train_from_python.py
"""

import json
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

run = Path("runs/from-python")
subprocess.run(["adjoint", "train", "dcgan", "--steps", "40", "--name", run.name, "--quiet"], check=True)
losses = [json.loads(line) for line in (run / "metrics.jsonl").open()]
grid = Image.open(sorted((run / "samples").glob("*.png"))[-1])
subprocess.run(["adjoint", "sample", "export", run, "--n", "100", "--format", "npz", "--out", "samples.npz"], check=True)
samples = np.load("samples.npz")["x"]
print(f"{len(losses)} lines, the last loss of G is {losses[-1]['loss_g']:.3f}")
print(f"a picture of {grid.width} x {grid.height} pixels; samples {samples.shape}, mean {samples.mean():.3f}")
