#!/usr/bin/env python3
"""Runs the benches and PyTorch's equivalents in turn, prints one table and writes docs/performance.md.

Each round times a bench, then the same work in PyTorch in its default memory format and in channels_last, so that all
three see the same state of the machine; a figure is the median of the rounds. A bench without an equivalent is timed
alone. `--only REGEX` runs what matches and writes nothing. `--peers` has two other Rust libraries take turns too, candle and
burn, by the program in benches/peers.
"""

import argparse
import datetime
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

try:
    import torch
except ImportError:
    sys.exit("compare_pytorch.py: this Python has no torch; see scripts/README.md: pip install torch==2.9.1 numpy")

from performance import equivalents, timing  # noqa: E402  (needs torch)


PEERS = ("candle", "burn")
PEERS_HOME = ROOT / "benches" / "peers"
# A virtual machine's processors may for a second be two halves of one: everything then takes up to twice as long.
DISTURBED = 1.2


def built(kind, *command):
    """The executables of a kind that a cargo command builds."""
    command = ["cargo", *command, "--message-format=json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [m["executable"] for m in messages if m.get("executable") and m["target"]["kind"] == [kind]]


def executables():
    """The compiled benches."""
    return built("bench", "bench", "--no-run", "-p", "adjoint-benches")


def peers_executable():
    """The compiled program that times the other Rust libraries."""
    (executable,) = built("bin", "build", "--release", "--manifest-path", str(PEERS_HOME / "Cargo.toml"))
    return executable


def peer_versions():
    """What the program is built with, from its Cargo.lock."""
    lock = (PEERS_HOME / "Cargo.lock").read_text()
    return [" ".join(found) for found in re.findall(r'^name = "(candle-core|burn-flex)"\nversion = "(.*)"$', lock, re.M)]


def cases(executable):
    output = subprocess.run([executable, "--bench", "--list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line.removesuffix(": benchmark") for line in output.splitlines() if line.endswith(": benchmark")]


def ours(executable, case, threads):
    """Seconds and what criterion counts per iteration, of one short measurement of one bench."""
    with tempfile.TemporaryDirectory() as home:
        flags = ["--noplot", "--warm-up-time", "0.2", "--measurement-time", "0.5", "--exact", case]
        env = {**os.environ, "CRITERION_HOME": home, "RAYON_NUM_THREADS": str(threads)}
        subprocess.run([executable, "--bench", *flags], check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (estimates,) = Path(home).glob("**/new/estimates.json")
        benchmark = json.loads(estimates.with_name("benchmark.json").read_text())
        (throughput,) = benchmark["throughput"].items()
        return json.loads(estimates.read_text())["median"]["point_estimate"] * 1e-9, throughput


def peer(executable, library, case, threads):
    """Seconds of a call in another Rust library, or None if it has no such operation."""
    env = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    output = subprocess.run([executable, library, case], check=True, env=env, stdout=subprocess.PIPE, text=True).stdout
    return None if output.strip() == "none" else float(output)


def agree(times):
    """Do repeated times differ by less than a disturbance makes them?"""
    return max(times) < DISTURBED * min(times)


def measure(executable, case, rounds, threads, peers):
    """The medians of the rounds, and of more where they do not agree; `peers` is the program of the other Rust libraries, if they take a turn."""
    twin = equivalents.of(case) or {}
    times, formats, others = [], {name: [] for name in twin}, {}
    for round in range(2 * rounds + 1):
        if round >= rounds and all(agree(values) for values in (times, *formats.values())):
            break
        seconds, throughput = ours(executable, case, threads)
        times.append(seconds)
        for name, run in twin.items():
            formats[name].append(timing.median_seconds(run))
        for library in PEERS if peers and round == 0 else ():
            if (seconds := peer(peers, library, case, threads)) is not None:
                others[library] = seconds
    medians = {name: statistics.median(values) for name, values in formats.items()}
    return Row(case, throughput, statistics.median(times), medians, others)


class Row:
    def __init__(self, case, throughput, seconds, formats, others):
        self.case, self.throughput, self.seconds, self.formats, self.others = case, throughput, seconds, formats, others

    @property
    def ratio(self):
        """How many times faster than the better of PyTorch's ways."""
        return min(self.formats.values()) / self.seconds if self.formats else None

    def rate(self, seconds):
        if seconds is None:
            return ""
        kind, count = self.throughput
        if self.case.startswith(("step", "loading")):
            return f"{count / seconds:,.0f} images/s"
        return f"{count / seconds * 1e-9:.0f} {'GFLOP/s' if kind == 'Elements' else 'GB/s'}"

    def cells(self, libraries):
        default, other = (self.rate(self.formats.get(name)) for name in equivalents.FORMATS)
        ratio = f"{self.ratio:.2f}" if self.ratio else ""
        return [self.case, self.rate(self.seconds), default, other, ratio, *(self.rate(self.others.get(k)) for k in libraries)]


HEADER = ["case", "Adjoint", "PyTorch default", "PyTorch channels_last", "ratio to the better"]


def table(rows, libraries):
    """A line for each row; `libraries` are the other Rust libraries that get a column."""
    header = [*HEADER, *libraries]
    lines = [header, ["---"] * len(header), *(row.cells(libraries) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary(rows):
    """Geometric mean and least ratio of each family of cases."""
    families = {}
    for row in rows:
        if row.ratio:
            families.setdefault(row.case.split("/")[0], []).append(row)
    lines = []
    for family, members in families.items():
        mean = math.exp(statistics.fmean(math.log(row.ratio) for row in members))
        least = min(members, key=lambda row: row.ratio)
        lines.append(f"| {family} | {len(members)} | {mean:.2f} | {least.ratio:.2f} ({least.case}) |")
    return "\n".join(["| family | cases | geometric mean | least |", "| --- | --- | --- | --- |", *lines])


def processor():
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M) if Path("/proc/cpuinfo").exists() else []
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} processors"


def peers_note(libraries):
    """The line of the header about the other Rust libraries, if they took turns."""
    return f"* {', '.join(peer_versions())}; with their default features and without `-C target-cpu`, in the first round alone\n" if libraries else ""


def report(rows, rounds, threads, libraries):
    rustc = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()
    return f"""# Performance beside PyTorch

Written by `scripts/compare_pytorch.py`, all cases of one run, the losing ones included. For each case all took turns, in {rounds} round(s) and, where the
times of Adjoint's or PyTorch's differed by a fifth, up to {rounds + 1} more; a time is the median of these rounds, and in each of ten samples. GFLOP/s are nominal (a fast algorithm does fewer), GB/s count what
must at least be read and written.

* {datetime.date.today()}, commit {commit}, {rustc}
* {processor()}; {threads} threads each; instructions: {torch.backends.cpu.get_cpu_capability()} (PyTorch's word)
* PyTorch {torch.__version__}; in a step of G the weight gradients of D are off (`requires_grad_(False)`), Adam is fused
{peers_note(libraries)}
{summary(rows)}

{table(rows, libraries)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", metavar="REGEX")
    parser.add_argument("--peers", action="store_true", help="time candle and burn too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    print("building the benches", file=sys.stderr)
    peers, libraries = (peers_executable(), PEERS) if options.peers else (None, ())
    for executable in executables():
        for case in cases(executable):
            if options.only and not re.search(options.only, case):
                continue
            rows.append(measure(executable, case, options.rounds, options.threads, peers))
            print("  ".join(filter(None, rows[-1].cells(libraries))), file=sys.stderr, flush=True)
    if not rows:
        sys.exit(f"compare_pytorch.py: no bench matches {options.only!r}; cargo bench -- --list names them")
    print(table(rows, libraries))
    print()
    print(summary(rows))
    if not options.only:
        (ROOT / "docs" / "performance.md").write_text(report(rows, options.rounds, options.threads, libraries))


if __name__ == "__main__":
    main()
