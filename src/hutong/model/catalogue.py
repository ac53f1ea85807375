"""What the catalogue speaks of: chip models, software stacks, regions and the links between them.

These are values only; `hutong.catalog` holds the rows and the look-ups. A figure of 0 is not
published or does not apply, never a guess, and the row's `note` says which where it matters.
"""

from enum import StrEnum

import msgspec


class Accelerator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chip model as a site counts it: a card, or a module, or one processor of a card.

    `memory_mib` is the nominal size (a chip sold with 80 GB has 81,920), of which drivers report
    about a hundredth less. `bf16_gflops` and `fp16_gflops` are dense matrix peaks without
    structured sparsity, `fp64_gflops` and `fp32_gflops` those of the vector units, which any
    program reaches.
    `interconnect_gb_per_s` is the way to its neighbours within the machine, both directions added.
    `family` is the word for all variants of a chip, such as `A100`. `stack` is a `Stack.id`.
    `domestic` says that the chip is designed in mainland China. `declared` says that the
    performance figures are the word of the vendor or its partners alone: no independent public
    document (a benchmark with audited results, a paper with measurements) bears them out.
    """

    name: str
    vendor: str
    family: str
    stack: str
    k8s_resource: str
    memory_mib: int
    memory_gb_per_s: int
    bf16_gflops: int
    fp16_gflops: int
    interconnect: str
    interconnect_gb_per_s: int
    tdp_watt: int
    domestic: bool
    declared: bool
    aliases: tuple[str, ...] = ()
    source: str
    note: str = ""
    fp64_gflops: int = 0
    fp32_gflops: int = 0

    @property
    def dense_gflops(self) -> int:
        """Dense peak for training: BF16, else FP16; 0 where neither is published."""
        return self.bf16_gflops or self.fp16_gflops


class FrameworkSupport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The versions of a framework that a stack's version carries, newest last.

    `adapter` is the package that joins the two, such as `torch-npu`; empty where the framework's
    own or the vendor's build needs none.
    """

    versions: tuple[str, ...]
    adapter: str = ""


class StackVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of a stack. `released` is `YYYY-MM`, empty where no date is published."""

    version: str
    released: str
    frameworks: dict[str, FrameworkSupport]
    source: str


class Stack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The software between a framework and a vendor's chips, with its versions, oldest first."""

    id: str
    vendor: str
    name: str
    versions: tuple[StackVersion, ...]


class HubNode(StrEnum):
    """The eight national computing hub nodes of "East Data West Computing"; empty is outside."""

    NONE = ""
    BEIJING_TIANJIN_HEBEI = "beijing-tianjin-hebei"
    YANGTZE_DELTA = "yangtze-delta"
    GREATER_BAY_AREA = "greater-bay-area"
    CHENGDU_CHONGQING = "chengdu-chongqing"
    INNER_MONGOLIA = "inner-mongolia"
    GUIZHOU = "guizhou"
    GANSU = "gansu"
    NINGXIA = "ningxia"


class Region(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place where sites are. `jurisdiction` is the ISO 3166-2 code whose rules hold there.

    `cluster` names the national data-centre cluster the region holds, empty for none.
    Coordinates are millionths of a degree, north and east.
    `grid_carbon_g_per_kwh` is grams of CO2 for a kilowatt-hour of grid electricity.
    """

    id: str
    name_en: str
    name_zh: str
    jurisdiction: str
    hub_node: HubNode
    cluster: str = ""
    latitude_microdegree: int
    longitude_microdegree: int
    grid_carbon_g_per_kwh: int
    aliases: tuple[str, ...] = ()
    source: str


class Link(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What moves data between two regions; the same in both directions.

    `latency_us` is one way. `declared` says that bandwidth and price are planning values or a
    provider's word, not measurements. `derived` says that the latency was computed from the
    distance. A site's own measurements, where it has them, go before any of these.
    """

    a: str
    b: str
    bandwidth_mbit_per_s: int
    latency_us: int
    price_microcny_per_gb: int
    declared: bool
    derived: bool
    source: str
