"""A Dask cluster and a PostgreSQL server on loopback, started and stopped here."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 60
SERVER_USER = "nobody"  # the server refuses to run as root


def wait_until(what, is_so):
    """Wait for something that takes its time; fails with `what` when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- PostgreSQL -----------------------------------------------------------------


def postgres_program(name) -> str:
    """The path of one of the server's own programs; Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = shutil.which(name) or (str(found[-1]) if found else None)
    assert path, f"no {name}; Debian: sudo apt-get install postgresql"
    return path


class Postgres:
    """A server in a temporary folder, without a password and only on loopback."""

    def __init__(self):
        self._folder = Path(tempfile.mkdtemp(prefix="gradebook-"))
        self._as_whom = {}
        if os.geteuid() == 0:
            shutil.chown(self._folder, SERVER_USER)
            self._as_whom = {"user": SERVER_USER, "extra_groups": []}
        self._port = free_port()
        data = self._folder / "data"
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "grader", "-D", data)
        options = ["-D", data, "-h", "127.0.0.1", "-p", self._port, "-k", self._folder]
        self._process = subprocess.Popen(
            [postgres_program("postgres"), *map(str, options), "-F"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as_whom,
        )
        wait_until("PostgreSQL answers", self._answers)

    def new_database(self, name) -> str:
        """Make a database; returns its address."""
        self._run("createdb", *self._place(), name)
        return f"postgresql://grader@127.0.0.1:{self._port}/{name}"

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)
        shutil.rmtree(self._folder)

    def _place(self):
        return "-h", "127.0.0.1", "-p", str(self._port), "-U", "grader"

    def _answers(self):
        command = [postgres_program("pg_isready"), *self._place()]
        return subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0

    def _run(self, program, *arguments):
        subprocess.run(
            [postgres_program(program), *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            **self._as_whom,
        )


# --- Dask -----------------------------------------------------------------------


class Dask:
    """A scheduler and two workers, each a process of its own as on a command line."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.address = f"tcp://127.0.0.1:{free_port()}"
        place = ["--host", "127.0.0.1", "--port", self.address.rpartition(":")[2]]
        self._scheduler = self._start("scheduler", *place)
        self.workers = [self.start_worker() for _ in range(2)]
        wait_until("two workers are there", lambda: self._count() == 2)

    def start_worker(self):
        options = ("--nthreads", "1", "--host", "127.0.0.1", "--no-nanny")
        return self._start("worker", self.address, *options)

    def stop(self):
        for process in (*self.workers, self._scheduler):
            process.terminate()
        for process in (*self.workers, self._scheduler):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

    def _start(self, *arguments):
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        log = (self._folder / f"{arguments[0]}.log").open("ab")
        with log:
            return subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)

    def _count(self):
        from distributed import Client

        with (
            contextlib.suppress(OSError),
            Client(self.address, timeout=5, set_as_default=False) as client,
        ):
            return len(client.ncores())
        return 0
