"""What a file must be before any of it is read."""

import pytest

from hutong.client.formats import decode, read_jobs
from hutong.model import limits
from hutong.model.errors import HutongError
from tests.unit.client.formats.support import hutong, one, parse, refusal, script


def undecodable(data: bytes) -> HutongError:
    with pytest.raises(HutongError) as caught:
        decode(data, "job")
    return caught.value


def test_bytes_that_are_not_utf8_are_named_with_their_line() -> None:
    error = undecodable(b"name: a\nrun: caf\xe9\n")
    assert error.code == "file.syntax"
    assert error.message == "job, line 2: the byte 0xe9 is not UTF-8."


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("name: a".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff\x00n", "UTF-16"),
        (b"\xef\xbb\xbfname: a", "UTF-8 with a byte order mark"),
    ],
)
def test_a_byte_order_mark_is_refused_by_its_name(data: bytes, name: str) -> None:
    error = undecodable(data)
    assert error.message == f"job, line 1: it is {name}."
    assert "without a byte order mark" in error.hint


def test_a_byte_order_mark_in_text_is_refused() -> None:
    assert "byte order mark" in refusal("\ufeffname: a\nrun: b\n").message
    assert "byte order mark" in refusal("\ufeff#!/bin/sh\ntrue\n").message


def test_a_file_larger_than_the_limit_is_refused_before_it_is_parsed() -> None:
    assert "2097153 bytes" in undecodable(b"a" * (limits.JOB_FILE_BYTES + 1)).message
    assert "2097160 bytes" in refusal("name: a\n" + "x" * limits.JOB_FILE_BYTES).message


@pytest.mark.parametrize("format", ["hutong", "sbatch", "skypilot", "kubernetes"])
@pytest.mark.parametrize("text", ["", " \n\t\n", "\n\n"])
def test_an_empty_file_is_refused(text: str, format: str) -> None:
    assert refusal(text, format).message == "job, line 1: it is empty."
    assert refusal(text).message == "job, line 1: it is empty."


@pytest.mark.parametrize("text", ["---\n", "# only a comment\n", "~\n", "---\n---\n...\n"])
def test_a_yaml_without_a_document_is_empty(text: str) -> None:
    assert refusal(text, "hutong").message == "job, line 1: it is empty."


