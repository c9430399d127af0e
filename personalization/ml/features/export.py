"""A table of features as a file: Parquet with its definitions in the metadata, or CSV beside them.

Rows say who they are of only if that is asked for: else `visitor` counts people from 0, in an
order that is dealt out and says nothing of them. What they did may still tell them apart: a file of rows is data
of people, and whoever writes one answers for it.
"""

from __future__ import annotations

import csv
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.clock import moment, site_zone, span
from personalization.conf import settings
from personalization.exceptions import PersonalizationError
from personalization.ml.consenting import consenting
from personalization.ml.features.definitions import definition_of, version_of
from personalization.ml.features.table import FeatureTable, feature_table
from personalization.profiles.models import Snapshot
from personalization.types import Microseconds

#: People whose rows are in memory at a time.
_PEOPLE = 2000
VERSION, DEFINITIONS = "personalization.features_version", "personalization.features"


class ExportFailed(PersonalizationError):
    """The table cannot be written."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written."""

    rows: int
    visitors: int
    version: str


def export_features(
    path: Path,
    *,
    at: Sequence[Microseconds],
    features: Sequence[str],
    with_profiles: bool = False,
    rng: Random | None = None,
) -> Exported:
    """Write a row for everybody who consents at each instant by which something was known of them.

    The end of the name says the format: `.parquet` or `.csv`. A file appears whole or not at all.
    Without `rng`, people stand in the order in which the database had them first.

    :raises ExportFailed: for another end, without pyarrow, or where it cannot be written.
    :raises UnknownFeature: for a feature that there is not.
    """
    if not features:
        raise ExportFailed("No feature is named to be exported.")
    if twice := [name for name in dict.fromkeys(features) if features.count(name) > 1]:
        raise ExportFailed(f"“{twice[0]}” is named twice; a file has each column once.")
    version = version_of(features, gap=span(settings.VISIT_GAP), zone=site_zone())
    kind = _FORMATS.get(path.suffix)
    if kind is None:
        raise ExportFailed(f"“{path.name}” has to end with {' or '.join(_FORMATS)}.")
    unfinished = path.with_name(f".{path.name}.part")
    rows = visitors = 0
    try:
        with kind.opened(unfinished, features, version, with_profiles=with_profiles) as file:
            for table in _tables(at, features, rng):
                file.add(table, first=visitors)
                rows, visitors = rows + len(table), visitors + len(table.profiles)
        file.finish(unfinished, path)
    except OSError as error:
        raise ExportFailed(f"{path}: {error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Exported(rows=rows, visitors=visitors, version=version)


def _tables(
    at: Sequence[Microseconds], features: Sequence[str], rng: Random | None
) -> Iterator[FeatureTable]:
    everybody = list(consenting())
    if rng is not None:
        rng.shuffle(everybody)
    instants = sorted(set(at))
    for start in range(0, len(everybody), _PEOPLE):
        some = everybody[start : start + _PEOPLE]
        first_seen = dict(Snapshot.objects.filter(pk__in=some).values_list("pk", "first_seen"))
        wanted = [
            (profile_id, instant)
            for profile_id in some
            for instant in instants
            if (seen := first_seen.get(profile_id)) and seen <= moment(instant)
        ]
        if wanted:
            yield feature_table(wanted, features=features)


def definitions_told(features: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what a file says of its columns: label, unit, range and what they are made of."""
    told = {}
    for name in features:
        definition = definition_of(name)
        told[name] = {
            "label": definition.label,
            "unit": definition.unit,
            "least": definition.least,
            "most": None if math.isinf(definition.most) else definition.most,
            "description": definition.description,
            "revision": definition.revision,
        }
    return told


# -- formats ---------------------------------------------------------------------------------


class _File(ABC):
    """A file that tables are added to."""

    def __init__(self, features: Sequence[str], version: str, *, with_profiles: bool) -> None:
        self.features = tuple(features)
        self.version = version
        self.with_profiles = with_profiles

    @classmethod
    def opened(
        cls, path: Path, features: Sequence[str], version: str, *, with_profiles: bool
    ) -> _File:
        file = cls(features, version, with_profiles=with_profiles)
        file.open(path)
        return file

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def columns(self) -> tuple[str, ...]:
        who = ("visitor", "profile") if self.with_profiles else ("visitor",)
        return (*who, "at", *self.features)

    @abstractmethod
    def open(self, path: Path) -> None: ...

    @abstractmethod
    def add(self, table: FeatureTable, *, first: int) -> None:
        """Add rows; the number of their first visitor is `first`."""

    @abstractmethod
    def close(self) -> None: ...

    def finish(self, unfinished: Path, path: Path) -> None:
        """Give the file its name."""
        unfinished.replace(path)


class _Parquet(_File):
    def open(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise ExportFailed(
                "Parquet needs pyarrow: install personalization[parquet], or write .csv."
            ) from error
        whole = {"visitor": pyarrow.int64(), "profile": pyarrow.int64()}
        whole["at"] = pyarrow.timestamp("us", tz="UTC")
        self._pa = pyarrow
        self._schema = pyarrow.schema(
            [(name, whole.get(name, pyarrow.float64())) for name in self.columns],
            metadata={
                VERSION: self.version,
                DEFINITIONS: json.dumps(definitions_told(self.features)),
            },
        )
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema)

    def add(self, table: FeatureTable, *, first: int) -> None:
        pa = self._pa
        arrays: dict[str, NDArray[Any]] = {
            "visitor": table.visitors.astype(np.int64) + first, "at": table.at,
        }  # fmt: skip
        if self.with_profiles:
            arrays["profile"] = np.array(table.profiles, np.int64)[table.visitors]
        for number, name in enumerate(self.features):
            arrays[name] = table.rows[:, number]
        # What is not known is null there, and never NaN.
        columns = [
            pa.array(arrays[name], type=self._schema.field(name).type, from_pandas=True)
            for name in self.columns
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _Csv(_File):
    """What is not known is empty; the definitions are in a file of JSON of the same name."""

    def open(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(self.columns)

    def add(self, table: FeatureTable, *, first: int) -> None:
        for row in range(len(table)):
            who = [int(table.visitors[row]) + first]
            if self.with_profiles:
                who.append(table.profile(row))
            values = ["" if math.isnan(value) else repr(float(value)) for value in table.rows[row]]
            at = moment(int(table.at[row])).isoformat()
            self._rows.writerow([*who, at, *values])

    def close(self) -> None:
        self._file.close()

    def finish(self, unfinished: Path, path: Path) -> None:
        told = {"version": self.version, "features": definitions_told(self.features)}
        path.with_name(f"{path.name}.json").write_text(
            json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8"
        )
        super().finish(unfinished, path)


_FORMATS: dict[str, type[_File]] = {".parquet": _Parquet, ".csv": _Csv}
