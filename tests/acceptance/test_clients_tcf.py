"""TC strings of the IAB's own library are read as it reads them itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, TypedDict

import pytest

from personalization.privacy.tcf import TCString, agreed, decode
from tests import machine
from tests.acceptance.clients.installed import HERE, NotInstalled, node_folder

pytestmark = pytest.mark.clients

FOLDER = HERE / "tcf"
NEEDED = {"analytics": (1, 8), "personalization": (1, 5, 6), "marketing": (1, 3, 4)}
POLICY_2_2, POLICY_2_3 = 4, 5
STRINGS = 300


class Wanted(TypedDict):
    """What a string is to say; restrictions are (purpose, kind, vendor)."""

    listed: int
    policy: int
    purposes: list[int]
    vendors: list[int]
    disclosed: list[int]
    restrictions: list[tuple[int, int, int]]


def wanted(**changed: Any) -> Wanted:
    said: Wanted = {
        "listed": 800,
        "policy": POLICY_2_3,
        "purposes": [1, 5, 6],
        "vendors": [2, 10, 755],
        "disclosed": [2, 10, 755],
        "restrictions": [],
    }
    return {**said, **changed}  # type: ignore[typeddict-item]


def drawn(random: Random) -> Wanted:
    """Return one of all kinds of strings: sparse and dense, with and without restrictions."""
    listed = random.choice([1, 12, 90, 800])
    some = [vendor for vendor in range(1, listed + 1) if random.random() < random.choice([0.03, 1])]
    return wanted(
        listed=listed,
        policy=random.choice([POLICY_2_2, POLICY_2_3]),
        purposes=[purpose for purpose in range(1, 12) if random.random() < 0.7],
        vendors=some,
        disclosed=[vendor for vendor in some if random.random() < 0.9],
        restrictions=[
            (random.randint(2, 11), random.randint(0, 2), random.randint(1, listed))
            for _ in range(random.choice([0, 0, 3, 20]))
        ],
    )


def written(strings: Sequence[Wanted]) -> list[dict[str, Any]]:
    """Return each string, and what the library itself reads in it."""
    try:
        modules = node_folder(FOLDER, name="tcf")
    except NotInstalled as error:
        machine.lacks(str(error))
        pytest.skip(str(error))
    done = subprocess.run(
        [shutil.which("node") or "node", str(FOLDER / "encode.cjs")],
        input=json.dumps(strings),
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(modules)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


def one(**changed: Any) -> TCString:
    (said,) = written([wanted(**changed)])
    return decode(said["text"])


def allowed(read: dict[str, Any], *, vendor: int) -> set[str]:
    """Return our purposes by what the library read, without any code of ours."""
    barred = {p for p, kind, who in read["restrictions"] if who == vendor and kind in (0, 2)}
    known = vendor in read["vendors"]
    if read["policy"] >= POLICY_2_3:
        known = known and vendor in read["disclosed"]
    purposes = set(read["purposes"]) - barred if known else set()
    return {purpose for purpose, numbers in NEEDED.items() if purposes.issuperset(numbers)}


def test_three_hundred_strings_say_the_same_to_both() -> None:
    random = Random(23)
    for read in written([drawn(random) for _ in range(STRINGS)]):
        said = decode(read["text"])
        assert said.purposes == set(read["purposes"])
        assert [v for v in range(1, 801) if v in said.vendors] == read["vendors"]
        disclosed = said.disclosed
        assert disclosed is not None
        assert [v for v in range(1, 801) if v in disclosed] == read["disclosed"]
        assert (said.policy, said.cmp, said.language) == (read["policy"], 7, read["language"])
        assert said.updated == datetime.fromtimestamp(read["updated"] / 1000, UTC)
        for vendor in (1, 2, 10, 800):
            assert agreed(said, needed=NEEDED, vendor=vendor) == allowed(read, vendor=vendor)
        plain = {p for p, numbers in NEEDED.items() if set(numbers) <= set(read["purposes"])}
        assert agreed(said, needed=NEEDED) == plain


def test_the_drawn_strings_are_of_all_kinds() -> None:
    """Else the comparison above could be of nothing."""
    random = Random(23)
    strings = [drawn(random) for _ in range(STRINGS)]
    assert {string["policy"] for string in strings} == {POLICY_2_2, POLICY_2_3}
    assert any(string["restrictions"] for string in strings)
    outcomes = {frozenset(allowed(read, vendor=10)) for read in written(strings)}
    assert frozenset() in outcomes
    assert len(outcomes) >= 4


def test_under_2_3_who_was_not_disclosed_has_no_consent() -> None:
    said = one(disclosed=[2, 755])
    assert agreed(said, needed=NEEDED, vendor=2) == {"personalization"}
    assert agreed(said, needed=NEEDED, vendor=10) == set()


def test_under_2_2_nobody_had_to_be_disclosed() -> None:
    said = one(policy=POLICY_2_2, disclosed=[])
    assert agreed(said, needed=NEEDED, vendor=10) == {"personalization"}


@pytest.mark.parametrize(("kind", "purposes"), [(0, set()), (1, {"personalization"}), (2, set())])
def test_a_publisher_can_bar_a_vendor_from_a_purpose(kind: int, purposes: set[str]) -> None:
    said = one(restrictions=[(6, kind, 10)])
    assert agreed(said, needed=NEEDED, vendor=10) == purposes
    assert agreed(said, needed=NEEDED, vendor=2) == {"personalization"}
