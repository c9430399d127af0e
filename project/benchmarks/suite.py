"""Every benchmark there is: importing it registers them."""

from __future__ import annotations

from project.benchmarks import faults, ingest, render, rules, timemachine, tracker
from project.benchmarks.experiments import suite as experiments
from project.benchmarks.models import suite as models
from project.benchmarks.results import benchmarks

__all__ = [
    "benchmarks",
    "experiments",
    "faults",
    "ingest",
    "models",
    "render",
    "rules",
    "timemachine",
    "tracker",
]
