"""Technical terms and their meanings, for the Glossary page and for help tooltips on other pages."""

from typing import Final

from effviz.i18n import _, lazy_gettext

Term = tuple[str, str]  # the term and its meaning, both marked for translation

NETWORKS: Final[dict[str, Term]] = {
    "baseline": (
        lazy_gettext("Baseline"),
        lazy_gettext("The network that all others are scaled from; in the paper, B0."),
    ),
    "depth": (lazy_gettext("Depth"), lazy_gettext("How many layers a network has.")),
    "width": (lazy_gettext("Width"), lazy_gettext("How many channels each layer has.")),
    "resolution": (
        lazy_gettext("Resolution"),
        lazy_gettext("The size of the input image in pixels, which also sets the size of every feature map."),
    ),
    "compound": (
        lazy_gettext("Compound scaling"),
        lazy_gettext(
            "Scaling depth, width and resolution together, by $α^φ$, $β^φ$ and $γ^φ$. The single coefficient φ "
            "sets the network's size."
        ),
    ),
    "lite": (
        lazy_gettext("Lite0, lite0@224"),
        lazy_gettext(
            "EfficientNet-Lite: B0 to B4 adapted to phones, without squeeze-and-excitation and with ReLU6 instead "
            "of SiLU. lite0@224 is Lite0 with an input of 224 × 224 pixels."
        ),
    ),
    "macs": (
        lazy_gettext("MACs, FLOPs"),
        lazy_gettext(
            "Multiply-adds for one image. The paper calls them FLOPs, but does not mean operations per second."
        ),
    ),
    "channel": (lazy_gettext("Channel"), lazy_gettext("One of the feature maps that a layer outputs.")),
    "mbconv": (
        lazy_gettext("MBConv"),
        lazy_gettext(
            "EfficientNet's building block: it expands the channels, filters each one separately (depthwise), "
            "reweights them and projects them back."
        ),
    ),
    "squeeze": (
        lazy_gettext("Squeeze-and-excitation"),
        lazy_gettext("Multiplies each channel by a weight that is computed from the means of all channels."),
    ),
    "receptive": (
        lazy_gettext("Receptive field"),
        lazy_gettext("The part of the input that one cell of a feature map can depend on."),
    ),
    "logit": (
        lazy_gettext("Logit"),
        lazy_gettext("The score of a class before the softmax turns scores into probabilities."),
    ),
    "top1": (
        lazy_gettext("Top-1 accuracy"),
        lazy_gettext("The share of images for which the most probable class is the correct one."),
    ),
}

MAPS: Final[dict[str, Term]] = {
    "cam": (
        lazy_gettext("Class activation map (CAM)"),
        lazy_gettext(
            "Shows how much each location in the image contributes to the logit of a class: the last feature maps, "
            "weighted by the classifier's weights for that class."
        ),
    ),
    "gradcam": (
        lazy_gettext("Grad-CAM"),
        lazy_gettext("Like CAM, with gradients in place of the classifier's weights, so it works at any layer."),
    ),
    "evidence": (lazy_gettext("Evidence"), lazy_gettext("The positive part of a map, which supports the class.")),
    "placement": (
        lazy_gettext("Placement"),
        lazy_gettext(
            "Where a map's cells are drawn on the photo. Plain: the cells divide the input evenly. Calibrated: "
            "their positions are corrected with objects planted at known places."
        ),
    ),
    "crop": (
        lazy_gettext("Crop"),
        lazy_gettext("The central part of a photo that the network sees, cut out after resizing."),
    ),
    "target": (lazy_gettext("Target"), lazy_gettext("The class that a map explains.")),
}

MEASURES: Final[dict[str, Term]] = {
    "localisation": (lazy_gettext("Localisation"), lazy_gettext("Whether a map marks the object.")),
    "energy": (
        lazy_gettext("Energy in box"),
        lazy_gettext("The share of a map's evidence inside the boxes that annotators drew around the object."),
    ),
    "pointing": (
        lazy_gettext("Pointing game"),
        lazy_gettext("Whether the maximum of a map is on the object."),
    ),
    "maxbox": (
        lazy_gettext("MaxBoxAcc"),
        lazy_gettext(
            "Whether a box around the map overlaps the object's box by half or more, at the best common threshold."
        ),
    ),
    "faithfulness": (lazy_gettext("Faithfulness"), lazy_gettext("Whether the network really needs what a map marks.")),
    "deletion": (
        lazy_gettext("Deletion, insertion"),
        lazy_gettext(
            "The probability of the class as the image is hidden (deletion) or revealed (insertion) in the map's "
            "order. With a faithful map it falls, or rises, early."
        ),
    ),
    "control": (
        lazy_gettext("Control"),
        lazy_gettext("A map computed without looking at the photo. A map that scores no better has shown nothing."),
    ),
    "gaussian": (
        lazy_gettext("Centre Gaussian"),
        lazy_gettext(
            "A control: a Gaussian bump in the centre of the photo, where photographers usually place the object. "
            "In the crop: in the centre of what the network saw."
        ),
    ),
    "interval": (
        lazy_gettext("95 % interval"),
        lazy_gettext("A range constructed so that it contains the true mean for 95 of 100 samples of photos."),
    ),
    "seed": (
        lazy_gettext("Seed"),
        lazy_gettext("The number that initialises the random generator: the same seed gives the same random choices."),
    ),
}

TRAINING: Final[dict[str, Term]] = {
    "minival": (
        lazy_gettext("Minival"),
        lazy_gettext(
            "25,000 training images that the authors held out to select checkpoints without using the validation set."
        ),
    ),
    "autoaugment": (
        lazy_gettext("AutoAugment"),
        lazy_gettext(
            "Random transformations of training images, such as shear or contrast, by a policy found by search."
        ),
    ),
    "stochastic": (
        lazy_gettext("Stochastic depth"),
        lazy_gettext("Skipping blocks at random during training, later blocks more often."),
    ),
    "transfer": (
        lazy_gettext("Transfer learning"),
        lazy_gettext("Taking a network trained on one data set and training it further on another."),
    ),
    "proxy": (
        lazy_gettext("Small grid search"),
        lazy_gettext("Step 1 of the paper: with φ = 1, networks of twice B0's cost are tried to find α, β and γ."),
    ),
}

GROUPS: Final[dict[str, dict[str, Term]]] = {
    lazy_gettext("Networks and scaling"): NETWORKS,
    lazy_gettext("Maps"): MAPS,
    lazy_gettext("Metrics"): MEASURES,
    lazy_gettext("Training"): TRAINING,
}

TERMS: Final = NETWORKS | MAPS | MEASURES | TRAINING


def line(term: Term) -> str:
    """Return a term and its meaning as Markdown."""
    title, meaning = term
    return _("**{term}**: {meaning}").format(term=_(title), meaning=_(meaning))


def tip(*names: str) -> str:
    """Return some terms and their meanings as Markdown, for the `help` of a widget or a text."""
    return "\n\n".join(line(TERMS[name]) for name in names)
