"""Every benchmark there is: importing it registers them."""

from __future__ import annotations

from project.benchmarks import faults, ingest, render, rules, timemachine, tracker
from project.benchmarks.models import suite as models
from project.benchmarks.results import benchmarks

__all__ = ["benchmarks", "faults", "ingest", "models", "render", "rules", "timemachine", "tracker"]
