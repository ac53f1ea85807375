"""The `hutong` command: what it is called with finds its function, and whatever goes wrong ends
in a sentence and an exit code.

Exit codes: 0 all is well, 1 the hub or a check said no, 2 the command line is wrong, 130 Ctrl-C,
141 whoever read the output left.

Every command lives in a module of its own that is imported when it is called. The commands of
other parts (`agent`, `simulate`, `demo`) read their own command line.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts import App

    from hutong.model.errors import HutongError

OK, FAILED, USAGE, INTERRUPTED, READER_LEFT = 0, 1, 2, 130, 141

# Commands that read their own command line, with what to call with it.
ELSEWHERE = {
    "agent": "hutong.agent.main:main",
    "simulate": "hutong.sim.cli:main",
    "demo": "hutong.cli.demo:main",
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code. Never lets an exception out."""
    arguments = list(sys.argv[1:] if words is None else words)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = _ended(arguments)
        sys.stdout.flush()
    except OSError as problem:
        # Let the interpreter's last flush go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT if isinstance(problem, BrokenPipeError) else _report(problem)
    return code


def _ended(arguments: list[str]) -> int:
    """Run one command line; tell of what goes wrong, but for a reader that left."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except SystemExit as end:
        return _exit_code(end)
    except Exception as problem:
        return _report(problem)


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in ELSEWHERE:
        return call_elsewhere(arguments[0], arguments[1:])
    from hutong.cli.app import build, prepared

    app = build(arguments[0] if arguments else "")
    code = app(prepared(arguments), exit_on_error=False, print_error=False)
    return code if isinstance(code, int) else OK


def call_elsewhere(command: str, arguments: list[str]) -> int:
    """Run a command that reads its own command line."""
    module, _, name = ELSEWHERE[command].partition(":")
    code = getattr(import_module(module), name)(arguments)
    return code if isinstance(code, int) else OK


def _exit_code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or OK
    sys.stderr.write(f"{end.code}\n")
    return FAILED


def _report(problem: Exception) -> int:
    """Say what went wrong, on stderr, and give the exit code."""
    from hutong.model.errors import HutongError, refuse

    if isinstance(problem, HutongError):
        show_error(problem)
        return USAGE if problem.code == "cli.usage" else FAILED
    if type(problem).__module__.startswith("cyclopts."):
        show_error(_usage_error(problem))
        return USAGE
    if os.environ.get("HUTONG_DEBUG"):
        import traceback

        traceback.print_exc()
    text = f"{type(problem).__name__}: {problem}".rstrip(".: ")
    show_error(refuse("cli.internal", problem=text))
    return FAILED


def _usage_error(problem: Exception) -> "HutongError":
    """Give cyclopts' finding our form: one sentence, the suggestion inside it."""
    import re

    from hutong.model.errors import refuse

    if type(problem).__name__ == "UnusedCliTokensError":
        words = " ".join(getattr(problem, "unused_tokens", None) or ())
        text = f"`{words}` is more than this command takes"
    else:
        text = " ".join(str(problem).split())
    text = re.sub(r"\. Did you mean (.+?)\?.*", r" (did you mean \1?)", text)
    text = re.sub(r"\. Available commands:.*", "", text).rstrip(".")
    chain = getattr(problem, "command_chain", None) or ()
    return refuse("cli.usage", problem=text, command=" ".join(chain) or "COMMAND")


def show_error(error: "HutongError") -> None:
    """Print an error as `error[code]: sentence` and its hint."""
    from hutong.cli.output import colour_on, note
    from hutong.cli.table import printable, styled

    colour = colour_on(sys.stderr)
    note(f"{styled(f'error[{error.code}]', 'red', colour=colour)}: {printable(error.message)}")
    if error.hint:
        note(f"{styled('hint', 'cyan', colour=colour)}: {printable(error.hint)}")


def __getattr__(name: str) -> Any:
    # `app` costs the import of cyclopts, which an agent that is started by this module never needs.
    if name == "app":
        from hutong.cli.app import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if TYPE_CHECKING:
    app: App

if __name__ == "__main__":
    sys.exit(main())
