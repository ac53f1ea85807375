"""Rules of quotas as words of a command line."""

import pytest

from hutong.catalog import load_catalog
from hutong.client.formats.quota_words import Figure, changed, checked, counted, figure
from hutong.client.formats.words import BadWord
from hutong.model.tenant import Quota, QuotaResource, QuotaRule, QuotaWindow

CATALOG = load_catalog()
CHIPS, MONEY = QuotaResource.ACCELERATORS, QuotaResource.MONEY


@pytest.mark.parametrize(
    ("word", "rule", "amount"),
    [
        ("cpus=64", QuotaRule(QuotaResource.CPU), 64_000),
        ("memory=2TiB", QuotaRule(QuotaResource.MEMORY), 2**21),
        ("accelerators=0.5", QuotaRule(CHIPS), 500),
        ("accelerators=0", QuotaRule(CHIPS), 0),
        ("jobs=20", QuotaRule(QuotaResource.JOBS), 20),
        ("accelerators=none", QuotaRule(CHIPS), None),
        ("accelerators=64@model=910B", QuotaRule(CHIPS, model="910B"), 64_000),
        (
            "accelerators=8@model=H20,site=tj,region=tianjin",
            QuotaRule(CHIPS, model="H20", site="tj", region="tianjin"), 8_000,
        ),
        (
            "accelerator-hours=1000/month",
            QuotaRule(QuotaResource.ACCELERATOR_TIME, window=QuotaWindow.MONTH),
            1_000_000 * 3_600_000,
        ),
        ("cny=0.5/day", QuotaRule(MONEY, window=QuotaWindow.DAY), 500_000),
        ("cny=none/day@site=tj", QuotaRule(MONEY, site="tj", window=QuotaWindow.DAY), None),
    ],
)  # fmt: skip
def test_a_figure_is_read_and_said_again(word: str, rule: QuotaRule, amount: int | None) -> None:
    assert figure(word) == Figure(rule, amount)
    name, _, rest = word.partition("=")
    size, at, bounds = rest.partition("@")
    _, slash, window = size.partition("/")
    assert counted(rule) == f"{name}{slash}{window}{at}{bounds}"


@pytest.mark.parametrize(
    ("word", "problem", "advice"),
    [
        ("accelerators", "there is no `=`", "accelerators=64"),
        ("gpus=4", "`gpus` is nothing that quotas count", "`cpus`"),
        ("accelerator=4", "nothing that quotas count", "Did you mean `accelerators`?"),
        ("accelerators=many", "it is not a plain number", "a number of chips"),
        ("accelerators=-1", "it is negative", "a number of chips"),
        ("memory=64", "the unit is missing", "8GiB"),
        ("jobs=1.5", "it is not a whole number", "whole number"),
        ("cny=100", "the day or month that it counts over is missing", "cny=100/month"),
        ("cny=100/year", "the day or month that it counts over is missing", "cny=100/day"),
        ("cpus=4/day", "cpus are counted at one time, not over a day", "cny=50000/month"),
        ("cpus=4@pool=x", "`pool=x` behind the `@` is not understood", "`site=NAME`"),
        ("cpus=4@", "nothing stands behind the `@`", "@model"),
        ("cny=9999999999999/month", "the limit is", "yuan"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(word: str, problem: str, advice: str) -> None:
    with pytest.raises(BadWord) as caught:
        figure(word)
    assert problem in caught.value.problem
    assert advice in caught.value.advice


def test_figures_join_in_one_rule_and_the_rest_stays() -> None:
    quota = Quota(
        cpu_milli=9, accelerator_milli=50_000, open_jobs=7,
        rules=(QuotaRule(CHIPS, guaranteed=8_000, limit=60_000),),
    )  # fmt: skip
    figures = {"borrow": [figure("accelerators=4")], "limit": [figure("jobs=3")]}
    assert changed(quota, figures) == Quota(
        open_jobs=7,
        rules=(
            QuotaRule(CHIPS, guaranteed=8_000, borrow=4_000, limit=50_000),
            QuotaRule(QuotaResource.CPU, limit=9),
            QuotaRule(QuotaResource.JOBS, limit=3),
        ),
    )


def test_a_rule_that_says_nothing_any_more_is_gone() -> None:
    quota = Quota(accelerator_milli=50_000)
    assert changed(quota, {"limit": [figure("accelerators=none")]}) == Quota()


def test_a_region_gets_its_id_and_one_of_the_operators_own_stays() -> None:
    for word, region in (("tianjin", "cn-tianjin"), ("北京", "cn-beijing"), ("cellar", "cellar")):
        read = checked(figure(f"jobs=5@region={word}"), CATALOG)
        assert (read.rule.region, read.amount) == (region, 5)


def test_a_chip_that_nobody_knows_bounds_nothing_and_is_refused() -> None:
    with pytest.raises(BadWord, match="no such accelerator") as refused:
        checked(figure("accelerators=5@model=Ascend910C9"), CATALOG)
    assert "Did you mean" in refused.value.advice
    for word in ("accelerators=none@model=Ascend910C9", "accelerators=5@model=A100"):
        assert checked(figure(word), CATALOG) == figure(word)
