"""Commands of other parts, as the help and the shell's completion know them.

`hutong.cli.main` hands them their words before this module is needed; what stands here is reached
by their names alone.
"""

from typing import Annotated

from cyclopts import Parameter

from hutong.cli.main import call_elsewhere

Words = Annotated[str, Parameter(allow_leading_hyphen=True)]


def agent(*words: Words) -> int:
    """Run the agent of a site.

    `hutong agent --help` lists what it takes.
    """
    return call_elsewhere("agent", list(words))


def simulate(*words: Words) -> int:
    """Run the same machines in virtual time.

    `hutong simulate chaos` injects faults and checks every promise; `hutong simulate --help` lists
    what it takes.
    """
    return call_elsewhere("simulate", list(words))


def demo(*words: Words) -> int:
    """Run a hub, three sites and the bundled jobs.

    `hutong demo --help` lists what it takes.
    """
    return call_elsewhere("demo", list(words))
