"""Mixed visitors come and go for a while: what the server holds must not grow with them.

One after the other, each with a session of its own: comparisons of other photos, classes and methods, the other pages,
a photo brought as a file, a model that fails.
"""

import asyncio
import time
from itertools import count
from typing import Final

from effviz.bench import server
from effviz.bench.app import GROWTH_MIB
from effviz.bench.figures import Figure, Figures, Say
from effviz.bench.visitors import visit
from effviz.explain import samples

WARM: Final = 30  # visits, until caches are filled
KINDS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("", {"models": "lite0@224,lite1@224"}),
    ("scale", {"phi": "1.5"}),
    ("", {"models": "lite0@224", "method": "layercam"}),
    ("tradeoff", {}),
    ("", {"models": "lite2@260", "method": "eigencam"}),
    ("paper", {"section": "table1"}),
    ("", {"models": "b7@600"}),  # whose weights are not here
    ("evaluate", {}),
)


def bench(minutes: float, say: Say = lambda _: None) -> Figures:
    """Let visitors come for some minutes, after the first ones."""
    with server.running() as running:
        say("The first visitors")
        asyncio.run(visits(running.port, 0, WARM))
        start, number, ends = running.memory_mib, WARM, time.monotonic() + 60 * minutes
        while time.monotonic() < ends:
            say(f"{number} visitors")
            asyncio.run(visits(running.port, number, len(KINDS)))
            number += len(KINDS)
        end, peak = running.memory_mib, running.peak_mib
    if start is None or end is None or peak is None:
        return Figures((), ("The server's memory is not known: it is read from /proc, on Linux.",))
    return Figures(
        (
            Figure(f"Server's memory after {WARM} visitors", start, "MiB"),
            Figure(f"Server's memory after {number} visitors in {minutes:g} minutes", end, "MiB"),
            Figure.at_most("Growth", end - start, round(GROWTH_MIB, 1), "MiB"),
            Figure("The most that it held", peak, "MiB"),
        )
    )


async def visits(port: int, first: int, how_many: int) -> None:
    """Let so many visitors come, beginning with a number: each number is another visit.

    Raises:
        AssertionError: a page failed.
    """
    names = [sample.name for sample in samples.samples()]
    for number, _ in zip(count(first), range(how_many), strict=False):
        page, query = KINDS[number % len(KINDS)]
        more = {} if page else {"photos": names[number % len(names)]}
        async with visit(port, {**query, **more}, page) as visitor:
            answer = await visitor.ask()
            assert not answer.errors, answer.errors
            if not page and number % 3 == 0:  # and a file of one's own
                data = samples.find(names[number % len(names)]).path.read_bytes()
                await visitor.upload(answer.widget("uploads"), f"own {number}.jpg", data + bytes(number % 100))
                assert not (await visitor.ask()).errors
