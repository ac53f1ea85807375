"""`hutong compile`: make the scheduler's compiled kernels, so that no hub has to wait for them."""

import sys
import time


def compile() -> None:
    """Compile the scheduler's kernels.

    It is done once after each installation or upgrade, and takes some ten seconds; a hub that is
    large enough to need them does it by itself otherwise. Doing it again changes nothing.
    """
    import shutil
    from pathlib import Path

    from hutong.scheduler import kernels
    from hutong.scheduler.warm import warm
    from hutong.server.speed import is_compiled, note_compiled

    if not is_compiled():
        print("hutong: compiling the scheduler (once, some ten seconds)", file=sys.stderr)
    begun, current = time.monotonic(), Path(kernels.cache_dir())
    kernels.load()
    warm()
    note_compiled()
    for older in current.parent.glob("compiled-*"):
        if older != current:
            shutil.rmtree(older, ignore_errors=True)
    print(f"The scheduler is compiled ({time.monotonic() - begun:.1f} s).")
