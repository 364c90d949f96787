#!/usr/bin/env python3
"""Times the benches and their PyTorch equivalents, prints a table and writes it to a page of
docs/performance/.

Each round times a bench and then the same work in PyTorch, so that both are timed in the same
state of the machine. PyTorch is timed in its default memory format and in channels_last, and with
fused Adam if the bench has an optimiser. The result is the median of the rounds. A measurement is
repeated if the processors were not at full speed. A bench without an equivalent is timed alone.
There is one page for each kind of processor, named by `--page`. `--only REGEX` runs the matching
benches and writes no file. `--peers` also times two other Rust libraries, candle and burn, once,
with the program in benches/peers.
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
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

try:
    import torch
except ImportError:
    sys.exit("compare_pytorch.py: this Python has no torch; see scripts/README.md: pip install torch==2.9.1 numpy")

from performance import equivalents, timing  # noqa: E402  (needs torch)


PEERS = ("candle", "burn")
PEERS_HOME = ROOT / "benches" / "peers"


def built(kind, *command):
    """Returns the executables of the given kind that a cargo command builds."""
    command = ["cargo", *command, "--message-format=json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [m["executable"] for m in messages if m.get("executable") and m["target"]["kind"] == [kind]]


def executables():
    """Builds the benches and returns their executables."""
    return built("bench", "bench", "--no-run", "-p", "adjoint-benches")


def peers_executable():
    """Builds the program that times the other Rust libraries and returns its executable."""
    (executable,) = built("bin", "build", "--release", "--manifest-path", str(PEERS_HOME / "Cargo.toml"))
    return executable


def peer_versions():
    """Returns the names and versions of the other libraries from the Cargo.lock of the program."""
    lock = (PEERS_HOME / "Cargo.lock").read_text()
    return [" ".join(found) for found in re.findall(r'^name = "(candle-core|burn-flex)"\nversion = "(.*)"$', lock, re.M)]


def cases(executable):
    output = subprocess.run([executable, "--bench", "--list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line.removesuffix(": benchmark") for line in output.splitlines() if line.endswith(": benchmark")]


def ours(executable, case, threads):
    """Returns the seconds and the criterion throughput of one short measurement of one bench."""
    with tempfile.TemporaryDirectory() as home:
        flags = ["--noplot", "--warm-up-time", "0.2", "--measurement-time", "0.5", "--exact", case]
        env = {**os.environ, "CRITERION_HOME": home, "RAYON_NUM_THREADS": str(threads)}
        subprocess.run([executable, "--bench", *flags], check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (estimates,) = Path(home).glob("**/new/estimates.json")
        benchmark = json.loads(estimates.with_name("benchmark.json").read_text())
        (throughput,) = benchmark["throughput"].items()
        return json.loads(estimates.read_text())["median"]["point_estimate"] * 1e-9, throughput


def peer(executable, library, case, threads):
    """Returns the seconds of a call in another Rust library, or None if it does not have the
    operation."""
    env = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    output = subprocess.run([executable, library, case], check=True, env=env, stdout=subprocess.PIPE, text=True).stdout
    return None if output.strip() == "none" else float(output)


class Machine:
    """Detects that the processors are not at full speed.

    For minutes at a time, the processors of a virtual machine may be two hardware threads of one
    core, or may be on two chips that do not share a cache. Programs are then slower by factors that
    differ between programs, which would distort a comparison. A measurement is valid if two probes
    in PyTorch take about their shortest time, directly before and directly after the measurement.
    Both probes fit into the caches. A matrix product takes twice as long on two hardware threads of
    one core. Reversing the order of rows takes five times as long if the processors do not share a
    cache, because each processor reads data that another processor has written.
    """

    SLOWER = 1.5
    PATIENCE = 300  # seconds after which an invalid measurement is accepted

    def __init__(self, watch):
        """Watches the machine for `watch` seconds."""
        a, b, c = (torch.rand(512, 512) for _ in range(3))
        rows, reversed_rows = torch.rand(64, 4096), torch.empty(64, 4096)

        def reverse():
            torch.neg(rows.flip(0), out=reversed_rows)
            torch.neg(reversed_rows, out=rows)

        self.probes = [lambda: torch.mm(a, b, out=c), reverse]
        self.least = [math.inf] * len(self.probes)
        self.repeated, self.doubtful = 0, []
        start = time.perf_counter()
        while time.perf_counter() - start < watch:
            self.whole = self.is_whole()

    def is_whole(self):
        seconds = [timing.median_seconds(probe, warm_up=0.02, measure=0.05) for probe in self.probes]
        self.least = [min(pair) for pair in zip(self.least, seconds)]
        return all(now < self.SLOWER * least for now, least in zip(seconds, self.least))

    def at_full_speed(self, case, run):
        """Returns the result of a valid call of `run`, or of the last call after PATIENCE
        seconds."""
        end = time.perf_counter() + self.PATIENCE
        while True:
            while not self.whole and time.perf_counter() < end:
                self.whole = self.is_whole()
            before, result, self.whole = self.whole, run(), self.is_whole()
            if before and self.whole:
                return result
            if time.perf_counter() >= end:
                self.doubtful.append(case)
                return result
            self.repeated += 1

    def note(self):
        note = f"{self.repeated} times were measured again, because the processors were not at full speed before or after."
        if self.doubtful:
            note += f"\nThe processors stayed below full speed in measurements of {', '.join(sorted(set(self.doubtful)))}."
        return note


def measure(machine, executable, case, rounds, threads, peers):
    """Returns the medians of the rounds. `peers` is the program for the other Rust libraries, or
    None if they are not timed."""
    turns = {"ours": lambda: ours(executable, case, threads)}
    turns |= {name: lambda run=run: timing.median_seconds(run) for name, run in (equivalents.of(case) or {}).items()}
    times = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            times[name].append(machine.at_full_speed(case, turn))
    seconds, throughputs = zip(*times.pop("ours"))
    others = {library: machine.at_full_speed(case, lambda: peer(peers, library, case, threads)) for library in PEERS} if peers else {}
    formats = {name: statistics.median(values) for name, values in times.items()}
    return Row(case, throughputs[0], statistics.median(seconds), formats, others)


class Row:
    def __init__(self, case, throughput, seconds, formats, others):
        self.case, self.throughput, self.seconds, self.formats, self.others = case, throughput, seconds, formats, others

    def best(self, fused):
        """Returns the seconds of PyTorch in the better memory format, with default or fused Adam,
        or None if this variant was not timed."""
        return min((s for way, s in self.formats.items() if way.endswith(equivalents.FUSED) == fused), default=None)

    def ratio(self, fused):
        """Returns the seconds of PyTorch divided by ours."""
        best = self.best(fused)
        return best / self.seconds if best else None

    def rate(self, seconds):
        if seconds is None:
            return ""
        kind, count = self.throughput
        if self.case.startswith(("step", "loading")):
            return f"{count / seconds:,.0f} images/s"
        return f"{count / seconds * 1e-9:.0f} {'GFLOP/s' if kind == 'Elements' else 'GB/s'}"

    def cells(self, libraries):
        default, other = (self.rate(self.formats.get(name)) for name in equivalents.FORMATS)
        plain, fused = (f"{ratio:.2f}" if ratio else "" for ratio in (self.ratio(False), self.ratio(True)))
        others = [self.rate(self.others.get(k)) for k in libraries]
        return [self.case, self.rate(self.seconds), default, other, plain, self.rate(self.best(True)), fused, *others]


PYTORCH = ["PyTorch default", "PyTorch channels_last", "ratio to the better", "PyTorch fused Adam", "ratio to it"]
HEADER = ["case", "Adjoint", *PYTORCH]


def table(rows, libraries):
    """Returns a Markdown table. Each of the other Rust libraries in `libraries` gets a column."""
    header = [*HEADER, *libraries]
    lines = [header, ["---"] * len(header), *(row.cells(libraries) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary(rows):
    """Returns a Markdown table of the geometric mean and the smallest ratio of each family of
    cases."""
    families = {}
    for row in rows:
        for fused, note in ((False, ""), (True, ", fused Adam")):
            if ratio := row.ratio(fused):
                families.setdefault(row.case.split("/")[0] + note, []).append((ratio, row.case))
    lines = []
    for family, members in families.items():
        mean = math.exp(statistics.fmean(math.log(ratio) for ratio, _ in members))
        least, case = min(members)
        lines.append(f"| {family} | {len(members)} | {mean:.2f} | {least:.2f} ({case}) |")
    return "\n".join(["| family | cases | geometric mean | least |", "| --- | --- | --- | --- |", *lines])


def processor():
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M) if Path("/proc/cpuinfo").exists() else []
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} processors"


def peers_note(libraries):
    """Returns the line of the header about the other Rust libraries, or "" if they were not
    timed."""
    return f"* {', '.join(peer_versions())}, default features, without `-C target-cpu`, timed once\n" if libraries else ""


def report(rows, rounds, threads, libraries, machine):
    rustc = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()
    return f"""# Performance beside PyTorch

