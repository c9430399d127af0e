from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts import budgets
from tests.housekeeping.repository import PACKAGE, ROOT


def source(text: str, *, path: str = "personalization/example.py") -> budgets.Source:
    return budgets.Source(path=ROOT / path, text=text, tree=ast.parse(text))


@pytest.mark.slow  # every file is read; the script itself is one of the checks of each run
def test_the_package_keeps_its_hard_budgets() -> None:
    table = budgets.budgets(budgets.read(PACKAGE), tests=[])
    assert [budgets.row(budget) for budget in table if budget.hard and not budget.kept] == []


def test_sloc_leaves_out_comments_blanks_and_docstrings() -> None:
    text = '"""What it is."""\n\n# why\nvalue = (\n    1,\n)\n\n\ndef f():\n    """Say."""\n    return 1\n'
    assert budgets.sloc(source(text)) == 5


def test_a_function_is_as_long_as_it_is_written() -> None:
    found = budgets.functions(
        [source("def outer():\n    def inner():\n        pass\n\n    inner()\n")]
    )
    assert list(found.values()) == [5, 2]


@pytest.mark.parametrize(
    ("clause", "count"),
    [
        ("except:", 1),
        ("except Exception:", 1),
        ("except (ValueError, BaseException):", 1),
        ("except ValueError:", 0),
    ],
)
def test_broad_excepts_are_counted(clause: str, count: int) -> None:
    text = f"try:\n    pass\n{clause}\n    pass\n"
    assert len(budgets.broad_excepts([source(text)])) == count


def test_only_own_imports_inside_functions_are_lazy() -> None:
    text = (
        "import personalization.a\ndef f():\n    import json\n    from personalization.b import c\n"
    )
    assert budgets.lazy_imports([source(text)]) == ["personalization/example.py:4"]


def test_a_lazy_import_closes_a_cycle_and_one_for_typing_does_not() -> None:
    modules = {
        "a": "def f():\n    from personalization import b\n",
        "b": "from personalization.a import f\n",
        "c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from personalization import d\n",
        "d": "import personalization.c\n",
    }
    graph = budgets.import_graph(
        source(text, path=f"personalization/{name}.py") for name, text in modules.items()
    )
    assert budgets.cycles(graph) == [["personalization.a", "personalization.b"]]


def test_a_package_that_gathers_its_modules_is_no_cycle() -> None:
    modules = {
        "admin/__init__": "from personalization.admin import a, b\n",
        "admin/a": "from personalization.admin import b\n",
        "admin/b": "x = 1\n",
    }
    graph = budgets.import_graph(
        source(text, path=f"personalization/{name}.py") for name, text in modules.items()
    )
    assert graph["personalization.admin.a"] == {"personalization.admin.b"}
    assert budgets.cycles(graph) == []


def test_p95_is_a_value_that_occurs() -> None:
    assert budgets.p95(range(1, 101)) == 95
    assert budgets.p95([7]) == 7
    assert budgets.p95([]) == 0


def test_a_broken_hard_budget_fails_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "personalization").mkdir()
    (tmp_path / "personalization" / "long.py").write_text("x = 1\n" * 501)
    monkeypatch.setattr(budgets, "ROOT", tmp_path)
    assert budgets.main() == 1
    assert "personalization/long.py" in capsys.readouterr().out
