"""Checks of what a job runs: its script or command, environment, files and directory."""

import re

from hutong.model import limits
from hutong.model.checks import CONTROL, check_text, invalid, size_bytes, too_long
from hutong.model.job import InlineFile, Program

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_env_name(text: str) -> bool:
    """Say whether a shell takes `text` as the name of a variable."""
    return _ENV_NAME.fullmatch(text) is not None


def check_program(program: Program, at: str = "program") -> int:
    """Check a program, whose fields errors name below `at`; gives its size in bytes."""
    total = 0
    if program.script:
        if program.argv:
            raise invalid(
                at, program.argv[0], "it has both a script and a command",
                "Hand in one of them.",
            )  # fmt: skip
        total += _check_script(f"{at}.script", program.script)
    elif program.argv:
        total += _check_argv(f"{at}.argv", program.argv)
    if not program.argv and not program.script.strip():
        raise invalid(at, "", "there is nothing to run", "Give it a script or a command.")
    if program.setup:
        total += _check_script(f"{at}.setup", program.setup)
    if program.env:
        total += _check_env(f"{at}.env", program.env)
    if program.files:
        total += _check_files(f"{at}.files", program.files)
    if program.workdir is not None:
        _check_workdir(f"{at}.workdir", program.workdir)
    if total > limits.JOB_SPEC_BYTES:
        raise too_long(at, "all of it", total, limits.JOB_SPEC_BYTES)
    return total


def _check_script(field: str, script: str) -> int:
    check_text(field, script)
    size = size_bytes(script)
    if size > limits.SCRIPT_BYTES:
        raise too_long(field, script, size, limits.SCRIPT_BYTES)
    return size


def _check_argv(field: str, argv: tuple[str, ...]) -> int:
    if not argv[0].strip():
        raise invalid(field, argv[0], "its first word names no program", "Begin with the program.")
    if len(argv) > limits.ARGV_ENTRIES:
        raise invalid(
            field, argv[0],
            f"it has {len(argv)} words, and {limits.ARGV_ENTRIES} is the limit",
            "Pass long lists in a file.",
        )  # fmt: skip
    size = 0
    for word in argv:
        check_text(field, word)
        size += size_bytes(word)
    return size


def _check_env(field: str, env: dict[str, str]) -> int:
    if len(env) > limits.ENV_ENTRIES:
        raise invalid(
            field, len(env), f"{limits.ENV_ENTRIES} variables are the limit",
            "Pass the rest in a file.",
        )  # fmt: skip
    size = 0
    for name, value in env.items():
        if _ENV_NAME.fullmatch(name) is None:
            raise invalid(
                field, name, "a shell takes no variable of this name",
                "Use letters, digits and `_`, and no digit first.",
            )  # fmt: skip
        if CONTROL.search(value):
            check_text(f"{field}.{name}", value)
        size += len(name) + size_bytes(value) + 2
    if size > limits.ENV_BYTES:
        raise too_long(field, next(iter(env)), size, limits.ENV_BYTES)
    return size


def _check_files(field: str, files: tuple[InlineFile, ...]) -> int:
    if len(files) > limits.INLINE_FILES:
        raise invalid(
            field, len(files), f"{limits.INLINE_FILES} files are the limit",
            "Keep the others in the site's own storage.",
        )  # fmt: skip
    size = 0
    names: dict[str, None] = {}
    for file in files:
        problem = problem_of_relative_path(file.name)
        if problem:
            raise invalid(
                field, file.name, problem,
                "Give a path below the job's folder, such as `conf/train.yaml`.",
            )  # fmt: skip
        if file.name in names:
            raise invalid(field, file.name, "two files have this name", "Rename one of them.")
        names[file.name] = None
        if _UNSTORABLE.search(file.content):
            raise invalid(
                field, file.name, "its content is not text",
                "Only small UTF-8 text files travel with a job.",
            )  # fmt: skip
        length = size_bytes(file.content)
        if length > limits.INLINE_FILE_BYTES:
            raise too_long(field, file.name, length, limits.INLINE_FILE_BYTES)
        size += length
    for name in names:
        while "/" in name:
            name = name.rpartition("/")[0]  # noqa: PLW2901
            if name in names:
                raise invalid(field, name, "it would be a file and a folder", "Rename one of them.")
    return size


def problem_of_relative_path(path: str) -> str:
    """Say what keeps `path` from being a plain path below a folder; empty where nothing does."""
    if not path or path.startswith("/"):
        return "it is not a relative path"
    if len(path) > limits.PATH_CHARS:
        return f"it is longer than {limits.PATH_CHARS} characters"
    if not path.isprintable() or "\\" in path:
        return "it holds a control character or a backslash"
    parts = path.split("/")
    if ".." in parts:
        return "it climbs out of the folder"
    if "" in parts or "." in parts:
        return "it has an empty part or a `.` in it"
    if any(len(part.encode("utf-8", "replace")) > 255 for part in parts):
        return "one of its names is longer than 255 bytes"
    return ""


def _check_workdir(field: str, path: str) -> None:
    problem = ""
    if not path.startswith("/"):
        problem = "it is not an absolute path"
    elif path != "/":
        problem = problem_of_relative_path(path.strip("/"))
    if problem:
        raise invalid(
            field, path, problem,
            "Give an absolute path at the site, or leave it away for a fresh directory.",
        )  # fmt: skip
