"""Where a job of hutong YAML runs or had rather run, what it reads, and what may be started."""

from hutong.client.formats import chips, times, words
from hutong.client.formats.draft import Draft
from hutong.client.formats.nodes import Keys, Node
from hutong.model import limits
from hutong.model.ids import is_name
from hutong.model.job import DataInput, DomesticRule, Terms

WHERE_KEYS = Keys(
    ("regions", "jurisdictions", "sites", "pools", "exclude_sites", "owners", "domestic")
)
PREFER_KEYS = Keys(
    ("regions", "jurisdictions", "sites", "owners"),
    meant={
        "domestic": "`where: {domestic: prefer}`", "pools": "`where: {pools: [...]}`",
        "region": "`regions`", "site": "`sites`", "owner": "`owners`",
    },
)  # fmt: skip
INPUT_KEYS = Keys(
    ("name", "size", "at"),
    meant={"replicas": "`at`", "sites": "`at`", "regions": "`at`", "size_mib": "`size`"},
)
COMMERCIAL_KEYS = Keys(("after", "terms"))
WEIGH_KEYS = Keys(("cost", "time"))

DOMESTIC = tuple(rule.value for rule in DomesticRule)
TERMS = tuple(terms.value for terms in Terms)


def read_where(node: Node, draft: Draft) -> None:
    """Read where a job may run."""
    fields = node.fields(WHERE_KEYS, draft)
    for key, value in fields.items():
        if key == "domestic":
            draft.put("constraints.domestic", DomesticRule(value.choice(DOMESTIC)), value.place)
            continue
        names = tuple(_place_name(key, item, draft) for item in value.items_or_one())
        draft.put(f"constraints.{key}", names, value.place)


def _place_name(key: str, item: Node, draft: Draft) -> str:
    name = item.text()
    if key == "regions":
        try:
            return chips.region(draft.source.catalog, name)
        except words.BadWord as error:
            # An operator may have regions of its own, which no catalogue lists.
            draft.warn(
                item.line, name, f"{error.problem[0].upper()}{error.problem[1:]}. {error.advice}"
            )
    elif key in {"sites", "exclude_sites"} and not is_name(name):
        raise item.bad("it is not the name of a site", "`hutong sites` lists their names.")
    return name


def read_prefer(node: Node, draft: Draft) -> None:
    """Read where a job had rather run."""
    for key, value in node.fields(PREFER_KEYS, draft).items():
        names = tuple(_place_name(key, item, draft) for item in value.items_or_one())
        draft.put(f"preferences.{key}", names, value.place)


def read_weigh(node: Node, draft: Draft) -> None:
    """Read what cost weighs against time: `{cost: 70%}`, or `{time: 30%}`."""
    if draft.place("objective"):
        raise node.bad("the `objective` says it already", "Keep one of the two.")
    fields = node.fields(WEIGH_KEYS, draft)
    weights = {key: value.read(words.percent_milli) for key, value in fields.items()}
    if not weights:
        raise node.bad("it is empty", "Write for example `{cost: 70%}`.")
    cost = weights.get("cost", 1000 - weights.get("time", 0))
    if "time" in weights and weights["time"] + cost != 1000:
        raise node.bad("the two are not 100% together", "Write `{cost: 70%}`; time has the rest.")
    draft.put("cost_weight_milli", cost, node.place)


def read_inputs(node: Node, draft: Draft) -> None:
    """Read the data sets that a job reads: their sizes, and where copies lie."""
    inputs = []
    for item in node.items():
        fields = item.fields(INPUT_KEYS, draft)
        for key in ("name", "size"):
            if key not in fields:
                raise item.bad(f"it has no `{key}`", "Write `{name: imagenet, size: 150GiB}`.")
        name, size = fields["name"].text(), fields["size"].read(_size_mib)
        held = fields["at"].items_or_one() if "at" in fields else []
        inputs.append(DataInput(name, size, tuple(place.text() for place in held)))
        draft.mark(f"inputs.{name}", item.place)
    draft.put("inputs", tuple(inputs), node.place)


def _size_mib(word: str) -> int:
    return words.size_mib(word, limits.INPUT_MIB)


def read_commercial(node: Node, draft: Draft) -> None:
    """Read whether capacity may be started for a job: `never`, or when and on what terms."""
    if not node.is_mapping:
        draft.put("commercial.allowed", node.choice(("never",)) != "never", node.place)
        return
    fields = node.fields(COMMERCIAL_KEYS, draft)
    if not fields:
        raise node.bad("it is empty", "Leave it away, or write `never`.")
    if "after" in fields:
        after = fields["after"]
        draft.put("commercial.after_ms", after.read(times.duration_or_zero_ms), after.place)
    if "terms" in fields:
        names = fields["terms"].items_or_one()
        if not names:
            raise fields["terms"].bad("it is empty", "Leave the key away for any terms.")
        terms = tuple(Terms(item.choice(TERMS)) for item in names)
        draft.put("commercial.terms", terms, fields["terms"].place)
