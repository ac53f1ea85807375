"""Which kernels are in use, and how they are compiled."""

import importlib.util
import sys
from types import ModuleType

from hutong.scheduler.kernels import gangs, marks, nodes


class Kernels:
    """The modules of kernels, plain or compiled."""

    def __init__(self, modules: dict[str, ModuleType], *, compiled: bool) -> None:
        self.compiled = compiled
        self.nodes = modules["nodes"]
        self.gangs = modules["gangs"]


PLAIN = {"nodes": nodes, "gangs": gangs}
_PLAIN = Kernels(dict[str, ModuleType](PLAIN), compiled=False)
_in_use = [_PLAIN]


def active() -> Kernels:
    """The kernels in use."""
    return _in_use[0]


def is_loaded() -> bool:
    """Say whether the compiled ones are in use."""
    return _in_use[0].compiled


def load() -> None:
    """Use the compiled kernels from now on. What was not compiled before is when first called."""
    if not is_loaded():
        _in_use[0] = Kernels({name: _twin(name) for name in PLAIN}, compiled=True)


def unload() -> None:
    """Use the plain kernels again."""
    _in_use[0] = _PLAIN


def _twin(name: str) -> ModuleType:
    """Import a module of kernels a second time, with its functions compiled."""
    from numba import njit

    full = f"hutong.scheduler.kernels.compiled_{name}"
    known = sys.modules.get(full)
    if known is not None:
        return known
    path = PLAIN[name].__file__
    assert path is not None
    spec = importlib.util.spec_from_file_location(full, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    marks.compiler.append(njit(cache=True, error_model="numpy", forceinline=True))
    try:
        spec.loader.exec_module(module)
    finally:
        marks.compiler.clear()
    return module
