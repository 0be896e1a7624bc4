"""How many examples there are: 500, or FUZZ_EXAMPLES."""

import os

from hypothesis import HealthCheck, seed, settings

USUAL = 500
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", USUAL))
SEED = 20250701


def many(test, share=1.0):
    """Decorator: run `test` with that many examples, the same ones in every run.

    The usual number come from the test's own source; more of them from `SEED`.
    """
    limits = settings(
        max_examples=max(1, int(share * EXAMPLES)),
        deadline=None,
        database=None,
        derandomize=EXAMPLES <= USUAL,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    return limits(test) if EXAMPLES <= USUAL else seed(SEED)(limits(test))


def some(test):
    """Decorator: as `many`, a fifth as many examples, for what costs more."""
    return many(test, share=0.2)
