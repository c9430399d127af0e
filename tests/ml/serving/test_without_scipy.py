"""What is shipped serves from its artefact in a process that cannot import what it was learned with.

It is learned in one process, where scikit-learn and scipy are, and serves in another, where
importing either fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personalization.ml.artefact import checksum, unpacked
from personalization.ml.recommenders.stack import Stack
from personalization.ml.recommenders.stack_config import StackConfig
from tests.housekeeping.repository import ROOT

pytestmark = pytest.mark.slow

#: What both ask, by the kind of the model; `answers` is JSON.
ASKED = """
import json, sys
from pathlib import Path

folder = Path(sys.argv[1])
HISTORIES = ([], ["a1"], ["b1", "b2"], ["never seen"])

def answers(name, model):
    import numpy as np
    from personalization.ml.base import Recommender
    from personalization.ml.history import history_of

    if isinstance(model, Recommender):
        return [model.score(history_of(*items)).tolist() for items in HISTORIES]
    return model.score(np.load(folder / f"{name}.npy")).tolist()
"""

LEARN = f"""{ASKED}
import django

django.setup()

import numpy as np
from personalization.ml.artefact import packed
from personalization.ml.base import Options
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.predictors.best import Best, BestConfig
from personalization.ml.predictors.boosting import Boosting, BoostingConfig
from personalization.ml.predictors.forest import Forest, ForestConfig
from personalization.ml.recommenders.stack import Stack
from tests.ml.clusters.contract import FEATURES, blobs
from tests.ml.predictors.behaviour import behaviour
from tests.ml.recommenders.test_stack import told

examples, unseen = behaviour(n=200), behaviour(n=60, seed=9)
models = {{"stack": Stack().fit(told(), Options())}}
for name, predictor in (
    ("best", Best(BestConfig(candidates="logistic", folds=1))),
    ("boosting", Boosting(BoostingConfig(iterations=30))),
    ("forest", Forest(ForestConfig(trees=20))),
):
    models[name] = predictor.fit(examples, Options())
    np.save(folder / f"{{name}}.npy", unseen.rows)
groups = Personas(PersonasConfig(rounds=2, most=3, components=2))
groups.features = FEATURES
models["personas"] = groups.fit(blobs()[0], Options())
np.save(folder / "personas.npy", blobs(seed=9)[0])
for name, model in models.items():
    (folder / f"{{name}}.model").write_bytes(packed(model))
    (folder / f"{{name}}.json").write_text(json.dumps(answers(name, model)))
print(json.dumps(sorted({{"scipy", "sklearn"}} & set(sys.modules))))
"""

SERVE = f"""{ASKED}
ABSENT = {{"scipy", "sklearn", "threadpoolctl", "implicit", "pyspark"}}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())

import django

django.setup()

from personalization.ml.artefact import checksum, unpacked
from personalization.ml.history import history_of
from personalization.ml.serving.engine import Engine
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.recommend import Ask, recommend
from personalization.ml.serving.shelf import ShelfItem, shelf_of

found = {{}}
for path in sorted(folder.glob("*.model")):
    content = path.read_bytes()
    model = unpacked(content, sha256=checksum(content))
    found[path.stem] = answers(path.stem, model)
    if path.stem == "stack":
        items = shelf_of(ShelfItem(key=key, title=key) for key in model.items)
        ask = Ask(n=3, history=history_of("a1", "a2"))
        made = recommend(ask, items=items, famous=Popular(), scorer=Engine(model, version=9))
        found["list"] = [[one.item.key, one.model_version] for one in made]
try:
    import sklearn
except ImportError:
    found["sklearn"] = "absent"
print(json.dumps(found))
"""


def run(program: str, folder: Path) -> Any:
    """Run a program of Python on a folder in a process of its own; return the JSON it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # sums in one order
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of artefacts, learned in a process that has scikit-learn and scipy."""
    folder = tmp_path_factory.mktemp("artefacts")
    assert run(LEARN, folder) == ["scipy", "sklearn"]
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Mapping[str, Any]:
    return run(SERVE, folder)


def test_all_that_is_shipped_scores_as_it_did_where_it_was_learned(
    folder: Path, served: Mapping[str, Any]
) -> None:
    assert served["sklearn"] == "absent"
    learned = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert len(learned) == 5
    for name, scores in learned.items():
        # Sums hang in their last digit on where in memory an array begins.
        np.testing.assert_allclose(served[name], scores, rtol=1e-5, atol=1e-7, err_msg=name)


def test_the_list_is_that_of_the_shipped_stack(folder: Path, served: Mapping[str, Any]) -> None:
    content = (folder / "stack.model").read_bytes()
    model = unpacked(content, sha256=checksum(content))
    assert isinstance(model, Stack)
    assert set(model.config.engines) == set(StackConfig().engines)
    assert len(served["list"]) == 3
    assert {version for _, version in served["list"]} == {9}
    # Of the two kinds of items, the one that the history is of, or what everybody has.
    assert not any(key.startswith("b") for key, _ in served["list"])


def test_scores_tell_things_apart(served: Mapping[str, Any]) -> None:
    """So that equal answers are no equal nothings."""
    nothing, one_kind, other_kind, unknown = served["stack"]
    assert len({tuple(nothing), tuple(one_kind), tuple(other_kind)}) == 3
    assert unknown == nothing
    for name in ("best", "boosting", "forest"):
        assert max(served[name]) - min(served[name]) > 0.2
    assert len(set(served["personas"])) == 3
