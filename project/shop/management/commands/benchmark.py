"""`manage.py benchmark NAME [--json]`: the home of every benchmark."""

from __future__ import annotations

import json
import platform
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from project.benchmarks.database import database_version
from project.benchmarks.models.data import MissingData
from project.benchmarks.models.suite import UnknownProtocol, protocols
from project.benchmarks.results import Effort, Result
from project.benchmarks.suite import benchmarks

PACKAGES = ("django", "djangorestframework", "celery")
#: Of these only where they are installed.
OPTIONAL = ("numpy", "scipy", "scikit-learn", "implicit")


class Command(BaseCommand):
    requires_system_checks = ()  # some would connect to the database of the site
    help = (
        "Measure against a floor in the same run, in a database that is thrown away. "
        f"Benchmarks: {', '.join(benchmarks.names())}."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", default="", help=", ".join(benchmarks.names()))
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--seconds", type=float, default=Effort.seconds, help="how long to measure, in all"
        )
        parser.add_argument(
            "--repeat", type=int, default=Effort.rounds, help="how many rounds at least"
        )

        parser.add_argument(
            "--stored",
            type=int,
            default=Effort.stored,
            help="to how many stored events the worker's database grows",
        )
        parser.add_argument(
            "--departures",
            type=int,
            default=Effort.departures,
            help="how many memberships end, 100,000 a minute",
        )
        parser.add_argument(
            "--profiles",
            type=int,
            default=Effort.profiles,
            help="how many profiles, with 20 events each, rules are back-filled for",
        )
        parser.add_argument(
            "--without-peer",
            action="store_true",
            help="compare with no package that has to be installed first, in an environment "
            "of its own",
        )
        parser.add_argument(
            "--only",
            nargs="+",
            default=(),
            metavar="NAME",
            help=f"which protocols of “models” to run: {', '.join(sorted(protocols.names()))}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        benchmark = benchmarks.get(name)
        if benchmark is None:
            there_are = ", ".join(sorted(benchmarks.names()))
            raise CommandError(f"There is no benchmark “{name}”. There are: {there_are}.")
        if options["repeat"] < 1 or not 0 <= options["seconds"] < float("inf"):
            raise CommandError("--repeat is 1 at least, and --seconds is not negative.")
        if options["stored"] < 100:
            raise CommandError("--stored is 100 at least.")
        if min(options["departures"], options["profiles"]) < 100:
            raise CommandError("--departures and --profiles are 100 at least.")
        effort = Effort(
            seconds=options["seconds"],
            rounds=options["repeat"],
            stored=options["stored"],
            departures=options["departures"],
            profiles=options["profiles"],
            peer=not options["without_peer"],
            only=tuple(options["only"]),
        )
        try:
            results = benchmark(effort)
        except (UnknownProtocol, MissingData) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(as_json(name, results))
        else:
            self.stdout.write(as_table(name, results))


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in (*PACKAGES, *_installed(OPTIONAL))},
        "database": database_version(),
    }


def _installed(packages: Iterable[str]) -> Iterator[str]:
    for package in packages:
        with suppress(PackageNotFoundError):
            version(package)
            yield package


def as_json(name: str, results: Sequence[Result]) -> str:
    return json.dumps(
        {
            "benchmark": name,
            "versions": versions(),
            "results": [asdict(result) for result in results],
        }
    )


def as_table(name: str, results: Sequence[Result]) -> str:
    stated = ", ".join(f"{what} {which}" for what, which in versions().items())
    rows = [
        f"{result.name:<32}{result.value:>10.4g} {result.unit:<16}{result.beside()}"
        for result in results
    ]
    return "\n".join([f"{name} ({stated})", *rows])
