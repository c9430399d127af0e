"""ALS by Spark, where learning takes longer than one machine should: factors of items, as iALS
keeps them.

The work is spread over machines, the data are not: interactions are read and added up here, and
each pair of visitor and item is a row in the memory of this process (some 150 bytes) before
Spark has it.

Spark's `ALS` with `implicitPrefs` solves the same problem (Hu, Koren and Volinsky 2008) with
confidences of 1 + `alpha` × rating and λ times the number of ratings of a row. It needs Java 17
and the extra `spark`, for training alone; what serves reads the artefact with numpy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.recommenders.matrix import Matrix

#: Where the work is done if neither a session nor the environment says: on this machine.
LOCAL = "local[*]"
_MASTER = "SPARK_MASTER"


def item_factors(
    matrix: Matrix,
    *,
    factors: int,
    iterations: int,
    regularization: float,
    unobserved: float,
    seed: int,
) -> Floats:
    """Return the factors of the items of `matrix` (items × factors).

    `regularization` is that of each value of a row, `unobserved` how sure it is that what nobody
    did is not liked. A session that is at work is used and left alone; else one is begun at the
    address in `SPARK_MASTER`, and ended.
    """
    from pyspark.ml.recommendation import ALS

    with _session() as spark:
        als = ALS(
            rank=factors,
            maxIter=iterations,
            regParam=regularization / unobserved,
            alpha=1 / unobserved,
            implicitPrefs=True,
            seed=seed,
            userCol="visitor",
            itemCol="item",
            ratingCol="confidence",
        )
        rows = spark.createDataFrame(_rows(matrix), "visitor int, item int, confidence float")
        model = als.fit(rows)
        found = model.itemFactors.collect()
    learned = np.zeros((len(matrix.items), factors), np.float32)
    for row in found:
        learned[row["id"]] = row["features"]
    return learned


def _rows(matrix: Matrix) -> list[tuple[int, int, float]]:
    columns = (matrix.rows, matrix.columns, matrix.values)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@contextmanager
def _session() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    builder = SparkSession.builder.appName("personalization")
    builder = builder.master(os.environ.get(_MASTER, LOCAL))
    session = builder.config("spark.ui.enabled", "false").getOrCreate()
    try:
        yield session
    finally:
        session.stop()
