"""The two families of networks, and EfficientNet-B0 as data: Table 1 of Tan & Le 2019.

Strides and expansions follow the official code. Sources: arXiv 1905.11946, Table 1; tensorflow/tpu
`efficientnet_builder.py`, `_DEFAULT_BLOCKS_ARGS`; stem and head from `efficientnet_model.py`. Lite:
`lite/efficientnet_lite_builder.py` (`fix_head_stem=True`).
"""

from enum import StrEnum
from typing import NamedTuple

from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext

PICTURE_CHANNELS = 3
BASE_RESOLUTION_PX = 224
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
HEAD_STAGE = 9
SQUEEZE_RATIO = 0.25  # relative to the block's input channels, not to the expanded ones


class BlockStage(NamedTuple):
    """One MBConv row of Table 1; only the first block of a stage has the stride."""

    stage: int
    expand: int
    kernel: int
    stride: int
    channels: int
    repeats: int


B0_STAGES = (
    BlockStage(stage=2, expand=1, kernel=3, stride=1, channels=16, repeats=1),
    BlockStage(stage=3, expand=6, kernel=3, stride=2, channels=24, repeats=2),
    BlockStage(stage=4, expand=6, kernel=5, stride=2, channels=40, repeats=2),
    BlockStage(stage=5, expand=6, kernel=3, stride=2, channels=80, repeats=3),
    BlockStage(stage=6, expand=6, kernel=5, stride=1, channels=112, repeats=3),
    BlockStage(stage=7, expand=6, kernel=5, stride=2, channels=192, repeats=4),
    BlockStage(stage=8, expand=6, kernel=3, stride=1, channels=320, repeats=1),
)


class Family(StrEnum):
    """EfficientNet (squeeze-and-excitation, SiLU, scaled stem and head) or Lite (none, ReLU6, fixed stem and head)."""

    EFFICIENTNET = "efficientnet"
    LITE = "lite"


# Allowed ranges of the numbers that a user can set.


class Limit(NamedTuple):
    """A closed range and its display name."""

    name: str  # marked for translation
    low: float
    high: float
    unit: str = ""

    def check(self, value: float) -> None:
        """Check that a value is in the range; raises SettingsError if it is outside or not a number."""
        if not self.low <= value <= self.high:
            text = _(
                "The {name} {value:g}{unit} is out of range: {low:g} to {high:g}{unit} "
                "is allowed. Choose a {name} in that range."
            )
            raise SettingsError(text.format(**self._asdict() | {"name": _(self.name), "value": value}))


DEPTH = Limit(lazy_gettext("depth"), 0.1, 100)
WIDTH = Limit(lazy_gettext("width"), 0.1, 20)
# Below 32 px the last map would be smaller than one cell.
RESOLUTION = Limit(lazy_gettext("resolution"), 32, 2048, " px")
CLASSES = Limit(lazy_gettext("number of classes"), 1, 100_000)
PHI = Limit(lazy_gettext("phi"), -20, 20)
BASE = Limit(lazy_gettext("base of the scaling rule"), 1, 4)  # Eq. 3 requires alpha, beta, gamma >= 1
