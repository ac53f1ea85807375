"""Checkpoints: a replay put aside in a file, to go on later with the same outcome.

Theory of operation. All that a replay has become is pickled as it is, memories of the scheduler
included, but for what is there anyway: the workload is known by how many of its jobs were taken,
and the catalogue is loaded. Arrays that look into another array look into it again afterwards. A
file begins with a line of its format, what setup it belongs to, and the digest of what follows; one
that is torn, of another version or of another setup is refused. It is trusted otherwise: read only
files of your own.
"""

import copyreg
import hashlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hutong import __version__
from hutong.catalog import Catalog, load_catalog
from hutong.model.errors import refuse
from hutong.sim.setup import Setup
from hutong.sim.workload import Workload

FORMAT = "hutong-replay 1"
_WORKLOAD, _CATALOG = "workload", "catalogue"


def save(path: Path, run: object, setup: Setup) -> None:
    """Write a replay down, whole or not at all. Raises `OSError`."""
    body = io.BytesIO()
    _Pickler(body, setup.workload).dump(run)
    content = body.getvalue()
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(_header(setup, content))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load(path: Path, setup: Setup) -> Any:
    """Read a replay of this very setup. Raises `HutongError` `scenario.checkpoint`."""
    try:
        whole = path.read_bytes()
    except OSError as error:
        raise _refused(path, f"it cannot be read ({error.strerror})") from error
    head, _, content = whole.partition(b"\n")
    wanted = _header(setup, content).rstrip(b"\n").split(b" ")
    found = head.split(b" ")
    if len(found) != len(wanted) or found[:2] != wanted[:2]:
        raise _refused(path, "it is no checkpoint of a replay")
    if found[2] != wanted[2]:
        raise _refused(path, f"it is of version {found[2].decode(errors='replace')}")
    if found[3] != wanted[3]:
        raise _refused(path, "its setup was another one")
    if found[4] != wanted[4]:
        raise _refused(path, "it is damaged")
    return _Unpickler(io.BytesIO(content), setup.workload).load()


def _header(setup: Setup, content: bytes) -> bytes:
    bare = msgspec.structs.replace(setup, workload=Workload(setup.workload.info, ()))
    mark = hashlib.sha256(repr(bare).encode()).hexdigest()
    digest = hashlib.sha256(content).hexdigest()
    return f"{FORMAT} {__version__} {mark} {digest}\n".encode()


def _refused(path: Path, problem: str) -> Exception:
    return refuse("scenario.checkpoint", path=str(path), problem=problem)


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, workload: Workload) -> None:
        super().__init__(file, protocol=5)
        self._workload = workload

    def persistent_id(self, thing: Any) -> str | None:
        """What is not written: the workload and the catalogue."""
        if thing is self._workload:
            return _WORKLOAD
        return _CATALOG if isinstance(thing, Catalog) else None

    def reducer_override(self, thing: Any) -> Any:
        """Write arrays that look into others as such."""
        base = thing.base if type(thing) is np.ndarray else None
        if type(base) is not np.ndarray or not base.flags.c_contiguous:
            return NotImplemented
        offset = thing.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        return _view, (base, offset, thing.shape, thing.strides, thing.dtype.str)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, workload: Workload) -> None:
        super().__init__(file)
        self._workload = workload

    def persistent_load(self, name: Any) -> object:
        """What was not written."""
        return self._workload if name == _WORKLOAD else load_catalog()

    def find_class(self, module: str, name: str) -> Any:
        """Only what a replay is made of."""
        if module.partition(".")[0] in _MODULES or (module, name) in _NAMES:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a replay")


def _view(
    base: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str
) -> Any:
    """An array that looks into another one."""
    return np.ndarray(shape, dtype, base, offset, strides)


_RECONSTRUCT: Callable[..., object] = copyreg._reconstructor  # type: ignore[attr-defined]
_MODULES = ("hutong", "numpy", "msgspec", "collections", "array", "random")
_NAMES = {
    ("copyreg", _RECONSTRUCT.__name__), ("copyreg", "__newobj__"), ("builtins", "object"),
    ("builtins", "set"), ("builtins", "bytearray"), ("_codecs", "encode"),
}  # fmt: skip
