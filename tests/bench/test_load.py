"""The benchmark of a hostile visitor: its arithmetic, what it reads of processes, and visitors that come and go."""

import asyncio
import os
import subprocess
import sys

from effviz.bench import app_sessions, load
from effviz.bench.load import Attack, ServerHealth

MOST_GROWTH_MIB = 60  # over two dozen visits after as many; a photo or a model kept for each would be far more


def test_a_newcomer_may_wait_three_times_its_own_work_or_five_seconds() -> None:
    seen = ServerHealth([10, 900, 30], [300, 500, 400], 2)

    def longest(alone_s: float, beside_s: float) -> bool | None:
        rows = load._hostile_rows(Attack(), [alone_s] * 3, [0.1, beside_s], seen)
        return next(row.met for row in rows if row.name == "The longest")

    assert [longest(1, 5), longest(1, 5.1), longest(2, 6), longest(2, 6.1)] == [True, False, True, False]
    rows = {row.name: row for row in load._hostile_rows(Attack(), [1], [1], seen)}
    assert rows["Longest wait for the health check"].met
    assert rows["Peak memory of server and children"].ours == 500


def test_a_process_s_children_count() -> None:
    command = [sys.executable, "-c", "print('here', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline()  # before, it may hold less than a MiB
        assert child.pid in load._tree(os.getpid())
        assert (load._held_mib(child.pid) or 0) > 1
        child.kill()
    assert child.pid not in load._tree(os.getpid())
    assert load._held_mib(child.pid) is None


def test_visitors_that_come_and_go_leave_no_memory_behind() -> None:
    with app_sessions.start_server() as running:
        asyncio.run(load.make_visits(running.port, 0, 24))
        before = running.memory_mib
        asyncio.run(load.make_visits(running.port, 24, 24))
        after = running.memory_mib
    assert before is not None
    assert after is not None
    assert after - before <= MOST_GROWTH_MIB
