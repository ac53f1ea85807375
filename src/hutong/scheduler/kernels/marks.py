"""The mark of a function that can be compiled, and the arrays such functions take."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])

Ints = NDArray[np.int64]
Small = NDArray[np.int16]
Tiny = NDArray[np.int8]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

compiler: list[Callable[..., Any]] = []
"""Holds numba's decorator while the kernels are imported to be compiled, else nothing."""


def kernel(function: F) -> F:
    """Compile a function where the kernels are imported for that, else leave it alone."""
    if compiler:
        compiled: F = compiler[0](function)
        return compiled
    return function
