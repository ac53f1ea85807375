"""What a job of hutong YAML runs: its script or command, environment and files."""

import msgspec

from hutong.client.formats import words
from hutong.client.formats.attach import inline_file
from hutong.client.formats.draft import Draft
from hutong.client.formats.nodes import Keys, Node
from hutong.client.formats.source import Source
from hutong.model.check_program import is_env_name, problem_of_relative_path
from hutong.model.job import InlineFile, Program

FILE_KEYS = Keys(("path", "as", "content", "executable"))
NAMED_FILE_KEYS = Keys(("path", "content", "executable"))


def read_program(root: Node, fields: dict[str, Node], draft: Draft) -> None:
    """Read a job's `run` or `command`, one of which has to be there."""
    said = _said_program(fields)
    if said:
        ((name, value),) = said.items()
        node = fields["run" if name == "script" else "command"]
        draft.put(f"program.{name}", value, node.place)
    elif not draft.said("program"):
        raise draft.source.syntax(
            root.line, "the job has nothing to run", "Give it a `run:` or a `command:`."
        )


def program_of_group(fields: dict[str, Node], draft: Draft) -> Program | None:
    """Give what a group runs, None where it says nothing of its own.

    What it leaves unsaid is the job's.
    """
    changes: dict[str, object] = {**_said_program(fields)}
    if "script" in changes:
        changes["argv"] = ()
    elif "argv" in changes:
        changes["script"] = ""
    if "setup" in fields:
        changes["setup"] = fields["setup"].text(empty=True)
    if "env" in fields:
        changes["env"] = _env(fields["env"])
    if "files" in fields:
        changes["files"] = _files(fields["files"], draft)
    if "workdir" in fields:
        node = fields["workdir"]
        changes["workdir"] = None if node.is_null else node.text()
    return msgspec.structs.replace(draft.program(), **changes) if changes else None


def _said_program(fields: dict[str, Node]) -> dict[str, object]:
    if "run" in fields and "command" in fields:
        raise fields["command"].unsupported(
            fields["command"].path, "there is a `run` as well", "Keep one of the two."
        )
    if "run" in fields:
        node = fields["run"]
        if node.is_list:
            raise node.bad("`run` is one script", "Write a block (`run: |`), or use `command`.")
        return {"script": node.text()}
    if "command" not in fields:
        return {}
    node = fields["command"]
    if not node.is_list:
        raise node.bad(
            "`command` is a list of words, started without a shell",
            "Write `[python, train.py]`, or use `run` for a line of shell.",
        )
    return {"argv": tuple(item.text(empty=True) for item in node.items())}


def read_env(node: Node, draft: Draft) -> None:
    """Read a mapping of environment variables."""
    draft.put("program.env", _env(node), node.place)
    for name, value in node.entries().items():
        draft.mark(f"program.env.{name}", value.place)


def _env(node: Node) -> dict[str, str]:
    env: dict[str, str] = {}
    for name, value in node.entries().items():
        if not is_env_name(name):
            raise value.bad(
                f"a shell takes no variable `{name}`",
                "Use letters, digits and `_`, and no digit first.",
            )
        env[name] = value.text(empty=True)
    return env


def read_files(node: Node, draft: Draft) -> None:
    """Read the files that travel with a job: a list, or a mapping by their names."""
    draft.put("program.files", _files(node, draft), node.place)


def _files(node: Node, draft: Draft) -> tuple[InlineFile, ...]:
    if node.is_mapping:
        return tuple(_named_file(name, value, draft) for name, value in node.entries().items())
    return tuple(_listed_file(item, draft) for item in node.items())


def _listed_file(item: Node, draft: Draft) -> InlineFile:
    if not item.is_mapping:
        return attached(item, draft.source)
    fields = item.fields(FILE_KEYS, draft)
    if "as" in fields:
        return _file(item, fields, draft.source, name=_relative(fields["as"]))
    if "content" in fields and "path" not in fields:
        raise item.bad("it has no name", "Say its name by `as:`.")
    return _file(item, fields, draft.source, name=None)


def _named_file(name: str, value: Node, draft: Draft) -> InlineFile:
    problem = problem_of_relative_path(name)
    if problem:
        raise value.bad(f"`{name}` cannot be its name: {problem}", "Choose a path without `..`.")
    if not value.is_mapping:
        return attached(value, draft.source, name=name)
    return _file(value, value.fields(NAMED_FILE_KEYS, draft), draft.source, name=name)


def _file(at: Node, fields: dict[str, Node], source: Source, *, name: str | None) -> InlineFile:
    executable = fields["executable"].flag() if "executable" in fields else None
    if "path" in fields and "content" not in fields:
        return attached(fields["path"], source, name=name, executable=executable)
    if "content" not in fields or "path" in fields:
        raise at.bad("a file has either a `path` or a `content`", "Give it one of the two.")
    content = fields["content"].text(empty=True)
    if executable is None:
        executable = content.startswith("#!")
    return InlineFile(name or "", content, executable)


def attached(
    node: Node, source: Source, *, name: str | None = None, executable: bool | None = None
) -> InlineFile:
    """Read the file whose path a node holds."""
    path = node.text()
    try:
        return inline_file(source, path, name=name, executable=executable)
    except words.BadWord as error:
        raise node.bad(error.problem, error.advice) from None


def _relative(node: Node) -> str:
    path = node.text().removeprefix("./")
    problem = problem_of_relative_path(path)
    if problem:
        raise node.bad(problem, "Choose a path without `..` below the working directory.")
    return path
