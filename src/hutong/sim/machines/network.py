"""The modelled network between the hub, its sites and its users."""

from collections.abc import Callable
from random import Random

from hutong.sim.machines.loop import Loop
from hutong.sim.machines.script import Weather

Deliver = Callable[..., None]


class Network:
    """Carries messages as the weather has it, and none over a way that is cut.

    A way is `site>` up to the hub or `>site` down to the site. Messages overtake each other
    because each takes its own time.
    """

    def __init__(self, loop: Loop, random: Random, weather: Weather) -> None:
        self._loop = loop
        self._random = random
        self._weather = weather
        self._cut_until_ms: dict[str, int] = {}

    def cut(self, way: str, for_ms: int) -> None:
        """Let nothing pass one way for a while."""
        until_ms = self._loop.now_ms + for_ms
        self._cut_until_ms[way] = max(self._cut_until_ms.get(way, 0), until_ms)

    def calm(self) -> None:
        """Mend everything."""
        self._cut_until_ms.clear()
        self._weather = Weather(self._weather.latency_ms)

    def send(self, way: str, deliver: Deliver, *facts: object) -> None:
        """Carry one message: it arrives once, twice or never."""
        weather, random = self._weather, self._random
        if self._loop.now_ms < self._cut_until_ms.get(way, 0):
            return
        fate = random.randrange(1_000)
        delay_ms = random.randint(*weather.latency_ms)
        if fate < weather.lost_milli:
            return
        fate -= weather.lost_milli
        late_ms = random.randint(0, weather.late_most_ms)
        if 0 <= fate < weather.late_milli:
            delay_ms += late_ms
        fate -= weather.late_milli
        self._loop.after(delay_ms, deliver, *facts)
        if 0 <= fate < weather.repeated_milli:
            self._loop.after(delay_ms + late_ms, deliver, *facts)

    def send_promptly(self, way: str, deliver: Deliver, *facts: object) -> None:
        """Carry one message behind those sent before it: it arrives once or never."""
        if self._loop.now_ms < self._cut_until_ms.get(way, 0):
            return
        if self._random.randrange(1_000) >= self._weather.lost_milli:
            self._loop.after(self._weather.latency_ms[1], deliver, *facts)
