"""What the benchmarks share: options, processor time, memory, the machine, bars."""

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy comes; every grader is measured like this

import matplotlib
import psutil
from processors import Processors

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
AUTOGRADER = (sys.executable, "-m", "autograder.cli")


def parser_for(description: str, quick: str) -> argparse.ArgumentParser:
    """The options that every benchmark has; quick says what --quick does."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it")
    parser.add_argument("--quick", action="store_true", help=quick)
    return parser


def report(options, result: dict, table: str, draw):
    """Print what was measured, as a table or as JSON, and draw it where asked."""
    result = {"machine": machine(), **result}
    if options.picture:
        draw(result)
        plt.savefig(options.picture)
    print(json.dumps(result, indent=1) if options.json else table)


def machine() -> str:
    """The machine in a few words."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def bars(names, seconds, label):
    """Horizontal bars, each with its number."""
    _, ax = plt.subplots(figsize=(6.5, 1 + 0.32 * len(names)), layout="constrained")
    drawn = ax.barh(names, seconds)
    ax.bar_label(drawn, [f" {value:.3g}" for value in seconds])
    ax.set(xlabel=label)
    ax.margins(x=0.15)
    ax.invert_yaxis()
    return ax


class Run:
    """A command that has been run. wall, cpu: seconds. peak: bytes of all processes.

    Memory is what each process holds for itself and its share of what it shares (PSS),
    looked at as often as `every` says, in seconds; 0 for never.
    """

    def __init__(self, command, every=0.0, **options):
        begin = time.perf_counter()
        with Processors() as processors:
            process = subprocess.Popen(
                processors.command(command),
                stdout=subprocess.PIPE,
                text=True,
                **options,
            )
            self.peak = 0
            over = threading.Event()
            watching = (process.pid, every, over)
            watcher = threading.Thread(target=self._watch, args=watching)
            watcher.start()
            self.said, _ = process.communicate()
            over.set()
            watcher.join()
            self.wall = time.perf_counter() - begin
            self.cpu = processors.seconds()
        assert process.returncode == 0, self.said

    def _watch(self, pid, every, over):
        while every and not over.wait(every):
            self.peak = max(self.peak, _held(pid))


def _held(pid):
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(map(_share, family))


def _share(process):
    try:
        return process.memory_full_info().pss
    except psutil.Error:
        return 0
