"""Dotted versions, compared as people read them: `12.10` after `12.4`, `2.1rc1` before `2.1`."""

import re

_TOKEN = re.compile(r"\d+|[a-z]+")
_Tail = tuple[tuple[int, int, str], ...]


def is_at_least(found: str, wanted: str) -> bool:
    """Say whether version `found` is `wanted` or later. An empty `wanted` asks for any version."""
    return not wanted or version_key(found) >= version_key(wanted)


def version_key(text: str) -> tuple[tuple[int, ...], int, _Tail]:
    """A key that orders versions: release numbers, then pre-release < release < post-release.

    What follows a `+` (a local build such as `+cu121`) does not count, nor do trailing zeros.
    """
    tokens = _TOKEN.findall(text.lower().partition("+")[0])
    if tokens and tokens[0] == "v":
        del tokens[0]
    release = []
    while tokens and tokens[0].isdigit():
        release.append(int(tokens.pop(0)[:18]))
    while release and release[-1] == 0:
        release.pop()
    if not tokens:
        stage = 1
    else:
        stage = 2 if tokens[0] == "post" else 0
    tail = tuple((1, int(token[:18]), "") if token.isdigit() else (0, 0, token) for token in tokens)
    return tuple(release), stage, tail
