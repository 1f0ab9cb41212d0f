"""Training transforms: timm's policies run with today's Pillow."""

import random

import numpy as np
import pytest
from PIL import Image
from timm.data.auto_augment import AutoAugment, auto_augment_policy_v0, rand_augment_transform

from effviz.train import batches

GREY = Image.fromarray(np.full((8, 8, 3), 200, np.uint8))


@pytest.mark.parametrize(("bits", "level"), [(0, 0), (1, 128), (3, 192), (8, 200)])
def test_posterizing_keeps_the_highest_bits(bits: int, level: int) -> None:
    # By hand: 200 is 11001000 in binary.
    assert set(np.asarray(batches._posterize(GREY, bits)).flat) == {level}


@pytest.mark.parametrize("policy", [AutoAugment(auto_augment_policy_v0({})), rand_augment_transform("rand-m0", {})])
def test_every_operation_of_a_policy_runs(policy: object) -> None:
    batches.mend_posterize(policy)
    operations = list(batches._operations(policy))
    assert any(operation.name == "Posterize" for operation in operations)
    random.seed(0)
    for operation in operations:
        operation.prob = 1.0
        assert operation(GREY).size == (8, 8)
