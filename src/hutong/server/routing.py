"""From a path to an endpoint, and from a query string to the endpoint's query."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from hutong.model.errors import HutongError, refuse
from hutong.server.endpoint import Endpoint
from hutong.server.strict import LARGEST_REPORTED, StrictDecoder, nearest
from hutong.server.tokens import Scope

_QUERY_PARTS = 32
_PART = re.compile(r"([^{]*)(?:{(\w+)(:path)?})?")
_AT = re.compile(r" - at `\$\.(?P<name>\w+)[^`]*`$")


class Bound:
    """An endpoint with what its requests need, made once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.is_open = Scope.ANYBODY in endpoint.scopes
        self.decoder: StrictDecoder[Any] | None = None
        if endpoint.request is not None and endpoint.skips_unknown:
            self.decoder = StrictDecoder(
                endpoint.request, skips_unknown=True, largest=LARGEST_REPORTED
            )
        elif endpoint.request is not None:
            self.decoder = StrictDecoder(endpoint.request)
        self._default: object = None
        self._lists: tuple[str, ...] = ()
        self._names: tuple[str, ...] = ()
        if endpoint.query is not None:
            hints = get_type_hints(endpoint.query)
            self._lists = tuple(name for name, kind in hints.items() if get_origin(kind) is tuple)
            self._names = tuple(hints)
            self._default = endpoint.query()

    def query(self, text: bytes) -> object:
        """Read a query string. Raises `request.parameter`."""
        if not text:
            return self._default
        found = self._parts(text)
        if self.endpoint.query is None:
            if self.is_open:
                return None
            name, value = next(iter(found.items()), ("", ""))
            raise _bad(name, value, "this endpoint takes no parameters")
        for name, value in found.items():
            if name not in self._names:
                raise _bad(name, value, f"it is not known. {nearest(name, self._names)[:-1]}")
        values: dict[str, object] = {
            name: value.split(",") if name in self._lists and value else value
            for name, value in found.items()
        }
        for name in self._lists:
            if values.get(name) == "":
                del values[name]
        try:
            return msgspec.convert(values, self.endpoint.query, strict=False)
        except msgspec.ValidationError as problem:
            at = _AT.search(str(problem))
            name = at["name"] if at else ""
            words = _AT.sub("", str(problem))
            raise _bad(name, found.get(name, ""), words[:1].lower() + words[1:]) from None

    def _parts(self, text: bytes) -> dict[str, str]:
        try:
            pairs = parse_qsl(
                text.decode(), keep_blank_values=True, errors="strict", max_num_fields=_QUERY_PARTS
            )
        except ValueError:
            shown = text[:40].decode("ascii", "replace")
            raise _bad("query", shown, "it is not a query string in UTF-8") from None
        found: dict[str, str] = {}
        for name, value in pairs:
            if name in found:
                raise _bad(name, value, "it is given twice")
            found[name] = value
        return found


class Routes:
    """All endpoints by path and method."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._plain: dict[str, dict[str, Bound]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Bound]]] = []
        by_path: dict[str, dict[str, Bound]] = {}
        for endpoint in endpoints:
            methods = by_path.setdefault(endpoint.path, {})
            assert endpoint.method not in methods, f"{endpoint.method} {endpoint.path} is twice"
            methods[endpoint.method] = Bound(endpoint)
        for path, methods in by_path.items():
            if "{" in path:
                self._patterns.append((_pattern(path), methods))
            else:
                self._plain[path] = methods

    def find(self, method: str, path: str) -> tuple[Bound, dict[str, str]]:
        """The endpoint, and the parts of the path. Raises `request.not_found`, `MethodError`."""
        methods = self._plain.get(path)
        params: Mapping[str, str] = {}
        if methods is None:
            for pattern, candidates in self._patterns:
                matched = pattern.match(path)
                if matched:
                    methods, params = candidates, matched.groupdict()
                    break
        if methods is None:
            raise refuse("request.not_found", path=path)
        bound = methods.get(method)
        if bound is None:
            raise MethodError(method, path, tuple(methods))
        return bound, dict(params)


def _pattern(path: str) -> re.Pattern[str]:
    """`{name}` is one part of a path, `{name:path}` one or more."""
    text = ""
    for plain, name, rest in _PART.findall(path):
        text += re.escape(plain)
        if name:
            text += f"(?P<{name}>{'.+' if rest else '[^/]+'})"
    return re.compile(rf"{text}\Z", re.DOTALL)


class MethodError(HutongError):
    """`request.method`, with the methods that the path takes."""

    def __init__(self, method: str, path: str, allowed: tuple[str, ...]) -> None:
        refusal = refuse("request.method", method=method, path=path)
        super().__init__(refusal.code, refusal.facts)
        self.allowed = allowed


def _bad(name: str, value: str, problem: str) -> HutongError:
    return refuse("request.parameter", name=name, value=value or "empty", problem=problem)