@pytest.mark.parametrize(
    ("char", "name"),
    [
        ("\0", "U+0000"), ("\x07", "U+0007"), ("\x1b", "U+001B"), ("\x7f", "U+007F"),
        ("\x85", "U+0085"), ("\u2028", "U+2028"), ("\x0c", "U+000C"), ("\ud800", "U+D800"),
        ("\ufffe", "U+FFFE"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("make", [hutong, script])
def test_control_characters_are_refused_with_their_line(make: object, char: str, name: str) -> None:
    assert callable(make)
    text = make("# a comment") + f"x: {char}\n"
    error = refusal(text)
    assert error.facts["line"] == text.count("\n")
    assert name in error.message


def test_windows_line_ends_mean_the_same_in_yaml_and_are_refused_in_scripts() -> None:
    job = one(hutong("setup: |", "  a", "  b").replace("\n", "\r\n"))
    assert job.program.setup == "a\nb\n"
    error = refusal("#!/bin/bash\n#SBATCH -n 1\r\ntrue\r\n")
    assert error.facts["line"] == 2
    assert "dos2unix" in error.hint


def test_a_lone_carriage_return_is_refused_everywhere() -> None:
    assert refusal("name: a\nrun: b\rtasks: 2\n").facts["line"] == 2


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("name: a\nrun: b\nenv:\n\tA: b\n", 4, "a tab stands where YAML wants spaces"),
        ("name: a\nrun: echo: b\n", 2, "a `:` stands where no key can be"),
        ("name: a\nrun: 'b\n", 3, "what begins in line 2 is not closed"),
        ("name: a\nrun: b\nenv: {A: b\n", 4, "what begins in line 3 is not closed"),
        ("name: a\nrun: @b\n", 2, "a word cannot begin with `@`"),
        ("name: a\nrun: `b`\n", 2, "a word cannot begin with ```"),
        ("name: a\nrun: *b\n", 2, "found undefined alias 'b'"),
        ("name: &x a\nrun: &x b\n", 2, "an anchor is defined a second time"),
        ("name: a\nrun: b\nname: c\n", 3, "the key `name` stands here a second time"),
        ("name: a\nrun: b\nenv: {A: '1', A: '2'}\n", 3, "the key `A` stands here a second time"),
        ("name: a\nrun: b\nenv: {on: c}\n", 3, "YAML does not read the key `on` as text"),
        ("name: a\nrun: b\nenv: {? [c] : d}\n", 3, "a key is not text"),
        ("name: a\nrun: b\nenv: {'': d}\n", 3, "a key is empty"),
        ("- name: a\n", 1, ""),
        ("just words\n", 1, ""),
    ],
)
def test_broken_yaml_is_explained_with_its_line(text: str, line: int, problem: str) -> None:
    error = refusal(text, "hutong")
    assert error.facts["line"] == line
    assert problem in error.message
    assert error.hint


def test_a_duplicate_key_names_the_first_line() -> None:
    assert "It stands in line 1 already" in refusal("name: a\nrun: b\nname: c\n").hint


def test_tags_are_refused_so_that_nothing_is_built_from_a_file() -> None:
    error = refusal("name: !!python/object/apply:os.system [echo]\nrun: b\n", "hutong")
    assert "the tag `!!python/object/apply:os.system` is not taken" in error.message
    assert "`!env` is not taken" in refusal("name: !env X\nrun: b\n", "hutong").message


def test_deep_nesting_is_refused_with_its_line() -> None:
    error = refusal("name: a\nrun: b\nenv: " + "[" * 5000 + "]" * 5000, "hutong")
    assert error.message == "job, line 3: more than 32 levels."


def test_too_many_nodes_are_refused() -> None:
    error = refusal("name: a\nrun: b\nfiles: [" + "a," * 120_000 + "]", "hutong")
    assert "more than 100000 nodes" in error.message


def bomb(level: int) -> str:
    """A mapping that unfolds to nine to the power of `level` keys."""
    if level == 0:
        return "&n0 {x: y}"
    again = ", ".join([f"*n{level - 1}"] * 8)
    return f"&n{level} {{<<: [{bomb(level - 1)}, {again}]}}"


def test_aliases_that_unfold_to_millions_are_refused_at_once() -> None:
    error = refusal(hutong(f"env: {bomb(9)}"))
    assert error.message == "job, line 3: its aliases unfold to too many nodes."
    assert one(hutong(f"env: {bomb(2)}")).program.env == {"x": "y"}


def test_an_alias_of_itself_is_refused() -> None:
    assert refusal("name: a\nrun: &r [*r]\n", "hutong").code == "file.bad_value"
    assert "takes a mapping" in refusal("name: a\nrun: b\nenv: &e {<<: *e}\n", "hutong").message


def test_anchors_and_merges_bring_keys_in_and_own_keys_come_first() -> None:
    job = one("name: a\nrun: b\nenv: &common {A: '1', B: '2'}\nlabels:\n  <<: *common\n  B: own\n")
    assert job.labels == {"A": "1", "B": "own"}


def test_more_documents_than_the_limit_are_refused() -> None:
    error = refusal("---\n".join(["name: a\nrun: b\n"] * 300), "hutong")
    assert "more than 256 documents" in error.message


def test_a_huge_block_is_refused_by_its_size_in_bytes() -> None:
    error = refusal(hutong("setup: |", "  " + "京" * 100_000))
    assert error.code == "file.bad_value"
    assert error.facts["line"] == 3
    assert f"{limits.SCRIPT_BYTES} is the limit" in error.message


def test_what_the_base_holds_stands_in_for_what_the_file_leaves_unsaid() -> None:
    parsed = read_jobs("run: b\ntasks: 2\n", "job", base={"name": "x", "tasks": 9})
    assert (parsed.jobs[0].name, parsed.jobs[0].tasks) == ("x", 2)


def test_a_bad_base_is_not_blamed_on_a_line_of_the_file() -> None:
    with pytest.raises(HutongError) as caught:
        read_jobs(hutong(), "job", base={"tenant": "No Such"})
    assert caught.value.code == "job.invalid"
    assert caught.value.facts["field"] == "tenant"


def test_warnings_come_in_the_order_of_their_lines() -> None:
    parsed = parse(script("-o log", "--verbose", body="squeue\nsinfo"))
    lines = [warning.line for warning in parsed.warnings]
    assert lines == sorted(lines)
    assert len(lines) == 4
