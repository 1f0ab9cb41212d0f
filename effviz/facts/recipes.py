"""How the weights that timm measured were trained: only networks of one recipe compare fairly."""

from dataclasses import dataclass

from effviz.errors import SettingsError
from effviz.words import _, later


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of training, used for a row of EfficientNets."""

    key: str  # timm's tag, with a prefix where two recipes share one
    prefix: str  # the networks it was used for, in timm's names
    tags: tuple[str, ...]  # timm's names of the weights
    title: str  # short, stands in legends and addresses
    words: str  # whose weights, and what is special, for `_`


# Keys without a prefix are Google's weights of B0-B8 and L2, which timm ported. Tags that differ only in the size
# trained at (_r224, _475) are one recipe. Meanings: timm's model cards and the README of tensorflow/tpu's EfficientNet.
RECIPES = (
    Recipe("aa_in1k", "tf_efficientnet_", ("aa_in1k",), "AutoAugment", later("Google's weights, the paper's recipe")),
    Recipe("in1k", "tf_efficientnet_", ("in1k",), "Baseline", later("Google's weights, plain ResNet preprocessing")),
    Recipe("ra_in1k", "tf_efficientnet_", ("ra_in1k",), "RandAugment", later("Google's weights")),
    Recipe(
        "ap_in1k", "tf_efficientnet_", ("ap_in1k",), "AdvProp", later("Google's weights, adversarial examples added")
    ),
    Recipe(
        "ns_jft_in1k",
        "tf_efficientnet_",
        ("ns_jft_in1k", "ns_jft_in1k_475"),
        "NoisyStudent",
        later("Google's weights, 300 million more pictures without labels"),
    ),
    Recipe("lite-in1k", "tf_efficientnet_lite", ("in1k",), "Lite", later("Google's weights of the Lite networks")),
    Recipe("timm-ra_in1k", "efficientnet_", ("ra_in1k",), "timm RandAugment", later("timm's own training")),
    Recipe("timm-ra2_in1k", "efficientnet_", ("ra2_in1k",), "timm RandAugment 2", later("timm's own training")),
    Recipe("timm-ft_in1k", "efficientnet_", ("ft_in1k",), "timm fine-tuned", later("timm's own training")),
    Recipe(
        "timm-ra4_in1k",
        "efficientnet_",
        ("ra4_e3600_r224_in1k", "ra4_e3600_r240_in1k"),
        "timm RandAugment 4",
        later("timm's own training, 3600 epochs"),
    ),
    Recipe(
        "timm-in12k_in1k",
        "efficientnet_",
        ("sw_in12k_ft_in1k",),
        "timm ImageNet-12k",
        later("timm's own training, first on the 12,000 classes of ImageNet-12k"),
    ),
    Recipe("timm-lite-ra_in1k", "efficientnet_lite", ("ra_in1k",), "timm Lite", later("timm's own training of Lite0")),
)


def recipe(key: str) -> Recipe:
    """The recipe with this key.

    Raises:
        SettingsError: there is no such recipe; pick one of `RECIPES`.
    """
    for known in RECIPES:
        if known.key == key:
            return known
    raise SettingsError(
        _("There is no training recipe {key!r}: the recipes are {known}. Pick one of them.").format(
            key=key, known=", ".join(r.key for r in RECIPES)
        )
    )


def recipe_of(model: str, tag: str) -> Recipe:
    """The recipe behind an EfficientNet's weights, by timm's names: `recipe_of("tf_efficientnet_b0", "aa_in1k")`."""
    fitting = [known for known in RECIPES if model.startswith(known.prefix) and tag in known.tags]
    return max(fitting, key=lambda known: len(known.prefix))  # Lite has a row of its own beside B0-B8
