"""Two processes that train together equal one process with the mean of their gradients, and stay identical."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from effviz.train import batches, data
from effviz.train.distributed import SINGLE_PROCESS, WHOLE_SHARD, Shard
from effviz.train.training_recipe import TrainingRecipe

SIDE_PX = batches.decoded_side_px(32)


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("epoch", [0, 1])
def test_parts_are_a_partition_of_every_batch_and_the_same_each_time(
    folder: Path, tiny: Callable[..., TrainingRecipe], size: int, epoch: int
) -> None:
    known, recipe = data.data_set(folder, SIDE_PX).train, tiny()
    whole = list(batches.training_batches(known, recipe, epoch))
    parts = [list(batches.training_batches(known, recipe, epoch, part=Shard(rank, size))) for rank in range(size)]
    again = list(batches.training_batches(known, recipe, epoch, part=Shard(1, size)))
    for number, (pictures, labels) in enumerate(whole):
        assert torch.equal(again[number][0], parts[1][number][0])
        for rank in range(size):
            assert torch.equal(parts[rank][number][0], pictures[rank::size])
            assert torch.equal(parts[rank][number][1], labels[rank::size])
    assert [len(part) for part in parts] == [3] * size  # 24 images in batches of eight


def test_parts_of_evaluation_are_a_partition(folder: Path) -> None:
    known = data.data_set(folder, SIDE_PX).val
    whole = torch.cat([pictures for pictures, _ in batches.evaluation_batches(known, 32)])
    for rank in range(3):
        found = list(batches.evaluation_batches(known, 32, batch_size=2, part=Shard(rank, 3)))
        assert torch.equal(torch.cat([pictures for pictures, _ in found]), whole[rank::3])
        assert torch.cat([labels for _, labels in found]).tolist() == known.labels[rank::3].tolist()


def test_the_first_worker_draws_as_one_alone() -> None:
    # NumPy's SeedSequence pads with zeros: a single process has the same dropout as without distributed training.
    batches.seed_everything(3, 1 << 30, 5)
    alone = torch.rand(4)
    batches.seed_everything(3, 1 << 30, 5, 0)
    assert torch.equal(torch.rand(4), alone)
    batches.seed_everything(3, 1 << 30, 5, 1)
    assert not torch.equal(torch.rand(4), alone)


def test_one_alone_has_nothing_to_agree_on() -> None:
    module = torch.nn.BatchNorm2d(2)
    module.running_mean.fill_(0.3)
    SINGLE_PROCESS.align(module)
    assert SINGLE_PROCESS.part == WHOLE_SHARD
    assert SINGLE_PROCESS.learner(module) is module
    assert SINGLE_PROCESS.total(0.1) == 0.1
    assert module.running_mean.tolist() == pytest.approx([0.3, 0.3])


WORKERS = """
import os
import sys
from dataclasses import replace
from pathlib import Path
import torch
import torch.distributed as dist
from effviz.train import batches, data, loop, training_recipe
from effviz.train.distributed import TorchProcessGroup
photos, out = Path(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(1)
other = os.fork()  # before torch has threads, which a fork would not have
rank = int(other == 0)
dist.init_process_group("gloo", init_method=f"file://{out}/meeting", rank=rank, world_size=2)
search = training_recipe.read_recipe("search")
tiny = replace(search, name="tiny", epochs=2, batch_size=8, evaluate_every=1).at(0.3, 0.25, 32)
known, options = data.data_set(photos, 36), loop.TrainingOptions(crew=TorchProcessGroup())
trained = loop.train(tiny, known, out / f"run-{rank}", options)
total = options.crew.total(rank + 1)
averaged = loop.train(replace(tiny, ema=0.9), known, out / f"averaged-{rank}", options)
found = {"total": total, "correct": trained.correct, "losses": [row.loss for row in trained.epochs]}
states = {"module": trained.module.state_dict(), "averaged": averaged.module.state_dict()}
torch.save(found | states, out / f"{rank}.pt")
dist.destroy_process_group()
if other:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))
"""


@pytest.fixture
def pair(folder: Path, tmp_path: Path) -> list[dict[str, Any]]:
    """Return what two processes report after training."""
    data.data_set(folder, 36)
    words = [sys.executable, "-c", WORKERS, str(folder), str(tmp_path)]
    subprocess.run(words, env=os.environ | {"GLOO_SOCKET_IFNAME": "lo"}, check=True, timeout=120)
    return [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]


def test_two_learn_from_the_mean_of_their_gradients_and_stay_alike(
    folder: Path,
    tmp_path: Path,
    pair: list[dict[str, Any]],
    tiny: Callable[..., TrainingRecipe],
    two_by_hand: Callable[..., dict[str, torch.Tensor]],
) -> None:
    expected = two_by_hand(tiny(), data.data_set(folder, SIDE_PX))
    for one in pair:
        assert one["total"] == 3
        assert all(torch.equal(one["module"][name], tensor) for name, tensor in expected.items())
    for state in ("module", "averaged"):
        assert all(torch.equal(pair[0][state][name], tensor) for name, tensor in pair[1][state].items())
    assert pair[0]["losses"] == pair[1]["losses"]
    assert pair[0]["correct"] == pair[1]["correct"]
    assert (tmp_path / "run-0" / "log.csv").exists()
    assert not (tmp_path / "run-1").exists()  # one process writes for all
