"""All attacks, counted: each has its own name and says what it does in a sentence."""

import pytest
import test_archives
import test_exchange
import test_exhausting
import test_forging
import test_grader_memory
import test_hurting
import test_leaking
import test_malformed_cells
import test_malformed_files
import test_names_and_times
import test_reading_later
from honest import HONEST

FAMILIES = {
    "forging points": test_forging.ATTACKS,
    "the exchange": test_exchange.ATTACKS,
    "leaking": test_leaking.ATTACKS,
    "hurting others": test_hurting.ATTACKS,
    "exhausting": test_exhausting.ATTACKS + test_grader_memory.ATTACKS,
    "malformed files": test_malformed_files.ATTACKS,
    "malformed notebooks": test_malformed_cells.ATTACKS,
    "archives": test_archives.ATTACKS,
    "names and times": test_names_and_times.ATTACKS,
    "reading it later": test_reading_later.ATTACKS,
}


def test_there_are_enough_of_every_kind():
    assert sum(map(len, FAMILIES.values())) >= 60
    assert all(len(attacks) >= 10 for attacks in FAMILIES.values())
    assert len(HONEST) >= 25


@pytest.mark.parametrize("family", FAMILIES)
def test_each_says_what_it_attacks(family):
    for attack in FAMILIES[family]:
        assert attack.attacks.endswith("."), attack.name
        assert 10 < len(attack.attacks) < 90, attack.name


def test_names_are_unique():
    names = [a.name for attacks in FAMILIES.values() for a in attacks]
    assert sorted(set(names)) == sorted(names)
    assert len({honest.name for honest in HONEST}) == len(HONEST)
