"""Loops over numbers, compiled when they are first called."""

from collections.abc import Callable
from functools import cache
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    from numba import njit

    compiled: Callable[..., Any]
    try:
        compiled = njit(cache=True)(function)
    except RuntimeError:  # the folder beside the source is read-only
        compiled = njit(function)
    return compiled


def fast(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, compiled; what it calls has to be part of numba or of numpy."""
    return _compile(function)
