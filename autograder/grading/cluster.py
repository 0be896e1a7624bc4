"""Workers of a Dask cluster, by the address of its scheduler.

They see the course's folder under the same path and have this package installed. What
they are sent is a submission's text; what they send back is judged already, by them:
they belong to the trusted side, and student code runs behind walls on their machines.
"""

from concurrent.futures import Executor

from autograder.course.chapter import Chapter
from autograder.grading.run import GradingRun
from autograder.problems import Problem

CONNECT_SECONDS = 20


class Cluster:
    """As `autograder.grading.workers.Local`, on the workers that a scheduler has."""

    def __init__(self, address: str):
        # here, since the import takes as long as grading a small class
        from distributed import Client

        try:
            self._client = Client(
                address, timeout=CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError, TypeError) as error:
            raise Problem(
                f"no Dask scheduler answers at {address} ({_words(error)}); start one "
                "with `dask scheduler`, see docs/cluster.md"
            ) from None
        if not self._client.ncores():
            self._client.close()
            raise Problem(
                f"the Dask scheduler at {address} has no workers; start some with "
                f"`dask worker {address}`, see docs/cluster.md"
            )

    @property
    def count(self) -> int:
        """How many submissions the cluster grades at a time, now."""
        return max(1, sum(self._client.ncores().values()))

    def prepare(self, run: GradingRun, chapters: list[Chapter]):
        """Nothing: each worker draws the cases itself, from the seed of the run."""

    def executor(self) -> Executor:
        """The cluster."""
        return self._client.get_executor(pure=False)

    def end(self, executor: Executor):
        """Leave the cluster; what was not done is forgotten there."""
        executor.shutdown(wait=False)
        self._client.close()


def _words(error):
    return str(error).splitlines()[0] if str(error) else type(error).__name__
