#!/usr/bin/env python3
"""Checks that two commits compute the same bits.

    scripts/compare_bits.py BASE          compare BASE with HEAD
    scripts/compare_bits.py BASE NEW      compare BASE with NEW
    scripts/compare_bits.py --self-test   check the hashing on small files, without a build

The script checks out each commit as a git worktree in a temporary directory and builds the trainers
and `sample` there. It then trains both builds on the built-in glyphs, draws samples, and compares
the weights and the pixels. Changes that are not committed are not compared. The exit status is 1 if
anything differs, and 2 if a commit cannot be found, built or run. The script needs git, cargo and
Python without packages.
"""

import argparse
import contextlib
import json
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from digests import pixels_digest, self_test, tensors_digest

ROOT = Path(__file__).resolve().parent.parent

TRAINERS = ["train-vae", "train-gan", "train-dcgan", "train-cgan"]
PROGRAMS = [*TRAINERS, "sample"]
INSTRUCTIONS = ["portable", "avx2", "avx512"]
SEEDS = ["1", "2"]
LENGTH = ["--steps", "40", "--batch-size", "32"]
#: Runs with settings that differ from the defaults of all trainers, with the default instruction
#: set.
VARIANTS = [
    ["train-gan", "--loss", "wasserstein"],  # WGAN-GP: second derivatives of perceptrons
    ["train-vae", "--objective", "iwae", "--k", "5"],
    ["train-cgan", "--task", "inpaint"],
]
#: The files that hold the state for resuming a run. All other weights are results.
STATE = {"checkpoint.safetensors", "previous.safetensors"}


class Failure(Exception):
    """A commit that cannot be found, built or run; the message is one line."""


@dataclass
class Build:
    """A commit, checked out and built."""

    commit: str
    subject: str
    checkout: Path
    #: Path of each program by its name.
    programs: dict

    def run(self, program, *arguments):
        """Runs a program; returns its one-line error, or None if it succeeds."""
        command = [self.programs[program], *arguments]
        done = subprocess.run(command, cwd=self.checkout, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              errors="replace")
        return problem(done) if done.returncode else None

    def must_run(self, program, *arguments):
        """Runs a program that must succeed."""
        if error := self.run(program, *arguments):
            command = " ".join([program, *arguments])
            raise Failure(f"{self.commit[:10]}: `{command}` fails: {error}")


def problem(done):
    """Returns the first error line that a failed process printed, or its last line if there is
    none."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("error", "fatal"))]
    return (errors[:1] or lines[-1:] or [f"exit status {done.returncode}"])[0]


def git(*arguments, cwd=ROOT):
    """Returns the output of a git command."""
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"`git {' '.join(arguments)}` fails: {problem(done)}")
    return done.stdout.strip()


def resolve(name):
    """Returns the full hash of a commit."""
    try:
        return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except Failure:
        raise Failure(f"{ROOT} has no commit {name}") from None


def check_out(commit, checkout):
    """Makes a worktree of a commit, or checks that the one of an earlier call is unchanged."""
    if not checkout.exists():
        git("worktree", "add", "--quiet", "--force", "--detach", str(checkout), commit)
    elif not (checkout / ".git").is_file() or git("rev-parse", "HEAD", cwd=checkout) != commit:
        raise Failure(f"{checkout} is not a worktree of {commit[:10]}; delete it")
    elif git("status", "--porcelain", "--untracked-files=no", cwd=checkout):
        raise Failure(f"{checkout} has changes that are not in {commit[:10]}; delete it")


def build(commit, directory):
    """Checks out a commit in a directory and builds its programs there."""
    checkout = directory / commit
    subject = git("show", "--no-patch", "--format=%s", commit)
    check_out(commit, checkout)
    # The commits do not share a target directory. Cargo identifies the crates of a workspace by
    # their path in the workspace, so it could confuse the crates of the two commits.
    command = ["cargo", "build", "-q", "--locked", "--message-format", "json-render-diagnostics",
               "--target-dir", str(checkout / "target")]
    for program in PROGRAMS:
        command += ["-p", program]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"cannot build {commit[:10]} ({subject}): {problem(done)}")
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    built = {m["target"]["name"]: m["executable"] for m in messages if m.get("executable")}
    if missing := [program for program in PROGRAMS if program not in built]:
        raise Failure(f"cannot build {commit[:10]} ({subject}): cargo makes no {missing[0]}")
    return Build(commit, subject, checkout, built)


@contextlib.contextmanager
def home_of_builds(keep):
    """Returns the directory for worktrees: `keep`, or a temporary directory that is removed at the
    end."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="compare-bits-")).resolve()
    try:
        yield made
    finally:
        for checkout in made.iterdir():
            command = ["git", "worktree", "remove", "--force", "--force", str(checkout)]
            subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        shutil.rmtree(made, ignore_errors=True)


