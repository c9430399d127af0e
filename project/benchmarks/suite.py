"""Every benchmark there is: importing it registers them."""

from __future__ import annotations

from project.benchmarks import ingest, render
from project.benchmarks.results import benchmarks

__all__ = ["benchmarks", "ingest", "render"]
