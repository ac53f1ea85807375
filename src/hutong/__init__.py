"""Hutong: one fair queue, one bill and one set of rules over many clusters, clouds and chips.

`hutong.Client` is the SDK; it is imported when it is first asked for, so that `import hutong` costs
next to nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hutong.client.client import Client

__version__ = "0.1.0"
__all__ = ["Client", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Client":
        from hutong.client.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
