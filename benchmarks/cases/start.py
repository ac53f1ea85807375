"""From the command to a hub that serves with three sites, installed; and its idle memory."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, Report
from benchmarks.world import resident_mib, tree
from hutong.client.client import Client

SETTLE_S = 3.0


def run(report: Report) -> None:
    examples = Path(__file__).resolve().parents[2] / "examples" / "sites"
    with tempfile.TemporaryDirectory(prefix="hutong-bench-") as folder:
        words = ["up", "--data", f"{folder}/hub", "--port", "0"]
        for site in sorted(examples.glob("*.yaml")):
            words += ["--site", str(site)]
        began = time.perf_counter()
        up = subprocess.Popen(
            [sys.executable, "-m", "hutong.cli.main", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            client = _serving(Path(folder) / "hub" / "client.json")
            served_s = time.perf_counter() - began
            while client.health().sites_ready < 3:
                time.sleep(0.01)
            joined_s = time.perf_counter() - began
            time.sleep(SETTLE_S)
            resident = {pid: resident_mib(pid) for pid in tree(up.pid)}
            report.note(", ".join(f"{_name(pid)} {mib:.0f}" for pid, mib in resident.items()))
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(20)
    report.add(Figure("`hutong up` to serving", served_s, "s", 3))
    report.add(Figure("`hutong up` to three sites heard", joined_s, "s", 3))
    report.add(Figure("idle memory of hub and three agents", sum(resident.values()), "MiB", 200))


def _serving(file: Path) -> Client:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        if file.exists():
            found = re.findall(r'"(?:url|token)":\s*"([^"]+)"', file.read_text())
            if len(found) == 2:
                client = Client(*found)
                client.health()
                return client
        time.sleep(0.01)
    raise AssertionError("the hub does not serve")


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return os.path.basename(words.strip())[-40:]