Written by `scripts/compare_pytorch.py`: all cases of one run, including those where Adjoint is
slower. For each case, the libraries took turns in {rounds} round(s). A time is the median of the rounds,
and in each round the median of ten samples. GFLOP/s are nominal: a fast algorithm executes fewer
operations. GB/s count the bytes that must be read and written at least.

{machine.note()}

* {datetime.date.today()}, commit {commit}, {rustc}
* {processor()}; {threads} threads each; instruction set {torch.backends.cpu.get_cpu_capability()} (PyTorch's name)
* PyTorch {torch.__version__}. In a step of G, the weight gradients of D are off
  (`requires_grad_(False)`). Adam is what `torch.optim.Adam(parameters)` constructs. A separate
  column has `fused=True` in the better memory format.
{peers_note(libraries)}
{summary(rows)}

{table(rows, libraries)}
"""


def pattern(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (%(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="number of threads of each library (%(default)s)")
    parser.add_argument("--only", type=pattern, metavar="REGEX", help="run only the matching cases, and write no file")
    parser.add_argument("--page", default="pytorch", help="name of the page in docs/performance/ that is written (%(default)s)")
    parser.add_argument("--peers", action="store_true", help="also time candle and burn")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("building the benches", file=sys.stderr)
    peers, libraries = (peers_executable(), PEERS) if options.peers else (None, ())
    watch = 10 if options.only else 60
    print(f"watching the processors for {watch} s", file=sys.stderr)
    rows, machine = [], Machine(watch)
    for executable in executables():
        for case in cases(executable):
            if options.only and not options.only.search(case):
                continue
            rows.append(measure(machine, executable, case, options.rounds, options.threads, peers))
            print("  ".join(filter(None, rows[-1].cells(libraries))), file=sys.stderr, flush=True)
    if not rows:
        sys.exit(f"compare_pytorch.py: no bench matches {options.only.pattern!r}; cargo bench -- --list names them")
    print(table(rows, libraries), summary(rows), machine.note(), sep="\n\n")
    if not options.only:
        (ROOT / "docs" / "performance" / f"{options.page}.md").write_text(report(rows, options.rounds, options.threads, libraries, machine))


if __name__ == "__main__":
    main()
