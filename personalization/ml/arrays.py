"""Names for the arrays that models are made of."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
#: Where sums over many rows have to be exact to the last digits.
Doubles: TypeAlias = NDArray[np.float64]
#: Numbers of rows: of an item, a visitor, a visit.
Indices: TypeAlias = NDArray[np.int32]
#: Instants in microseconds since the epoch.
Instants: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
