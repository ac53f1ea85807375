"""Reading requests strictly: a misspelt field is an error with the nearest known name.

The wire's types also read what a newer hub or journal wrote, so they skip fields they do not know.
A request must not: a misspelt `time_limit_ms` would be a job without a limit. So a body is read
twice, both times in C: into a twin of its type that forbids unknown fields and bounds every
integer, then into the type itself. Agents may be newer than the hub, so their reports may have
fields that it does not know; their integers are bounded all the same.
"""

import re
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from hutong.model.errors import HutongError, refuse

LARGEST_INTEGER = 2**53 - 1
"""What every reader of JSON holds exactly."""

LARGEST_REPORTED = 2**43
"""More than any time in Unix ms, price or amount, and small enough that sums fit in 64 bits."""

T = TypeVar("T")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*?)`(?: - at `(?P<path>.*)`)?")
_STEP = re.compile(r"\.([^.\[]+)|\[[^\]]*\]")


class StrictDecoder(Generic[T]):
    """Reads JSON into one type, or says what is wrong with it."""

    def __init__(
        self, kind: type[T], *, skips_unknown: bool = False, largest: int = LARGEST_INTEGER
    ) -> None:
        self._twin = _Twins(skips_unknown=skips_unknown, largest=largest).of(kind)
        self._check = msgspec.json.Decoder(self._twin).decode
        self._decode = msgspec.json.Decoder(kind).decode

    def decode(self, body: bytes | bytearray | memoryview) -> T:
        """Read a body. Raises `request.malformed`, `request.unknown_field`."""
        try:
            self._check(body)
            return self._decode(body)
        except msgspec.ValidationError as problem:
            raise self._explain(str(problem)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise refuse("request.malformed", problem=_lower(str(problem))) from None

    def _explain(self, problem: str) -> HutongError:
        unknown = _UNKNOWN.fullmatch(problem)
        if unknown is None:
            return refuse("request.malformed", problem=_lower(problem))
        path = (unknown["path"] or "$").removeprefix("$")
        name = f"{path}.{unknown['name']}".lstrip(".")
        known = _fields_at(self._twin, path)
        return refuse("request.unknown_field", field=name, advice=nearest(unknown["name"], known))


def nearest(name: str, known: tuple[str, ...]) -> str:
    """Advice for a name that is not known: the nearest that is, or all."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1, 0.6)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Known are {', '.join(known)}." if known else "There is none at all."


def _lower(problem: str) -> str:
    """An error of the JSON library as a part of a sentence."""
    keep = problem[1:2].isupper()
    return problem if keep else problem[:1].lower() + problem[1:]


class _Twins:
    """Makes each type's twin once."""

    def __init__(self, *, skips_unknown: bool, largest: int) -> None:
        self._forbids = not skips_unknown
        self._integer = Annotated[int, msgspec.Meta(ge=-largest, le=largest)]
        self._made: dict[type, Any] = {}

    def of(self, kind: Any) -> Any:
        """The same type with unknown fields forbidden and integers bounded."""
        if kind is int:
            return self._integer
        if _is_struct(kind):
            if kind not in self._made:
                self._made[kind] = self._struct(kind)
            return self._made[kind]
        origin = get_origin(kind)
        if origin is None or origin is Annotated:
            return kind
        arguments = tuple(self.of(argument) for argument in get_args(kind))
        if origin in (tuple, dict, list):
            return origin[arguments]
        union = arguments[0]
        for argument in arguments[1:]:
            union = union | argument
        return union

    def _struct(self, kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
        hints = get_type_hints(kind, include_extras=True)
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        for field in msgspec.structs.fields(kind):
            twin = self.of(hints[field.name])
            fields.append((field.name, twin) if field.required else (field.name, twin, None))
        config = kind.__struct_config__
        return msgspec.defstruct(
            kind.__name__,
            fields,
            forbid_unknown_fields=self._forbids,
            tag_field=config.tag_field,
            tag=config.tag,
        )


def _fields_at(twin: Any, path: str) -> tuple[str, ...]:
    """The names that the object at a path of an error message may have."""
    for step in _STEP.finditer(path):
        name = step[1]
        twin = _struct_of(twin)
        if name is not None:
            hints = get_type_hints(twin, include_extras=True) if _is_struct(twin) else {}
            twin = hints.get(name)
        else:
            arguments = [item for item in get_args(twin) if item is not Ellipsis]
            twin = arguments[-1] if arguments else None
    twin = _struct_of(twin)
    return tuple(twin.__struct_fields__) if _is_struct(twin) else ()


def _struct_of(twin: Any) -> Any:
    """Of `X | None` the X."""
    options = [item for item in get_args(twin) if item is not type(None)]
    if get_origin(twin) in (tuple, dict, list) or not options:
        return twin
    return options[0]


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
