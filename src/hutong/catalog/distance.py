"""What is assumed of a link that nobody described: latency from the distance, a plain circuit.

Light in fibre covers 204 km a millisecond, and cables do not run straight. The factor between the
cable's length and the great circle is fitted to a measurement: the China Academy of Information
and Communications Technology reports 9.7 ms one way on average between the cities of the ten
national clusters (optical layer, first quarter of 2024), whose great circles average 1,088 km.
"""

from math import asin, cos, radians, sin, sqrt

from hutong.model.catalogue import Link, Region

EARTH_RADIUS_KM = 6371.0088
FIBRE_KM_PER_MS = 204.0
FIBRE_FACTOR = 1.82
EQUIPMENT_US = 100
DERIVED_MBIT_PER_S = 1_000
# Alibaba Cloud's list price of cross-region replication within the mainland, 0.50 CNY/GB.
DERIVED_PRICE_MICROCNY_PER_GB = 500_000
# The bound that the national plan sets between hub nodes; for regions the catalogue does not know.
UNKNOWN_LATENCY_US = 20_000
LOCAL_MBIT_PER_S = 100_000
LOCAL_LATENCY_US = 250


def great_circle_km(one: Region, other: Region) -> float:
    """Distance over the Earth's surface in kilometres, by the haversine formula."""
    north_1, north_2 = (radians(x.latitude_microdegree / 1e6) for x in (one, other))
    east_1, east_2 = (radians(x.longitude_microdegree / 1e6) for x in (one, other))
    half_north, half_east = (north_2 - north_1) / 2, (east_2 - east_1) / 2
    chord = sin(half_north) ** 2 + cos(north_1) * cos(north_2) * sin(half_east) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(chord))


def fibre_latency_us(one: Region, other: Region) -> int:
    """One-way latency by fibre in microseconds, derived from the distance."""
    travel_ms = great_circle_km(one, other) * FIBRE_FACTOR / FIBRE_KM_PER_MS
    return round(travel_ms * 1000) + EQUIPMENT_US


def local_link(region: str) -> Link:
    """The link of a region to itself: the machines' own network, free of charge."""
    return Link(
        a=region,
        b=region,
        bandwidth_mbit_per_s=LOCAL_MBIT_PER_S,
        latency_us=LOCAL_LATENCY_US,
        price_microcny_per_gb=0,
        declared=False,
        derived=True,
        source="Within one region: the machines' own network",
    )


def derived_link(a: str, b: str, latency_us: int | None) -> Link:
    """The link assumed between two regions; `latency_us` is None where one has no coordinates."""
    known = latency_us is not None
    how = "great circle and fibre factor" if known else "bound between national hub nodes"
    return Link(
        a=a,
        b=b,
        bandwidth_mbit_per_s=DERIVED_MBIT_PER_S,
        latency_us=UNKNOWN_LATENCY_US if latency_us is None else latency_us,
        price_microcny_per_gb=DERIVED_PRICE_MICROCNY_PER_GB,
        declared=False,
        derived=True,
        source=f"Derived. Latency: {how}. Bandwidth: a 1 Gbit/s circuit. Price: public list price",
    )
