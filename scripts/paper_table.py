#!/usr/bin/env python3
"""Runs published protocols and writes docs/performance/paper-table.md, a table of published results
and our results.

A row has a training run (or one run per seed), an evaluation, and the metric that is read from it.
`--run ROW...` (or `--run all`) runs rows. The other rows keep the result of an earlier call, or are
marked as not yet run. If a row is interrupted, the next call resumes its training, because the runs
are stored in `--out`. The file RUN.made.json next to a run records the date, commit, machine and
time of each call of a trainer; the table is made from it. Without arguments, the script writes the
table again from the results that it stores. The script needs git and Python without packages.
"""

import argparse
import datetime
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "performance" / "paper-table.md"


@dataclass
class Row:
    """A published result and the way in which it is reproduced."""

    name: str
    what: str
    published: str
    protocol: str
    budget: str
    #: Program and flags of the training, without data, seed and name; empty if the data itself is
    #: measured.
    train: list
    #: The name of a metric of `evaluate`, or of a metric in the final.json of the run.
    figure: str
    seeds: int = 1
    scale: float = 1.0


VAE = ["train-vae", "--hidden", "200,200", "--latent", "50", "--batch-size", "20", "--lr-schedule", "linear", "--epochs", "100",
       "--nll-samples", "5000", "--nll-images", "10000"]
BURDA = ("784-200-200-50 with tanh; batches of 20; Adam 1e-3, falling to 0 over the second half; -log p(x) of all test images with 5,000 importance "
         "samples each")
WINDOW = ("10,000 samples{}; the window width is the one of 25 that maximises the likelihood of 1,000 training images; log p of 10,000 test images, pixels in "
          "[0, 1]")
READING = "the test set, classified by the nearest of 50,000 {}"

ROWS = [
    Row("gan-parzen", "GAN, Parzen window, nats", "225 ± 2 (Goodfellow et al. 2014, table 1)", WINDOW.format(""), "25 epochs",
        ["train-gan", "--epochs", "25"], "parzen"),
    Row("cgan-parzen", "conditional GAN, Parzen window, nats", "132 ± 1.8 (Mirza & Osindero 2014, table 1)",
        WINDOW.format(", classes in equal parts"), "25 epochs", ["train-cgan", "--arch", "mlp", "--epochs", "25"], "parzen"),
    Row("vae-static", "VAE, -log p(x), static binarisation, nats", "≤ 89.9 (Rezende & Mohamed 2015, table 2; a bound for a different network, without a flow)",
        BURDA + "; pixels drawn once, from our own seed instead of the published draw", "100 epochs", [*VAE, "--binarize", "static"], "nll_test"),
    *[
        Row(f"{name.lower()}-{k}", f"{name}, k = {k}, -log p(x), dynamic binarisation, nats", f"{published} (Burda et al. 2016, table 1)", BURDA,
            "100 epochs (published: 3,280)", [*VAE, "--binarize", "dynamic", "--objective", objective, "--k", str(k)], "nll_test")
        for name, objective, k, published in [
            ("VAE", "elbo", 1, 86.76), ("VAE", "elbo", 5, 86.47), ("VAE", "elbo", 50, 86.35), ("IWAE", "iwae", 5, 85.54), ("IWAE", "iwae", 50, 84.78),
        ]
    ],
    Row("real-1nn", "1-NN error by real images, %", "3.1 (Radford et al. 2016, table 3)", READING.format("training images"), "none", [], "one_nn_error",
        scale=100),
    Row("gan-1nn", "1-NN error by samples of a conditional GAN, %", "6.28 (Radford et al. 2016, table 3)",
        READING.format("samples, classes in equal parts"), "25 epochs", ["train-cgan", "--arch", "mlp", "--epochs", "25"], "one_nn_error", scale=100),
    Row("dcgan-1nn", "1-NN error by samples of a conditional DCGAN, %", "2.98 (Radford et al. 2016, table 3)",
        READING.format("samples, classes in equal parts"), "25 epochs", ["train-cgan", "--arch", "conv", "--epochs", "25"], "one_nn_error", scale=100),
]
EVALUATE = ["--nll-samples", "0", "--labelled", "50000"]


def cargo(*arguments):
    """Runs a program of the workspace."""
    command = ["cargo", "run", "--quiet", "-p", arguments[0], "--", *arguments[1:]]
    print("$ " + " ".join(command), flush=True)
    subprocess.run(command, cwd=ROOT, check=True)


def made_now():
    """Returns the current date, commit and machine."""
    return {"date": datetime.date.today().isoformat(), "commit": commit(), "machine": machine()}


