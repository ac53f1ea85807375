"""Which kernels are in use, and how they are compiled."""

import importlib.abc
import importlib.util
import sys
import zlib
from types import ModuleType
from typing import Any

from hutong.scheduler.kernels import (
    accounts,
    flow,
    fragments,
    gangs,
    layout,
    marks,
    nodes,
    turns,
)

_MODULES: dict[str, ModuleType] = {
    "nodes": nodes, "gangs": gangs, "accounts": accounts, "fragments": fragments,
    "turns": turns, "flow": flow,
}  # fmt: skip
"""In the order in which they build on each other."""


class Kernels:
    """The modules of kernels, plain or compiled."""

    def __init__(self, modules: dict[str, ModuleType], *, compiled: bool) -> None:
        self.compiled = compiled
        self.nodes = modules["nodes"]
        self.gangs = modules["gangs"]
        self.accounts = modules["accounts"]
        self.fragments = modules["fragments"]
        self.turns = modules["turns"]
        self.flow = modules["flow"]


_PLAIN = Kernels(_MODULES, compiled=False)
_in_use = [_PLAIN]


def active() -> Kernels:
    """The kernels in use."""
    return _in_use[0]


def is_loaded() -> bool:
    """Say whether the compiled ones are in use."""
    return _in_use[0].compiled


def load() -> None:
    """Use the compiled kernels from now on.

    What was not compiled on this machine before is when it is first called; `warm` does so for all.
    """
    if is_loaded():
        return
    import numba

    settings: Any = numba.config  # which gets its settings only while it is imported
    known = settings.CACHE_DIR
    settings.CACHE_DIR = cache_dir()
    try:
        _in_use[0] = Kernels(_compiled(), compiled=True)
    except RuntimeError:  # the folder beside the source is read-only: numba finds another
        settings.CACHE_DIR = known
        _in_use[0] = Kernels(_compiled(), compiled=True)
    finally:
        settings.CACHE_DIR = known


def unload() -> None:
    """Use the plain kernels again."""
    _in_use[0] = _PLAIN


def cache_dir() -> str:
    """The folder of the compiled code: another one whenever a source of the kernels changes.

    numba itself looks only at the file that a function is in, not at what the function calls.
    """
    stamp = 0
    for module in (layout, marks, *_MODULES.values(), sys.modules[__name__]):
        loader = module.__loader__
        assert isinstance(loader, importlib.abc.ResourceLoader)
        stamp = zlib.crc32(loader.get_data(_path(module)), stamp)
    return f"{_path(nodes).rpartition('/')[0]}/__pycache__/compiled-{stamp:08x}"


def _path(module: ModuleType) -> str:
    assert module.__file__ is not None
    return module.__file__


def _compiled() -> dict[str, ModuleType]:
    """Import the modules a second time, with their functions compiled.

    While that goes on the second ones stand in for the first, so that they call each other.
    """
    from numba import njit

    twins: dict[str, ModuleType] = {}
    marks.compiler.append(njit(cache=True, error_model="numpy", forceinline=True))
    try:
        for name, module in _MODULES.items():
            twins[name] = _twin(name, module)
            sys.modules[module.__name__] = twins[name]
    finally:
        marks.compiler.clear()
        for module in _MODULES.values():
            sys.modules[module.__name__] = module
    return twins


def _twin(name: str, module: ModuleType) -> ModuleType:
    full = f"hutong.scheduler.kernels.compiled_{name}"
    spec = importlib.util.spec_from_file_location(full, _path(module))
    assert spec is not None
    assert spec.loader is not None
    twin = importlib.util.module_from_spec(spec)
    sys.modules[full] = twin
    spec.loader.exec_module(twin)
    return twin
