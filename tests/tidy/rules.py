"""House rules that no linter knows.

A rule looks at one file and yields `(line, what is wrong and what to do)`. Each carries a planted
bad file, which it must catch, and a good one beside it, which it must not.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.tidy.sets import lines_that_depend_on_a_sets_order
from tests.tidy.tree import Source

Finding = tuple[int, str]

MAX_MODULE_LINES = 499
MAX_FUNCTION_LINES = 69
MAX_POSITIONAL = 6
PURE = frozenset({"model", "scheduler", "lifecycle"})
WAITING_ALLOWED = ("tests/e2e/", "tests/integration/", "tests/conftest.py")


@dataclass(frozen=True)
class Rule:
    name: str
    check: Callable[[Source], Iterator[Finding]]
    bad: Source
    good: Source


def modules_are_short(source: Source) -> Iterator[Finding]:
    lines = source.text.count("\n")
    if source.is_python and lines > MAX_MODULE_LINES:
        yield (
            1,
            f"{lines} lines; at most {MAX_MODULE_LINES}: move the second idea to its own module",
        )


def functions_are_short(source: Source) -> Iterator[Finding]:
    for function in _functions(source):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        lines -= _docstring_lines(function)
        if lines > MAX_FUNCTION_LINES:
            limit = f"at most {MAX_FUNCTION_LINES}, its docstring not counted"
            yield function.lineno, f"{function.name} has {lines} lines; {limit}"


def few_positional_arguments(source: Source) -> Iterator[Finding]:
    if source.package is None:
        return
    for function in _functions(source):
        if _is_kernel(function):
            continue
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        names = [name for name in names if name not in {"self", "cls"}]
        if len(names) > MAX_POSITIONAL:
            limit = f"at most {MAX_POSITIONAL}: put a * before the rest"
            yield function.lineno, f"{function.name} takes {len(names)} positionally; {limit}"


def pure_code_never_iterates_over_a_set(source: Source) -> Iterator[Finding]:
    if source.package in PURE and source.is_python:
        for line in lines_that_depend_on_a_sets_order(source.tree):
            yield line, "a set's order differs from run to run: use a tuple, a dict or sorted(...)"


def nothing_is_left_undone(source: Source) -> Iterator[Finding]:
    if source.path.startswith("tests/tidy/"):
        return
    for number, line in _lines(source):
        if found := re.search(r"\b(TODO|FIXME|HACK|XXX)\b", line):
            yield number, f"{found.group()}: finish it or open an issue"
    if source.package is not None and source.is_python:
        for node in source.nodes:
            if isinstance(node, ast.Name) and node.id == "NotImplementedError":
                yield (
                    node.lineno,
                    "NotImplementedError: a Protocol needs no body, a part needs a real one",
                )


# Put together here so that this file passes its own rule.
REGISTRIES = (
    *("".join(parts) for parts in (("py", "pi.org"), ("python", "hosted.org"), ("npm", "js.org"))),
    *("".join(parts) for parts in (("proxy.go", "lang.org"), ("crates", ".io"))),
    *("".join(parts) for parts in (("deb.deb", "ian.org"), ("--index", "-url"))),
    *("".join(parts) for parts in (("index", "_url"), ("--find", "-links"))),
)


def no_file_names_a_registry(source: Source) -> Iterator[Finding]:
    for number, line in _lines(source):
        for address in REGISTRIES:
            if address in line:
                yield number, f"{address!r}: where packages come from is the user's own setting"


MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:work|root|Users)/")


def no_file_names_a_path_of_one_machine(source: Source) -> Iterator[Finding]:
    if source.path.startswith("tests/tidy/"):
        return
    for number, line in _lines(source):
        if found := MACHINE_PATH.search(line):
            yield number, f"{found.group()!r}: such a path exists on one machine only"


def every_test_can_fail(source: Source) -> Iterator[Finding]:
    if not _is_test_module(source):
        return
    tests = [function for function in _functions(source) if function.name.startswith("test_")]
    machines = [node for node in source.nodes if _names_a_state_machine(node)]
    if not tests and not machines:
        yield 1, "a test module without a test"
    for test in tests:
        if not any(_judges(node) for node in ast.walk(test)):
            yield test.lineno, f"{test.name} asserts nothing: it passes whatever happens"


def tests_do_not_sleep(source: Source) -> Iterator[Finding]:
    if not source.path.startswith("tests/") or source.path.startswith(WAITING_ALLOWED):
        return
    if not source.is_python:
        return
    for node in source.nodes:
        if not isinstance(node, ast.Call) or not _called(node).endswith("sleep"):
            continue
        yields_only = (
            node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        )
        if not yields_only:
            yield node.lineno, "a test that sleeps is slow or flaky: use the `eventually` fixture"


def _functions(source: Source) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    if not source.is_python:
        return []
    return [
        node for node in source.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A compiled kernel takes its arrays one by one, and by position: a keyword or a tuple of them
    costs microseconds a call, which is about what such a call computes for."""
    return any(
        isinstance(mark, ast.Name) and mark.id == "kernel" for mark in function.decorator_list
    )


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


