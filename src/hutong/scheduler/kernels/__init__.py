"""The scheduler's hot loops, in one source that runs plain or compiled.

Theory of operation. The modules of this package hold functions over arrays, written in the part of
Python that numba compiles. Imported the usual way they are plain Python, which is what a small hub
needs: numba costs a tenth of a gigabyte and half a second. `load` imports the same files a second
time with every function compiled, and from then on `active()` gives those. Both give the same
results: they compute with 64-bit integers alone, and nothing in them overflows (amounts are cut to
`columns.AMOUNT_MAX`).

Compiled code is kept beside the source, or in the user's cache folder where that is read-only, and
made again when a source changes. Making it takes some ten seconds; who cannot wait for that looks
for `cache_dir()` first and lets another process do it (`hutong compile`).
"""

from hutong.scheduler.kernels import layout
from hutong.scheduler.kernels.loading import active, cache_dir, is_loaded, load, unload

__all__ = ["active", "cache_dir", "is_loaded", "layout", "load", "unload"]