def write(path, text):
    """Replaces a file as a whole. An interrupted call leaves either the old file or the new
    file."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    os.replace(beside, path)


def timed(record, *arguments):
    """Runs a program of the workspace. Records the date, commit, machine and seconds of the call in
    a file. The seconds are null while the program runs, and remain null if this script is
    killed."""
    calls = json.loads(record.read_text()) if record.is_file() else []
    calls.append({**made_now(), "seconds": None})
    write(record, json.dumps(calls))
    started = time.monotonic()
    try:
        cargo(*arguments)
    finally:
        calls[-1]["seconds"] = round(time.monotonic() - started, 3)
        write(record, json.dumps(calls))


def train(row, seed, arguments):
    """Trains a row if necessary. Returns the directory of the finished run, and the calls that made
    it. Rows with the same training share a run."""
    key = "-".join(a.lstrip("-").replace(",", "_") for a in row.train)
    directory = arguments.out / f"{key}-seed{seed}"
    record = arguments.out / f"{directory.name}.made.json"
    if not (directory / "final.json").is_file():
        # Build first, so that the build is not part of the timed call.
        subprocess.run(["cargo", "build", "--quiet", "-p", row.train[0]], cwd=ROOT, check=True)
        if (directory / "checkpoint.safetensors").is_file():
            if not record.is_file():
                write(record, json.dumps([unknown()]))
            timed(record, row.train[0], "--resume", str(directory), "--data-dir", str(arguments.data_dir), "--quiet")
        else:
            shutil.rmtree(directory, ignore_errors=True)
            record.unlink(missing_ok=True)
            data = ["--dataset", "mnist", "--data-dir", str(arguments.data_dir)]
            timed(record, *row.train, *data, "--seed", str(seed), "--out", str(arguments.out), "--name", directory.name, "--quiet")
    return directory, json.loads(record.read_text()) if record.is_file() else [unknown()]


def unknown():
    """Returns the record of a call for which no record exists."""
    return {"date": "date unknown", "commit": "commit unknown", "machine": "machine unknown", "seconds": None}


def seconds_of(calls, directory):
    """Returns the total wall time of calls of a trainer, and whether it is complete. The wall time
    of a call is the time from start to end of the program, including measurements after the last
    step. If the time of a call is unknown, the result is at least the training time that the run
    recorded."""
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    counted = max((json.loads(line).get("seconds", 0.0) for line in lines), default=0.0)
    known = [call["seconds"] for call in calls if call["seconds"] is not None]
    whole = len(known) == len(calls)
    return (sum(known) if whole else max(sum(known), counted)), whole


def evaluated(directory, arguments):
    """Returns the output of `evaluate` for a run, and the time it took. The result is stored next
    to the run. The run is evaluated again if the code, the flags or the data have changed, and
    always if the code has uncommitted changes."""
    found = directory / "evaluation.json"
    made = made_now()
    key = {"commit": made["commit"], "flags": EVALUATE, "data_dir": str(arguments.data_dir)}
    if found.is_file() and (kept := json.loads(found.read_text())).get("key") == key and not key["commit"].endswith(CHANGED):
        return kept
    figures = directory / "figures.json"
    subprocess.run(["cargo", "build", "--quiet", "-p", "evaluate"], cwd=ROOT, check=True)
    started = time.monotonic()
    data = ["--data-dir", str(arguments.data_dir)]
    cargo("evaluate", str(directory), *data, "--judges", str(arguments.out / "judges"), "--json", str(figures), *EVALUATE)
    seconds = time.monotonic() - started
    kept = {"key": key, "made": made, "seconds": seconds, "subjects": json.loads(figures.read_text())[0]["subjects"]}
    write(found, json.dumps(kept))
    return kept


@dataclass
class Found:
    """A figure of one seed: value and standard error, seconds, whether these are all, and what was
    computed where and when."""

    value: float
    error: float
    seconds: float
    whole: bool
    made: list


def provenance(made):
    """Returns the date, commit and machine as text."""
    return f"{made['date']}, {made['commit']}, {made['machine']}"


def measure(row, seed, arguments):
    """Trains and evaluates a row with one seed."""
    # The row of the data is measured in the evaluation of any run. This run is needed for other
    # rows too.
    directory, calls = train(row if row.train else next(r for r in ROWS if r.name == "gan-1nn"), seed, arguments)
    seconds, whole = seconds_of(calls, directory)
    made = [provenance(call) for call in calls]
    final = json.loads((directory / "final.json").read_text())
    if row.train and row.figure in final:
        return Found(final[row.figure], final.get(row.figure + "_error"), seconds, whole, made)
    kept = evaluated(directory, arguments)
    cell = kept["subjects"][1 if row.train else 0]["figures"][row.figure]
    evaluation = provenance(kept["made"])
    if not row.train:
        return Found(cell["value"], cell.get("error"), kept["seconds"], True, [evaluation])
    if evaluation not in made:
        made.append(f"evaluated {evaluation}")
    return Found(cell["value"], cell.get("error"), seconds + kept["seconds"], whole, made)


def run(row, arguments):
    """Trains and evaluates a row. Returns the result that the table stores."""
    found = [measure(row, seed, arguments) for seed in range(1, row.seeds + 1)]
    values = [row.scale * f.value for f in found]
    mean = sum(values) / len(values)
    if len(values) > 1:
        error = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
    else:
        error = None if found[0].error is None else row.scale * found[0].error
    made = list(dict.fromkeys(one for f in found for one in f.made))
    seconds, short = sum(f.seconds for f in found), "" if all(f.whole for f in found) else "or more"
    return {"value": mean, "error": error, "seeds": row.seeds, "seconds": seconds, "short": short, "made": made}


#: The suffix of the commit if the code has uncommitted changes.
CHANGED = " and changes"


def commit():
    """Returns the last commit that changed the code of the workspace, with a suffix if there are
    uncommitted changes."""

    def git(*arguments):
        command = ["git", *arguments, "--", "crates", "Cargo.toml", "Cargo.lock"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    return git("log", "-1", "--format=%h") + (CHANGED if git("status", "--porcelain") else "")


def machine():
    """Returns the name and the number of the processors."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} processors"


