"""The site file: what it makes of a site, and how it says what is wrong with one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hutong.connectors.local.sitefile import parse_site_file, read_site_file
from hutong.model.errors import HutongError
from hutong.model.resources import Amount
from hutong.model.supply import Energy, Node, NodeCondition, PriceBook, Site, SoftwareVersion

GOOD = """\
site: beijing
owner: Capital Compute
region: Beijing
jurisdiction: CN-BJ
keep_work_hours: 1
pools:
  - name: a800
    nodes: 2
    cpus: 8
    memory: 64GiB
    accelerator: a800-80gb
    count: 8
    interconnect: NVLink 3
    software: {cuda: "12.4", torch: "2.5.1"}
    price: {accelerator_cny_per_hour: 12.5, cpu_cny_per_hour: 0.1}
    declared: true
    domains: [spine-1, rack-1]
    boot_s: 30
  - name: small
    nodes: [n1, {name: n2, domains: [rack-9], condition: draining}]
    cpus: 0.5
    memory: 512 MiB
"""


# Few lines that stand for 36 million values.
MANY = [b"a0: &a0 [x, x, x, x, x, x]"]
MANY += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 6)) for n in range(1, 9)]


def problem(text: str) -> HutongError:
    with pytest.raises(HutongError) as refused:
        parse_site_file(text.encode(), "site.yaml")
    return refused.value


def test_a_whole_file_becomes_a_site(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    file = read_site_file(path)
    assert file.site == Site("beijing", "Capital Compute", "cn-beijing", "CN-BJ", "local")
    assert file.keep_work_hours == 1
    big, small = file.inventory.pools
    assert big.id == "beijing/a800"
    assert big.node == Amount(8_000, 65_536, 8_000)
    assert big.accelerator == "A800-80GB"
    assert big.software == (SoftwareVersion("cuda", "12.4"), SoftwareVersion("torch", "2.5.1"))
    assert big.price == PriceBook(12_500_000, 100_000, 0)
    assert big.declared
    assert big.boot_ms == 30_000
    assert small.node == Amount(500, 512, 0)
    assert not small.declared
    assert file.inventory.nodes == (
        Node("beijing/a800-1", "beijing/a800", ("spine-1", "rack-1")),
        Node("beijing/a800-2", "beijing/a800", ("spine-1", "rack-1")),
        Node("beijing/n1", "beijing/small"),
        Node("beijing/n2", "beijing/small", ("rack-9",), NodeCondition.DRAINING),
    )


def test_a_region_of_the_operators_own_is_taken_as_it_is() -> None:
    file = parse_site_file(GOOD.replace("region: Beijing", "region: my-cellar").encode(), "f")
    assert file.site.region == "my-cellar"


@pytest.mark.parametrize(
    ("before", "after", "code", "line", "said"),
    [
        ("owner:", "ownr:", "file.unknown_key", 2, "Did you mean `owner`?"),
        ("nodes: 2", "node: 2", "file.unknown_key", 8, "Did you mean `nodes`?"),
        ("cpu_cny_per_hour", "cpu_price", "file.unknown_key", 15, "Known: accelerator_cny"),
        ("condition:", "state:", "file.unknown_key", 20, "Known: name, domains, condition."),
        ("jurisdiction: CN-BJ\n", "", "file.bad_value", 1, "`jurisdiction` cannot be ``"),
        ("    cpus: 8\n", "", "file.bad_value", 7, "it has to be there"),
        ("cpus: 8", "cpus: eight", "file.bad_value", 9, "cannot be `eight`"),
        ("cpus: 8", "cpus: 0", "file.bad_value", 9, "out of range"),
        ("cpus: 8", "cpus: 0.0001", "file.bad_value", 9, "out of range"),
        ("cpus: 8", "cpus: .inf", "file.bad_value", 9, "cpus"),
        ("cpus: 8", "cpus: .nan", "file.bad_value", 9, "cpus"),
        ("cpus: 8", "cpus: true", "file.bad_value", 9, "cpus"),
        ("64GiB", "64", "file.bad_value", 10, "`memory` cannot be `64`"),
        ("64GiB", "64 elephants", "file.bad_value", 10, "such as 256GiB"),
        ("64GiB", "0GiB", "file.bad_value", 10, "no amount of memory"),
        ("a800-80gb", "a800-90gb", "file.bad_value", 11, "Did you mean `A800-80GB`"),
        ("    count: 8\n", "", "file.bad_value", 7, "one of `accelerator` and `count`"),
        ("count: 8", "count: -8", "file.bad_value", 12, "out of range"),
        ("12.5", "-1", "file.bad_value", 15, "it is no price"),
        ("12.5", "0.00000001", "file.bad_value", 15, "it is no price"),
        ("12.5", "10001", "file.bad_value", 15, "up to 10000"),
        ("declared: true", "declared: maybe", "file.bad_value", 16, "`declared`"),
        ("boot_s: 30", "boot_s: -1", "file.bad_value", 18, "below zero"),
        ("nodes: 2", "nodes: 0", "file.bad_value", 8, "out of range"),
        ("nodes: 2", "nodes: []", "file.bad_value", 8, "it is empty"),
        ("[n1, {name: n2", "[n1, {name: n1", "file.bad_value", 20, "two nodes are named n1"),
        ("[n1, ", "[N1, ", "file.bad_value", 20, "'N1' is no name"),
        ("draining", "asleep", "file.bad_value", 20, "`condition` cannot be `asleep`"),
        ("site: beijing", "site: ../etc", "file.bad_value", 1, "it is no name"),
        ("name: small", "name: a800", "file.bad_value", 19, "another pool has that name"),
        ("name: small", "name: Small", "file.bad_value", 19, "it is no name"),
        ("owner: Capital Compute", 'owner: " "', "file.bad_value", 2, "it is empty"),
        ("keep_work_hours: 1", "keep_work_hours: -1", "file.bad_value", 5, "out of range"),
        ("site: beijing", "site: beijing\nkind: slurm", "file.bad_value", 2, "local processes"),
        ("site: beijing", "site: [beijing", "file.syntax", 2, "expected"),
        ("site: beijing", "site: a\nsite: b", "file.syntax", 2, "the key `site` is there twice"),
        ("site: beijing", "site: !!python/name:os.system", "file.syntax", 1, "constructor"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(
    before: str, after: str, code: str, line: int, said: str
) -> None:
    assert before in GOOD
    error = problem(GOOD.replace(before, after, 1))
    assert error.code == code
    assert error.facts["line"] == line
    assert said in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"", "file.bad_value", "expected `object`"),
        (b"site: \xff\xfe", "file.syntax", "it is not UTF-8"),
        (b"site: \x07", "file.syntax", "a character that YAML forbids"),
        (b"- a\n- b\n", "file.bad_value", "expected `object`"),
        (b"\n".join(MANY), "file.syntax", "more than 1000000 values"),
        (b"a: " + b"[" * 5_000, "file.syntax", "plain YAML"),
    ],
)  # fmt: skip
def test_what_is_no_site_file_is_refused(data: bytes, code: str, said: str) -> None:
    with pytest.raises(HutongError) as refused:
        parse_site_file(data, "site.yaml")
    assert refused.value.code == code
    assert said in refused.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HutongError, match=r"file\.unreadable.*No such file"):
        read_site_file(tmp_path / "nowhere.yaml")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    with path.open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(HutongError, match=r"larger than 4194304 bytes"):
        read_site_file(path)


LINES = GOOD.splitlines(keepends=True)


@given(
    st.lists(
        st.tuples(st.integers(0, len(LINES) - 1), st.text(max_size=12), st.booleans()), max_size=4
    )
)
def test_whatever_is_written_it_is_a_site_or_an_error_of_the_catalogue(
    changes: list[tuple[int, str, bool]],
) -> None:
    lines = list(LINES)
    for at, text, whole in changes:
        key = lines[at].split(":")[0]
        lines[at] = f"{text}\n" if whole else f"{key}: {text}\n"
    try:
        outcome = parse_site_file("".join(lines).encode("utf-8", "replace"), "f").site.kind
    except HutongError as error:
        outcome = error.code
    assert outcome in {"local", "file.syntax", "file.bad_value", "file.unknown_key"}


POWER = """\
energy: {price_cny_per_kwh: 0.35, carbon_g_per_kwh: 560, pue: 1.25}
"""


def test_a_site_may_declare_what_its_power_costs_and_what_its_nodes_draw() -> None:
    text = GOOD.replace("boot_s: 30", "boot_s: 30\n    accelerator_watt: 400\n    node_watt: 900")
    file = parse_site_file((text + POWER).encode(), "f")
    assert file.site.energy == Energy(350_000, 560, 1250)
    big, small = file.inventory.pools
    assert (big.accelerator_watt, big.node_watt) == (400, 900)
    assert (small.accelerator_watt, small.node_watt) == (0, 0)
    assert parse_site_file(GOOD.encode(), "f").site.energy is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("0.35", "-1", "it is no price"),
        ("0.35", "101", "up to 100"),
        ("0.35", "0.0000001", "it is no price"),
        ("0.35", "Infinity", "price_cny_per_kwh"),
        ("560", "-1", "out of range"),
        ("560", "lots", "carbon_g_per_kwh"),
        ("1.25", "0.9", "such as 1.2"),
        ("1.25", "11", "such as 1.2"),
        ("1.25", "NaN", "pue"),
        ("pue:", "due:", "Did you mean `pue`?"),
    ],
)
def test_power_that_cannot_be_is_refused(before: str, after: str, said: str) -> None:
    error = problem(GOOD + POWER.replace(before, after))
    assert error.code in ("file.bad_value", "file.unknown_key")
    assert error.facts["line"] == 23
    assert said in f"{error.message} {error.hint}"


@pytest.mark.parametrize("word", ["Infinity", "-Infinity", "NaN", "sNaN"])
@pytest.mark.parametrize("key", ["cpus: 8", "12.5"])
def test_a_number_without_a_value_is_refused(key: str, word: str) -> None:
    assert problem(GOOD.replace(key, key.partition(":")[0] + f": {word}" if ":" in key else word))


def test_what_a_node_draws_is_no_less_than_nothing() -> None:
    error = problem(GOOD.replace("boot_s: 30", "node_watt: -1"))
    assert (error.code, error.facts["line"]) == ("file.bad_value", 18)
