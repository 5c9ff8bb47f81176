"""Power cuts: the service runs on a real file system whose disk is copied in one moment, as the power would leave it.

The disk is a file behind a loop device. What the service wrote and did not sync is in the system's memory and not in that
file; what the file system has in its own journal is there. The copy is mounted as after a power cut, and read.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from domain.errors import Unavailable
from stores import open_store
from stores.json_file.verify import verify
from tests.process.fleet import Fleet
from tests.process.service import running, wait_until
from tests.stores.records import servers
from tests.torture.rounds import Figures

MEGABYTES = 48
CUTS = 25  # a round


def is_possible() -> str:
    """Why this machine lets us mount no disk of our own; empty if it does."""
    if os.getuid() != 0:
        return "mounting a disk needs root."
    missing = [name for name in ("losetup", "mkfs.ext4", "mount") if not shutil.which(name)]
    if missing:
        return f"there is no {', '.join(missing)}."
    found = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    return found.stderr.strip()


def cut_power(folder: Path, dice: random.Random, figures: Figures, cuts: int = CUTS) -> None:
    """Cut the power again and again while a fleet reports, and look at what each cut left."""
    disk, copy = folder / "disk", folder / "copy"
    with disk.open("wb") as file:
        file.truncate(MEGABYTES * 2**20)
    subprocess.run(["mkfs.ext4", "-q", str(disk)], check=True)
    place = folder / "place"
    with _mounted(disk, place, f"commit={dice.choice([1, 5, 1000])}"):
        store = place / "status.json"
        environment = {"STATUS_STORE": str(store), "STATUS_ACCESS_LOG": "off", "TMPDIR": str(folder)}
        with running(folder, environment=environment) as service, Fleet(service.url, "fleet", 4).reporting() as fleet:
            for _ in range(cuts):
                wait_until(fleet.more(dice.randrange(1, 200)), "reports are acknowledged")
                os.killpg(service.process.pid, signal.SIGSTOP)
                acknowledged = dict(fleet.acknowledged.copy())
                _copied(disk, copy)
                os.killpg(service.process.pid, signal.SIGCONT)
                figures.faults["power_cut"] += 1
                figures.trouble += _lost(copy, folder / "after", acknowledged)
    figures.trouble += fleet.refused
    figures.rounds += 1
    figures.acknowledged += len(fleet.acknowledged)


def _copied(disk: Path, copy: Path) -> None:
    """The disk as it is at one moment: the system may write to it while we copy, then we copy again."""
    shutil.copyfile(disk, copy)
    while disk.read_bytes() != copy.read_bytes():
        shutil.copyfile(disk, copy)


def _lost(disk: Path, place: Path, acknowledged: dict[str, int]) -> Iterator[str]:
    """What a disk does not hold though it was acknowledged, and what is wrong there."""
    with _mounted(disk, place):
        store = open_store(place / "status.json", lambda _document: None)
        with contextlib.closing(store):
            try:
                records = servers(store)
            except Unavailable as error:
                yield f"after a power cut: {error}"
                return
        for key, number in acknowledged.items():
            if key not in records or int(records[key]["commit_sha"]) < number:
                yield f"{key} {number} is lost by a power cut"
        yield from (
            f"after a power cut: {one.where}: {one.text}"
            for one in verify(place / "status.json")
            if one.kind == "wrong"
        )


@contextlib.contextmanager
def _mounted(disk: Path, place: Path, options: str = "commit=5") -> Iterator[None]:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", f"loop,{options}", str(disk), str(place)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # a worker may be dying
