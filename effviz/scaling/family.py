"""The two families of networks that EffViz knows."""

from enum import StrEnum


class Family(StrEnum):
    """EfficientNet (squeeze-and-excitation, SiLU, stem and head scaled) or Lite (none, ReLU6, stem and head fixed)."""

    EFFICIENTNET = "efficientnet"
    LITE = "lite"