def written(results):
    """Returns the table as Markdown. A comment in the table stores the results for the next
    call."""
    lines = [
        "# Published protocols, run on two cores",
        "",
        "Written by `scripts/paper_table.py`. The column \"ours\" has a figure only if the row was run. The",
        "budget is often a small part of the published budget. All rows are on MNIST. ± is a standard error over",
        "test images, or over seeds if there are several. A 1-NN error of p has a standard error of",
        "sqrt(p (1 - p) / 10,000).",
        "",
        "Date, commit and machine are those of the training run, and those of its evaluation if they differ.",
        "The wall time is that of the whole commands, including measurements after the last step.",
        "",
        "* \"Of training only\": the time excludes the estimation of the likelihood.",
        "* \"Entered\": the run has no record. Commit and date are those of the entry, and the run may be of an",
        "  earlier commit. The time is that of the run's steps plus the evaluation.",
        "",
        "| what | published | ours | budget | seeds | wall time | made |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in ROWS:
        found = results.get(row.name)
        if found is None:
            lines.append(f"| {row.what} | {row.published} | not yet run | {row.budget} | {row.seeds} | | |")
            continue
        error = f" ± {found['error']:.2f}" if found["error"] is not None else ""
        # "or more" if a part of the time is unknown.
        time = f"{found['seconds'] / 60:.1f} min {found['short']}".strip()
        made = "; ".join(found["made"])
        lines.append(f"| {row.what} | {row.published} | {found['value']:.2f}{error} | {row.budget} | {found['seeds']} | {time} | {made} |")
    lines += ["", "## Protocols", ""]
    for row in ROWS:
        lines.append(f"* **{row.what}** (`--run {row.name}`): {row.protocol}.")
        if row.train:
            lines.append(f"  `cargo run -p {' '.join([row.train[0], '--', *row.train[1:]])} --dataset mnist --seed 1`")
        if not row.figure.startswith("nll"):
            lines.append(f"  `cargo run -p evaluate -- RUN {' '.join(EVALUATE)}`" + ("" if row.train else ", the test set's row"))
    lines += ["", f"<!-- {json.dumps(results, sort_keys=True)} -->", ""]
    return "\n".join(lines)


def kept():
    """Returns the results of earlier calls."""
    if not TABLE.is_file():
        return {}
    line = next((line for line in TABLE.read_text().splitlines() if line.startswith("<!-- {")), None)
    if line is None:
        sys.exit(f"paper_table.py: {TABLE} has lost the comment that holds its results; restore it: git checkout {TABLE}")
    return json.loads(line[5:-4])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="+", metavar="ROW", default=[], help="rows to run: " + ", ".join(r.name for r in ROWS) + ", or all")
    parser.add_argument("--data-dir", type=Path, default=ROOT / "datasets", help="directory of mnist/")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "paper", help="directory of the runs")
    arguments = parser.parse_args()
    names = [row.name for row in ROWS]
    if unknown := [name for name in arguments.run if name not in [*names, "all"]]:
        sys.exit(f"paper_table.py: no row {', '.join(unknown)}; there are {', '.join(names)}")
    arguments.out = arguments.out.resolve()
    arguments.data_dir = arguments.data_dir.resolve()
    results = kept()
    for row in ROWS:
        if row.name in arguments.run or "all" in arguments.run:
            arguments.out.mkdir(parents=True, exist_ok=True)
            try:
                results[row.name] = run(row, arguments)
            except (subprocess.CalledProcessError, OSError, json.JSONDecodeError) as error:
                sys.exit(f"paper_table.py: {row.name}: {error}; call it again to continue")
            write(TABLE, written(results))
    write(TABLE, written(results))


if __name__ == "__main__":
    main()
