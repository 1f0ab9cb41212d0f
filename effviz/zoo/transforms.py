"""How each network wants its photos: evaluation settings of timm 1.0.31 as data, so that nobody has to load torch."""

from dataclasses import dataclass

Rgb = tuple[float, float, float]

IMAGENET_STATISTICS: tuple[Rgb, Rgb] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF_STATISTICS: tuple[Rgb, Rgb] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True, slots=True)
class Transform:
    """Resize the short side to resolution / crop_pct, crop the centre, subtract mean and divide by std."""

    resolution_px: int
    crop_pct: float
    interpolation: str = "bicubic"
    statistics: tuple[Rgb, Rgb] = IMAGENET_STATISTICS  # mean and std of pixels in 0..1


_GOOGLE = {
    "b0": (224, 0.875),
    "b1": (240, 0.882),
    "b2": (260, 0.890),
    "b3": (300, 0.904),
    "b4": (380, 0.922),
    "b5": (456, 0.934),
    "b6": (528, 0.942),
    "b7": (600, 0.949),
}
_LITE = {
    "tf_efficientnet_lite0.in1k": Transform(224, 0.875, "bicubic", HALF_STATISTICS),
    "tf_efficientnet_lite1.in1k": Transform(240, 0.882, "bicubic", HALF_STATISTICS),
    "tf_efficientnet_lite2.in1k": Transform(260, 0.890, "bicubic", HALF_STATISTICS),
    "tf_efficientnet_lite3.in1k": Transform(300, 0.904, "bilinear", HALF_STATISTICS),
    "tf_efficientnet_lite4.in1k": Transform(380, 0.920, "bilinear", HALF_STATISTICS),
    "efficientnet_lite0.ra_in1k": Transform(224, 0.875),
}
_TIMM = {
    "efficientnet_b0.ra_in1k": Transform(224, 0.875),
    "efficientnet_b0.ra4_e3600_r224_in1k": Transform(224, 0.9, "bicubic", HALF_STATISTICS),
    "efficientnet_b1.ft_in1k": Transform(224, 0.875),
    "efficientnet_b1.ra4_e3600_r240_in1k": Transform(240, 0.9, "bicubic", HALF_STATISTICS),
    "efficientnet_b2.ra_in1k": Transform(256, 0.875),
    "efficientnet_b3.ra2_in1k": Transform(288, 0.875),
    "efficientnet_b4.ra2_in1k": Transform(320, 0.875),
}


def transform(architecture: str) -> Transform | None:
    """Settings for timm's architecture with its weights tag, `tf_efficientnet_b0.aa_in1k`; None when it is not listed.

    Google's AdvProp weights want pixels in -1..1, its other weights ImageNet's mean and deviation.
    """
    model, _, tag = architecture.partition(".")
    google = _GOOGLE.get(model.removeprefix("tf_efficientnet_")) if model.startswith("tf_") else None
    if google is not None:
        return Transform(*google, "bicubic", HALF_STATISTICS if tag == "ap_in1k" else IMAGENET_STATISTICS)
    return _LITE.get(architecture) or _TIMM.get(architecture)
