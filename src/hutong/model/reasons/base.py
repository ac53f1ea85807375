"""What all reasons have, and the kinds of events that clear many of them."""

from typing import ClassVar

import msgspec

ENDINGS = ("AttemptEnded", "AttemptLost")
SUPPLY = ("InventoryChanged", "SiteReturned", "SiteDrained", "NodeDrained")


class Reason(msgspec.Struct, frozen=True, tag_field="code"):
    """Base of all reasons. `clears_on` names kinds of events of `hutong.lifecycle.events`."""

    clears_on: ClassVar[tuple[str, ...]] = ()

    @property
    def code(self) -> str:
        """The stable dotted code."""
        return str(self.__struct_config__.tag)

    def sentence(self) -> str:
        """The reason in words, made of its facts."""
        raise AssertionError(f"{type(self).__name__} has no sentence")
