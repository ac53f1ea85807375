"""Settings of generators: typed, and checked against ranges that each generator states."""

from typing import Any, ClassVar

import msgspec

from hutong.model.errors import HutongError, refuse

YEAR_MS = 365 * 24 * 3_600_000
Ranges = dict[str, tuple[float, float]]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What a generator, or a part of one, takes. Made only if every setting is in its range.

    `RANGES` bounds numbers, and the numbers in tuples, both ends included. Raises `HutongError`
    `generate.setting`.
    """

    RANGES: ClassVar[Ranges] = {}

    def __post_init__(self) -> None:
        for setting, (least, most) in self.RANGES.items():
            value = getattr(self, setting)
            for number in value if isinstance(value, tuple) else (value,):
                if not least <= number <= most:
                    problem = f"{shown(number)} is not from {shown(least)} to {shown(most)}"
                    raise self.refusal(setting, problem)

    @classmethod
    def name(cls) -> str:
        """The name that a scenario file gives it."""
        return str(cls.__struct_config__.tag)

    def refusal(self, setting: str, problem: str) -> HutongError:
        """The error for a setting."""
        return refuse("generate.setting", generator=self.name(), setting=setting, problem=problem)


def read_settings(kind: type[Settings], raw: dict[str, Any]) -> Settings:
    """Settings out of plain values, as they come from a file.

    Raises `HutongError` `generate.setting` with the place of what is wrong.
    """
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as wrong:
        problem, _, place = str(wrong).partition(" - at `$.")
        setting = place.rstrip("`") or "settings"
        raise refuse(
            "generate.setting", generator=kind.name(), setting=setting, problem=problem
        ) from None


def shown(number: float) -> str:
    """A number as text: whole ones with thousands apart."""
    return f"{int(number):,}" if float(number).is_integer() else f"{number:g}"
