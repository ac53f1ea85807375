"""`hutong completion`."""

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print the completion script of a shell.

    `source <(hutong completion bash)` turns it on in the present shell; `hutong
    --install-completion` does so for good.
    """
    from hutong.cli.app import app

    sys.stdout.write(app.generate_completion(prog_name="hutong", shell=shell))
    return 0
