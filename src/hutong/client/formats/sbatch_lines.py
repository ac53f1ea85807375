"""The `#SBATCH` lines of a script, split into options as Slurm splits them.

They count from the first line to the first one that is neither empty nor a comment. A `#` begins a
comment, quotes and backslashes work as in a shell, a line may hold several options, and of an
option said twice the later counts.
"""

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from hutong.client.formats.draft import Draft, Place
from hutong.client.formats.sbatch_options import (
    ALIASES,
    LETTERS,
    OF_A_PART,
    OPTIONS,
    PART_MARKS,
    REFUSED,
    UNNEEDED,
)
from hutong.client.formats.source import Source
from hutong.client.formats.words import nearest
from hutong.model.errors import HutongError, refuse

_MARK = "#SBATCH"
_NEARLY = re.compile(r"\s*#\s*SBATCH\b|\s+#SBATCH\b", re.IGNORECASE)
_OF_OTHERS = re.compile(r"#(PBS|BSUB|CBATCH|HQ|COBALT|flux:)(?=\s)|#(\$)(?=\s+-)")
# What sbatch itself reads beside its own lines, unless `--ignore-pbs` is said.
_READ_BY_SLURM = ("PBS", "BSUB")


class Said(NamedTuple):
    """One option as the script says it; `word` is how it is written there."""

    name: str
    value: str
    line: int
    word: str

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.line, f"--{self.name}", self.value or self.word)


def options(source: Source, draft: Draft) -> list[dict[str, Said]]:
    """Read the options of a script, refuse the ones that cannot be honoured, warn of the rest.

    There is one member for each part of the job: one, unless the script has a `hetjob` line.
    """
    parts: list[dict[str, Said]] = [{}]
    for option in _every_option(source, draft):
        if option.name in PART_MARKS:
            parts.append({})
            continue
        said = parts[-1]
        if option.name in REFUSED:
            problem, advice = REFUSED[option.name][1]
            raise _unsupported(source, option.line, option.word, problem, advice)
        if option.name in UNNEEDED:
            draft.warn(option.line, option.word, UNNEEDED[option.name][1])
            continue
        if option.name in said:
            draft.warn(
                option.line, option.word,
                f"It stands in line {said[option.name].line} already; this one counts.",
            )  # fmt: skip
            del said[option.name]  # so that `said` is in the order in which options count
        if len(parts) > 1 and option.name not in OF_A_PART:
            raise _unsupported(
                source, option.line, option.word, "parts of a job differ in their sizes alone",
                f"Say it before the first `{PART_MARKS[0]}`.",
            )  # fmt: skip
        said[option.name] = option
    _check_lines_of_others(source, draft, parts[0])
    return parts


def _every_option(source: Source, draft: Draft) -> Iterator[Said]:
    in_header = True
    for number, line in enumerate(source.text.split("\n"), start=1):
        bare = line.strip()
        if bare and not bare.startswith("#"):
            in_header = False
        is_directive = line.startswith(_MARK) and line[len(_MARK) : len(_MARK) + 1] in " \t-"
        if is_directive and in_header:
            yield from _options_of_line(source, number, line[len(_MARK) :])
        elif is_directive:
            draft.warn(
                number, _MARK, "It comes after the first command, so that it counts no more."
            )
        elif in_header and (nearly := _NEARLY.match(line)):
            draft.warn(number, nearly[0].strip(), "Only a line that begins `#SBATCH` is read.")


def _options_of_line(source: Source, number: int, text: str) -> Iterator[Said]:
    try:
        tokens = shlex.split(text, comments=True)
    except ValueError:
        raise source.syntax(
            number, "a quote is not closed", "Close it, or put a backslash before it."
        ) from None
    position = 0
    while position < len(tokens):
        token = tokens[position]
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if token in PART_MARKS:
            yield Said(token, "", number, token)
            position += 1
            continue
        if token.startswith("--") and len(token) > 2:
            option, took = _long(source, number, token, following)
            yield option
        elif token.startswith("-") and token not in {"-", "--"}:
            found, took = _short(source, number, token, following)
            yield from found
        else:
            raise source.syntax(
                number, f"`{token}` is not an option",
                "Write `--name=value`; behind a `#` stands a comment.",
            )  # fmt: skip
        position += 2 if took else 1


def _long(source: Source, number: int, token: str, following: str | None) -> tuple[Said, bool]:
    """Read one long option; the flag says whether it took the following token as its value."""
    written, equals, value = token[2:].partition("=")
    name = ALIASES.get(written, written)
    option = OPTIONS.get(name)
    if option is None:
        like = nearest(written, OPTIONS)
        raise refuse(
            "file.unknown_key", file=source.file, line=number, key=f"--{written}",
            advice=f"Did you mean `--{like}`?" if like else "It is no option of sbatch.",
        )  # fmt: skip
    if option.argument == "none" and equals:
        raise source.syntax(number, f"`--{written}` takes no value", f"Write `--{written}`.")
    if option.argument != "value" or equals:
        if option.argument == "value" and not value:
            raise _no_value(source, number, f"--{written}")
        return Said(name, value, number, token), False
    if following is None:
        raise _no_value(source, number, f"--{written}")
    return Said(name, following, number, f"{token} {following}"), True


def _short(
    source: Source, number: int, token: str, following: str | None
) -> tuple[list[Said], bool]:
    """Read one letter with its value, or several letters that take none."""
    found: list[Said] = []
    for at, letter in enumerate(token[1:], start=1):
        name = LETTERS.get(letter)
        if name is None:
            raise refuse(
                "file.unknown_key", file=source.file, line=number, key=f"-{letter}",
                advice="It is no option of sbatch.",
            )  # fmt: skip
        rest = token[at + 1 :]
        if OPTIONS[name].argument == "none":
            found.append(Said(name, "", number, f"-{letter}"))
            continue
        if OPTIONS[name].argument == "optional":
            found.append(Said(name, rest.removeprefix("="), number, token))
            return found, False
        if rest.startswith("="):
            raise source.syntax(
                number, f"`{token}` has a `=` behind a letter",
                f"Write `-{letter} {rest[1:]}` or `--{name}={rest[1:]}`.",
            )  # fmt: skip
        if rest:
            found.append(Said(name, rest, number, token))
            return found, False
        if following is None:
            raise _no_value(source, number, f"-{letter}")
        found.append(Said(name, following, number, f"-{letter} {following}"))
        return found, True
    return found, False


def _check_lines_of_others(source: Source, draft: Draft, said: dict[str, Said]) -> None:
    """Lines of other schedulers are comments to Slurm, but for the two that it reads itself."""
    for number, line in enumerate(source.text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            return
        found = _OF_OTHERS.match(line)
        if found is None:
            continue
        name = found[1] or found[2]
        if name in _READ_BY_SLURM and "ignore-pbs" not in said:
            raise _unsupported(
                source, number, f"#{name}", "only `#SBATCH` lines are read",
                "Write it as `#SBATCH`, or add `#SBATCH --ignore-pbs`.",
            )  # fmt: skip
        if not said:
            raise _unsupported(
                source, number, f"#{name}", "it is a line of another scheduler",
                "Write it as `#SBATCH`.",
            )  # fmt: skip
        draft.warn(number, f"#{name}", "Lines of other schedulers are not read.")


def _no_value(source: Source, number: int, option: str) -> HutongError:
    return source.syntax(number, f"`{option}` has no value", f"Write `{option} VALUE`.")


def _unsupported(source: Source, line: int, word: str, problem: str, advice: str) -> HutongError:
    return refuse(
        "file.unsupported", file=source.file, line=line, word=word, problem=problem, advice=advice
    )
