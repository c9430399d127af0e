from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import bootstrap
from tests.housekeeping.repository import ROOT

TEST_EXTRAS = {"demo", "dev", "postgres", "redis"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two files, in which no pip runs and nothing is really installed."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("django==5.2.19\n")
    venv = tmp_path / ".venv"
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STATE", venv / "personalization.json")
    monkeypatch.setattr(bootstrap, "PINS", tmp_path / "constraints.txt")
    return tmp_path


@pytest.fixture
def steps(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What set_up did: environments made, and the last argument of each pip call."""
    done: list[str] = []

    def create() -> None:
        done.append("create")
        (checkout / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        (checkout / ".venv" / "bin" / "python").touch()

    monkeypatch.setattr(bootstrap, "create", create)
    monkeypatch.setattr(bootstrap, "pip", lambda *arguments: done.append(arguments[-1]))
    return done


def test_a_fresh_checkout_gets_an_environment_once(steps: list[str], checkout: Path) -> None:
    assert not bootstrap.is_ready({"demo"})
    bootstrap.set_up({"demo"})
    assert steps == ["create", "editables", f"{checkout}[demo]"]
    assert bootstrap.is_ready({"demo"})


def test_the_tests_add_to_what_the_demo_installed(steps: list[str], checkout: Path) -> None:
    bootstrap.set_up({"demo"})
    assert not bootstrap.is_ready(TEST_EXTRAS)
    bootstrap.set_up(TEST_EXTRAS)
    assert steps[3:] == ["editables", f"{checkout}[demo,dev,postgres,redis]"]
    assert bootstrap.is_ready({"demo"})


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_lock_installs_again(steps: list[str], checkout: Path, name: str) -> None:
    bootstrap.set_up({"demo"})
    (checkout / name).write_text("# changed\n")
    assert not bootstrap.is_ready({"demo"})
    bootstrap.set_up({"demo"})
    assert steps.count("create") == 1


@pytest.mark.usefixtures("checkout")
def test_an_interrupted_install_starts_anew(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: str) -> None:
        raise KeyboardInterrupt

    working = bootstrap.pip
    monkeypatch.setattr(bootstrap, "pip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.set_up({"demo"})
    assert not bootstrap.is_ready({"demo"})
    monkeypatch.setattr(bootstrap, "pip", working)
    bootstrap.set_up({"demo"})
    assert steps.count("create") == 2
    assert bootstrap.is_ready({"demo"})


def test_another_python_or_place_starts_anew(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.set_up({"demo"})
    monkeypatch.setattr(bootstrap, "home", lambda: "elsewhere")
    assert not bootstrap.is_ready({"demo"})
    bootstrap.set_up({"demo"})
    assert steps.count("create") == 2


@pytest.mark.parametrize("state", ["", "no json", "[]", '{"unknown": 1}'])
def test_an_unreadable_state_starts_anew(steps: list[str], state: str) -> None:
    bootstrap.set_up({"demo"})
    bootstrap.STATE.write_text(state)
    assert not bootstrap.is_ready({"demo"})
    bootstrap.set_up({"demo"})
    assert steps.count("create") == 2


def test_an_environment_of_somebody_else_is_left_alone(steps: list[str], checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "pyvenv.cfg").touch()
    with pytest.raises(bootstrap.SetupError, match="did not make"):
        bootstrap.set_up({"demo"})
    assert steps == []


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    find_spec: Callable[[str], object] = bootstrap.importlib.util.find_spec
    monkeypatch.setattr(
        bootstrap.importlib.util,
        "find_spec",
        lambda name: None if name == module else find_spec(name),
    )
    with pytest.raises(bootstrap.SetupError, match=rf"its {module} module.*(?s:.*)python3-venv"):
        bootstrap.create()


def test_a_failed_install_shows_the_words_of_pip(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = checkout / "python"
    python.write_text("#!/bin/sh\necho 'ERROR: there is no such version'\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr(bootstrap, "PYTHON", python)
    with pytest.raises(bootstrap.SetupError, match=r"exit code 3(?s:.*)there is no such version"):
        bootstrap.pip("install", "anything")


def test_a_folder_that_cannot_be_used_is_an_error_with_a_sentence(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(bootstrap, "ROOT", checkout / "gone")
    with pytest.raises(bootstrap.SetupError, match="cannot be set up"):
        bootstrap.prepare(testing=True)


@pytest.mark.parametrize(
    ("environment", "extras"),
    [
        ({}, {"demo"}),
        ({"DATABASE_URL": "sqlite:///demo.sqlite3"}, {"demo"}),
        ({"DATABASE_URL": "postgres://localhost/shop"}, {"demo", "postgres"}),
        ({"CELERY_BROKER_URL": "redis://localhost"}, {"demo", "redis"}),
        ({"REDIS_URL": "rediss://localhost"}, {"demo", "redis"}),
    ],
)
def test_the_environment_decides_about_extras(
    environment: dict[str, str], extras: set[str]
) -> None:
    assert bootstrap.wanted_extras(environment, testing=False) == extras
    assert bootstrap.wanted_extras(environment, testing=True) == TEST_EXTRAS


def test_the_dotenv_file_counts_as_environment(checkout: Path) -> None:
    (checkout / ".env").write_text("# local\nexport DATABASE_URL='postgres://localhost/shop'\n")
    assert bootstrap.wanted_extras(bootstrap.dotenv(), testing=False) == {"demo", "postgres"}


def test_a_missing_module_in_an_active_environment_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(bootstrap.MODULES, "demo", "no_such_module")
    with pytest.raises(bootstrap.SetupError, match=r"no_such_module(?s:.*)\[demo\]"):
        bootstrap.check_active_environment(testing=False, extras={"demo"})


def test_the_state_survives_its_file(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    state = bootstrap.State(home="here", extras=["demo"], pins="abc")
    bootstrap.write_state(state)
    assert bootstrap.read_state() == state
    assert json.loads(bootstrap.STATE.read_text())["extras"] == ["demo"]


def test_an_old_python_can_read_manage_py_to_its_message() -> None:
    ast.parse((ROOT / "manage.py").read_text(), feature_version=(3, 6))
