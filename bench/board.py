"""The board in a browser, with many servers against a tenth of them."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench import programs
from bench.load import fill
from bench.table import ROUNDS, Row

CHROMIUM = Path("/usr/bin/chromium")
SERVERS = 5_000
TYPED = """() => {
    const box = document.querySelector("#search"), begun = performance.now();
    box.value = "host-499"; box.dispatchEvent(new Event("input")); document.body.offsetHeight;
    return performance.now() - begun;
}"""


def board(folder: Path) -> Iterator[Row]:
    """Until the page is drawn, and until what is typed into its search is; both sizes in turn."""
    whats = [f"the board of {SERVERS:,} servers {does} / of {SERVERS // 10}" for does in ("opens", "is searched")]
    if not CHROMIUM.exists():
        yield from (Row(what, 10, None, "apt-get install chromium", is_most=True) for what in whats)
        return
    (folder / "small").mkdir()
    with (
        programs.service(folder) as large,
        programs.service(folder / "small") as small,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
    ):
        fill(large.url, SERVERS)
        fill(small.url, SERVERS // 10)
        rounds = [(_measured(browser, large.url), _measured(browser, small.url)) for _ in range(2 * ROUNDS)]
    for number, what in enumerate(whats):
        ours, theirs = ([each[place][number] for each in rounds] for place in (0, 1))
        measured = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        note = f"{statistics.median(ours):,.0f} ms, of a tenth {statistics.median(theirs):,.0f} ms"
        yield Row(what, 10, measured, note, is_most=True)


def _measured(browser: Browser, url: str) -> tuple[float, float]:
    """Milliseconds until the page is drawn, and until a search is."""
    with browser.new_page() as page:
        started = time.perf_counter()
        page.goto(url, timeout=60_000)
        page.wait_for_selector("#as-of:not([hidden])", timeout=60_000)
        opened = 1_000 * (time.perf_counter() - started)
        return opened, max(1.0, page.evaluate(TYPED))
