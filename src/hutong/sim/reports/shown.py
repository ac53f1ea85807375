"""Quantities as people read them, in tables and on pages."""

_STEPS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
MICRO = 1_000_000


def duration(ms: float) -> str:
    """Two units at most: `0`, `850ms`, `3.2s`, `2m13s`, `3h5m`, `12d`."""
    sign, ms = ("-", -ms) if ms < 0 else ("", ms)
    if ms < 0.5:
        return "0"
    if ms < 999.5:
        return f"{sign}{ms:.0f}ms"
    if ms < 9_950:
        return f"{sign}{ms / 1000:.1f}s".replace(".0s", "s")
    seconds = int(ms / 1000 + 0.5)
    for place, (unit, size) in enumerate(_STEPS):
        count, rest = divmod(seconds, size)
        if not count:
            continue
        if unit == "s" or (unit == "d" and count >= 10):
            return f"{sign}{count:,}{unit}"
        lower, lower_size = _STEPS[place + 1]
        below = rest // lower_size
        return f"{sign}{count}{unit}{below}{lower}" if below else f"{sign}{count}{unit}"
    return "0"


def number(value: float) -> str:
    """Three or four digits that count: `0`, `0.013`, `1.25`, `17.7`, `1,234`, `12.3M`."""
    sign, size = ("-", -value) if value < 0 else ("", value)
    if size == 0:
        return "0"
    for unit, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if size >= 9.9995 * scale:
            return f"{sign}{size / scale:,.1f}{unit}"
    if size >= 999.5:
        return f"{sign}{size:,.0f}"
    if size >= 99.95:
        return f"{sign}{size:.0f}"
    if size >= 9.995:
        return f"{sign}{size:.1f}"
    if size >= 0.0995:
        return f"{sign}{size:.2f}"
    return f"{sign}{size:.3f}" if size >= 0.0005 else f"{sign}<0.001"


def tick(value: float) -> str:
    """A round value on an axis: `0`, `0.5`, `20`, `1,500`, `2.5M`."""
    size = abs(value)
    for unit, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if size >= scale:
            return f"{value / scale:,g}{unit}"
    return f"{round(value, 9):,.10g}"


def whole(value: float) -> str:
    """A count: `12,345`."""
    return f"{value:,.0f}"


def percent(part: float) -> str:
    """A part of one: `0%`, `<0.1%`, `0.4%`, `97.3%`, `100%`."""
    if 0 < abs(part) < 0.0005:
        return "<0.1%" if part > 0 else "-<0.1%"
    return f"{part * 100:.1f}%".replace(".0%", "%")


def money(microcny: float) -> str:
    """Yuan: `0`, `0.0042`, `1,234.50`."""
    yuan = microcny / MICRO
    if yuan == 0:
        return "0"
    return f"{yuan:,.2f}" if abs(yuan) >= 1 else f"{yuan:.4f}"


def energy(mwh: float) -> str:
    """Kilowatt-hours."""
    return number(mwh / MICRO)


def carbon(mg: float) -> str:
    """Kilograms of CO2-equivalent."""
    return number(mg / MICRO)


def chance(p: float | None) -> str:
    """A probability; `-` where there is none."""
    if p is None:
        return "-"
    return f"{p:.3f}" if p >= 0.0005 or p == 0 else "<0.001"


def counted(count: int, word: str) -> str:
    """`1 job`, `3 jobs`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def printable(text: str) -> str:
    """Text from elsewhere without what moves a cursor or cannot be seen."""
    return "".join(char if char.isprintable() else "?" for char in text)
