"""`hutong completion`."""

import sys
from typing import Literal

from hutong.cli import output
from hutong.model.errors import refuse


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print the completion script of a shell.

    `source <(hutong completion bash)` turns it on in the present shell; `hutong
    --install-completion` does so for good.

    Parameters
    ----------
    shell
        The shell.
    """
    from hutong.cli.app import app

    sys.stdout.write(app.generate_completion(prog_name="hutong", shell=shell))
    return 0


def install(
    *, shell: Literal["bash", "zsh", "fish"] | None = None, leave_startup: bool = False
) -> int:
    """Install completion for the shell in use.

    Parameters
    ----------
    shell
        The shell. Else the one this runs in.
    leave_startup
        Do not touch the file that the shell reads when it starts.
    """
    from cyclopts.completion.detect import ShellDetectionError

    from hutong.cli.app import app

    try:
        place = app.install_completion(shell=shell, add_to_startup=not leave_startup)
    except ShellDetectionError:
        problem = "it is not known which shell this runs in; name it with --shell"
        raise refuse("cli.usage", problem=problem, command="--install-completion") from None
    output.line(f"Completion is in {place}; a new shell has it.")
    return 0