def _lines(source: Source) -> Iterator[Finding]:
    return enumerate(source.text.splitlines(), start=1)


def _is_test_module(source: Source) -> bool:
    name = source.path.rsplit("/", 1)[-1]
    return source.path.startswith("tests/") and name.startswith("test_") and source.is_python


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func)


JUDGING = re.compile(r"(assert|check|conform|expect|must|raises|refuse|validate|verify|warns|fail)")


def _judges(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return bool(JUDGING.search(_called(node).rsplit(".", 1)[-1]))
    return isinstance(node, ast.Assert)


def _names_a_state_machine(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "TestCase"


RULES = (
    Rule(
        "modules are short",
        modules_are_short,
        bad=Source("src/hutong/store/big.py", "x = 1\n" * 500),
        good=Source("src/hutong/store/big.py", "x = 1\n" * 499),
    ),
    Rule(
        "functions are short",
        functions_are_short,
        bad=Source("tests/unit/test_a.py", "def long():\n" + "    x = 1\n" * 69),
        good=Source(
            "tests/unit/test_a.py", 'def long():\n    """One.\n\n    Two."""\n' + "    x = 1\n" * 68
        ),
    ),
    Rule(
        "few positional arguments",
        few_positional_arguments,
        bad=Source("src/hutong/wire/a.py", "def f(a, b, c, /, d, e, f, g): ...\n"),
        good=Source(
            "src/hutong/wire/a.py", "class C:\n    def f(self, a, b, c, d, e, f, *, g): ...\n"
        ),
    ),
    Rule(
        "few positional arguments, but for a compiled kernel",
        few_positional_arguments,
        bad=Source("src/hutong/scheduler/a.py", "@cache\ndef f(a, b, c, d, e, f, g): ...\n"),
        good=Source("src/hutong/scheduler/a.py", "@kernel\ndef f(a, b, c, d, e, f, g): ...\n"),
    ),
    Rule(
        "pure code never iterates over a set",
        pure_code_never_iterates_over_a_set,
        bad=Source("src/hutong/scheduler/a.py", "for site in {1, 2}:\n    use(site)\n"),
        good=Source("src/hutong/scheduler/a.py", "for site in sorted({1, 2}):\n    use(site)\n"),
    ),
    Rule(
        "nothing is left undone",
        nothing_is_left_undone,
        bad=Source("src/hutong/agent/a.py", "def f():\n    raise NotImplementedError\n"),
        good=Source("src/hutong/agent/a.py", "def f():\n    raise SiteGone(todo_list)\n"),
    ),
    Rule(
        "nothing is left undone, in prose",
        nothing_is_left_undone,
        bad=Source("docs/index.md", "# Start\n\nTODO: write\n"),
        good=Source("docs/index.md", "# Start\n\nWhat to do first.\n"),
    ),
    Rule(
        "no file names a registry",
        no_file_names_a_registry,
        bad=Source("requirements/run.txt", f"{REGISTRIES[-3]} https://{REGISTRIES[0]}/simple\n"),
        good=Source("requirements/run.txt", "anyio==4.0.0 \\\n    --hash=sha256:00\n"),
    ),
    Rule(
        "no file names a path of one machine",
        no_file_names_a_path_of_one_machine,
        bad=Source("docs/guide.md", "cd /root/hutong\n"),
        good=Source("docs/guide.md", "cd examples/work/here\n"),
    ),
    Rule(
        "every test can fail",
        every_test_can_fail,
        bad=Source("tests/unit/test_a.py", "def test_one():\n    run()\n"),
        good=Source("tests/unit/test_a.py", "def test_one():\n    assert run() == 1\n"),
    ),
    Rule(
        "every test module has a test",
        every_test_can_fail,
        bad=Source("tests/unit/test_a.py", "assert True\n"),
        good=Source("tests/unit/test_a.py", "TestQueue = QueueMachine.TestCase\n"),
    ),
    Rule(
        "tests do not sleep",
        tests_do_not_sleep,
        bad=Source("tests/unit/test_a.py", "import time\n\ntime.sleep(0.1)\n"),
        good=Source("tests/unit/test_a.py", "await asyncio.sleep(0)\n"),
    ),
)
