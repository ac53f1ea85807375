"""What the pages show in code is real: it parses, it names what exists, and some of it runs.

The convention is light. A fenced block is checked by its language:

- `console`: lines that begin with `$ ` are commands, the rest is what they print;
- `sh`: every line is a command;
- `python`: it compiles. `yaml`: a job file or a site file is read by the program's own readers,
  anything else is YAML at least. `bash` with `#SBATCH` lines: an sbatch script. `json`: it parses.

A comment right above a block says more: `<!-- run -->` runs it, and `<!-- file: NAME -->` writes it
to a file for the blocks that run (see `test_pages_that_run.py`).
"""

import json
import re
import shlex
from collections.abc import Iterator

import pytest
import yaml

from hutong.agent.main import _parser as agent_parser
from hutong.cli.app import COMMANDS, build, prepared
from hutong.cli.demo import app as demo
from hutong.client.formats import read_jobs
from hutong.connectors.local.sitefile import parse_site_file
from hutong.sim.cli import app as simulate
from tests.docs.pages import ROOT, Block, Page, all_pages

NOW_MS = 1_795_000_000_000
LANGUAGES = {"console", "sh", "python", "yaml", "bash", "json", "mermaid", "text", ""}
# Beside `hutong` and `make`, a newcomer's shell may be asked for no more than these.
PLAIN = {"cat", "cd", "cp", "curl", "echo", "export", "git", "jq", "kill", "ls", "mkdir", "pip",
         "python3", "rm", "sha256sum", "source", "ssh", "systemctl", "tail", "touch"}  # fmt: skip
PLAIN |= {".venv/bin/python", "sudo", "install", "chmod", "sleep"}


def blocks(*languages: str) -> list[Block]:
    return [block for page in all_pages() for block in page.blocks if block.language in languages]


def by_place(*languages: str) -> pytest.MarkDecorator:
    found = blocks(*languages)
    return pytest.mark.parametrize("block", found, ids=[block.place for block in found])


def commands(block: Block) -> Iterator[str]:
    """The commands of a block, lines that end in a backslash joined with the next."""
    text = re.sub(r"\\\n(?:> ?)?", " ", block.body)
    for line in text.splitlines():
        if block.language == "console":
            if line.startswith("$ "):
                yield line[2:]
        elif line.strip() and not line.lstrip().startswith("#"):
            yield line


def problem_of(command: str) -> str:
    """What is wrong with a command; empty if it could be typed."""
    for part in re.split(r"\s*(?:&&|\|\|?|;)\s*", re.sub(r"\s#.*$|[<>]\s*\S+|&$", "", command)):
        words = shlex.split(part)
        while words and re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", words[0]):
            words.pop(0)
        if not words:
            continue
        program = words[0].removeprefix(".venv/bin/")
        if program == "make":
            problem = _problem_of_make(words[1:])
        elif program == "hutong":
            problem = _problem_of_hutong(words[1:])
        else:
            problem = "" if words[0] in PLAIN else f"`{words[0]}` is no command of these pages"
        if problem:
            return problem
    return ""


def _problem_of_make(words: list[str]) -> str:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    unknown = [word for word in words if "=" not in word and word not in targets]
    return f"make has no target {unknown}" if unknown else ""


def _problem_of_hutong(words: list[str]) -> str:
    if not words or words[0] in ("--help", "--version"):
        return ""
    if words[0] not in {name for name, *_ in COMMANDS}:
        return f"there is no command `hutong {words[0]}`"
    if "--help" in words:
        return ""
    try:
        match words[0]:
            case "agent":
                agent_parser().parse_args(words[1:])
            case "demo" | "simulate":
                app = demo if words[0] == "demo" else simulate
                app.parse_args(words[1:], exit_on_error=False, print_error=False)
            case _:
                build(words[0]).parse_args(prepared(words), exit_on_error=False, print_error=False)
    except SystemExit:
        return f"hutong {' '.join(words)}: its parser refuses it"
    except Exception as problem:
        return f"hutong {' '.join(words)}: {' '.join(str(problem).split())}"
    return ""


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_every_block_has_a_language_that_is_checked(page: Page) -> None:
    assert [block.place for block in page.blocks if block.language not in LANGUAGES] == []


@by_place("console", "sh")
def test_every_command_exists_with_its_flags(block: Block) -> None:
    assert [problem for command in commands(block) if (problem := problem_of(command))] == []


@pytest.mark.parametrize(
    "command",
    [
        "make tets",
        "hutong sumbit x.yaml",
        "hutong jobs --colour",
        "frobnicate",
        "cd x && hutong xs",
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str) -> None:
    assert problem_of(command)


@by_place("python")
def test_every_python_block_compiles(block: Block) -> None:
    assert compile(block.body, block.place, "exec")


@by_place("json")
def test_every_json_block_parses(block: Block) -> None:
    values = [block.body] if block.body.startswith(("{\n", "[\n")) else block.body.splitlines()
    assert [json.loads(value) for value in values if value]


def empty_file(path: str) -> bytes:
    """Stand in for a file that an example attaches."""
    return f"# {path}\n".encode()


@by_place("yaml")
def test_every_yaml_block_is_what_it_looks_like(block: Block) -> None:
    keys = re.findall(r"^([a-zA-Z_]+):", block.body, re.MULTILINE)
    if "site" in keys and "pools" in keys:
        assert parse_site_file(block.body.encode(), block.place).inventory.nodes
    elif {"run", "command"} & set(keys) or "kind" in keys:
        assert read_jobs(block.body, block.place, attach=empty_file, now_ms=NOW_MS).jobs
    else:
        assert list(yaml.safe_load_all(block.body))


@by_place("bash")
def test_every_sbatch_script_is_read(block: Block) -> None:
    if "#SBATCH" in block.body:
        assert read_jobs(block.body, block.place, format="sbatch", attach=empty_file).jobs
    else:
        assert block.body.startswith("#!"), "a block of commands is `sh` or `console`"