def file_digest(path):
    try:
        digest = pixels_digest if path.suffix == ".png" else tensors_digest
        return digest(path.read_bytes())
    except (OSError, ValueError, LookupError, struct.error, zlib.error) as error:
        raise Failure(f"cannot read {path}: {error}") from None


def results(build, case):
    """Trains, draws samples, and returns the digest of each result of the run by its file name."""
    with tempfile.TemporaryDirectory(prefix="compare-bits-") as out:
        run = Path(out) / "run"
        build.must_run(*case, *LENGTH, "--out", out, "--name", run.name)
        build.must_run("sample", "grid", str(run))
        weights = [path for path in run.rglob("*.safetensors") if path.name not in STATE]
        if not weights:
            raise Failure(f"{build.commit[:10]}: `{' '.join(case)}` writes no weights")
        files = [*weights, run / "grid.png"]
        return {str(path.relative_to(run)): file_digest(path) for path in files}


def instruction_sets(builds):
    """Returns the instruction sets of this processor according to both builds. Prints the missing
    instruction sets."""
    present, missing = [], []
    for name in INSTRUCTIONS:
        errors = [build.run(TRAINERS[0], "--isa", name, "--dry-run") for build in builds]
        if not any(errors):
            present.append(name)
        elif all(errors) and name != "portable":
            missing.append(f"{name} ({errors[0].removeprefix('error: ')})")
        else:
            which = 0 if errors[0] else 1
            raise Failure(f"{builds[which].commit[:10]}: --isa {name} fails: {errors[which]}")
    print(f"instruction sets: {', '.join(present)}; skipped: {', '.join(missing) or 'none'}")
    return present


def compare(base, new, keep):
    """Compares two commits and prints a table; returns the number of cases that differ."""
    with home_of_builds(keep) as directory:
        builds, made = [], {}
        for role, commit in [("base", resolve(base)), ("new", resolve(new))]:
            start = time.monotonic()
            if commit not in made:
                made[commit] = build(commit, directory)
            builds.append(made[commit])
            seconds = time.monotonic() - start
            subject = builds[-1].subject
            print(f"{role:<4} {commit[:10]} {subject} (built in {seconds:.0f} s)", flush=True)
        sets = instruction_sets(builds)
        cases = [[trainer, "--seed", seed, "--isa", isa]
                 for trainer in TRAINERS for seed in SEEDS for isa in sets]
        cases += [[*variant, "--seed", SEEDS[0]] for variant in VARIANTS]
        width = max(len(" ".join(case)) for case in cases)
        print(f"\n{'case':<{width}}  {'result':<9}  seconds", flush=True)
        differing = 0
        for case in cases:
            start = time.monotonic()
            one, other = (results(build, case) for build in builds)
            names = sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n))
            differing += bool(names)
            result = "DIFFERENT" if names else "equal"
            row = f"{' '.join(case):<{width}}  {result:<9}  {time.monotonic() - start:>7.1f}"
            print("  ".join([row, *names]), flush=True)
        verdict = f"{differing} differ" if differing else "all equal"
        print(f"\n{len(cases)} cases of {' '.join(LENGTH)}: {verdict}")
        return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", metavar="BASE", nargs="?", help="commit to compare with")
    parser.add_argument("new", metavar="NEW", nargs="?", default="HEAD",
                        help="commit to compare [default: HEAD]")
    parser.add_argument("--keep", metavar="DIR", type=Path,
                        help="keep the worktrees and builds in DIR, for reuse by the next call")
    parser.add_argument("--self-test", action="store_true",
                        help="check the hashing on small files, without a build")
    arguments = parser.parse_args()
    if arguments.self_test:
        failed = self_test()
        sys.exit("\n".join(f"compare_bits.py: self-test failed: {what}" for what in failed) or None)
    if arguments.base is None:
        parser.error("BASE is missing")
    # Worktrees are removed also when the script is stopped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(1 if compare(arguments.base, arguments.new, arguments.keep) else 0)
    except Failure as failure:
        print(f"compare_bits.py: {failure}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
