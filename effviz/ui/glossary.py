"""What the pages' technical terms mean, for the glossary page and for the tips beside texts that use them."""

from typing import Final

from effviz.i18n import _, lazy_gettext

Term = tuple[str, str]  # what it is called, and what it means; both for `_`

NETWORKS: Final[dict[str, Term]] = {
    "baseline": (
        lazy_gettext("Baseline"),
        lazy_gettext("The network that all others are scaled from; in the paper, B0."),
    ),
    "depth": (lazy_gettext("Depth"), lazy_gettext("How many layers a network has.")),
    "width": (lazy_gettext("Width"), lazy_gettext("How many channels each layer has.")),
    "resolution": (
        lazy_gettext("Resolution"),
        lazy_gettext("The size of the input image in pixels, and with it that of every feature map."),
    ),
    "compound": (
        lazy_gettext("Compound scaling"),
        lazy_gettext(
            "Depth, width and resolution grow together, by $α^φ$, $β^φ$ and $γ^φ$; φ alone says how large the "
            "network is."
        ),
    ),
    "lite": (
        lazy_gettext("Lite0, lite0@224"),
        lazy_gettext(
            "EfficientNet-Lite: B0 to B4 for phones, without squeeze-and-excitation and with ReLU6 instead of SiLU. "
            "lite0@224 is Lite0 with inputs of 224 × 224 pixels."
        ),
    ),
    "macs": (
        lazy_gettext("MACs, FLOPs"),
        lazy_gettext(
            "Multiply-adds for one image. The paper calls them FLOPs; it does not mean operations per second."
        ),
    ),
    "channel": (lazy_gettext("Channel"), lazy_gettext("One of the feature maps that a layer puts out.")),
    "mbconv": (
        lazy_gettext("MBConv"),
        lazy_gettext(
            "EfficientNet's block: channels are expanded, filtered one by one (depthwise), weighted and projected back."
        ),
    ),
    "squeeze": (
        lazy_gettext("Squeeze-and-excitation"),
        lazy_gettext("Weighs each channel by a factor that is computed from the means of all channels."),
    ),
    "receptive": (
        lazy_gettext("Receptive field"),
        lazy_gettext("The part of the input that one cell of a feature map can depend on."),
    ),
    "logit": (
        lazy_gettext("Logit"),
        lazy_gettext("A class's score before the softmax turns scores into probabilities."),
    ),
    "top1": (
        lazy_gettext("Top-1 accuracy"),
        lazy_gettext("The share of images whose most probable class is the right one."),
    ),
}

MAPS: Final[dict[str, Term]] = {
    "cam": (
        lazy_gettext("Class activation map (CAM)"),
        lazy_gettext(
            "Shows how much each place of the image adds to the logit of a class: the last feature maps, weighted by "
            "the classifier's weights for the class."
        ),
    ),
    "gradcam": (
        lazy_gettext("Grad-CAM"),
        lazy_gettext("The same with gradients in place of the classifier's weights, so it works at any layer."),
    ),
    "evidence": (lazy_gettext("Evidence"), lazy_gettext("The positive part of a map: what supports the class.")),
    "placement": (
        lazy_gettext("Placement"),
        lazy_gettext(
            "Where a map's cells are drawn on the photo. Plain: the cells share the input evenly. Calibrated: they lie "
            "where planted objects showed them to be."
        ),
    ),
    "crop": (
        lazy_gettext("Crop"),
        lazy_gettext("The middle part of a photo that a network gets to see, after the photo was resized."),
    ),
    "target": (lazy_gettext("Target"), lazy_gettext("The class that a map explains.")),
}

MEASURES: Final[dict[str, Term]] = {
    "localisation": (lazy_gettext("Localisation"), lazy_gettext("Whether a map lies on the object.")),
    "energy": (
        lazy_gettext("Energy in box"),
        lazy_gettext("The share of a map's evidence that lies inside the boxes that people drew around the object."),
    ),
    "pointing": (
        lazy_gettext("Pointing game"),
        lazy_gettext("Whether the strongest place of a map lies on the object."),
    ),
    "maxbox": (
        lazy_gettext("MaxBoxAcc"),
        lazy_gettext(
            "Whether a box around the map overlaps the object's by half or more, at the best threshold for all photos."
        ),
    ),
    "faithfulness": (lazy_gettext("Faithfulness"), lazy_gettext("Whether the network really needs what a map marks.")),
    "deletion": (
        lazy_gettext("Deletion, insertion"),
        lazy_gettext(
            "The probability of the class while the image is hidden, or uncovered, in the map's order. A faithful map "
            "makes it fall, or rise, early."
        ),
    ),
    "control": (
        lazy_gettext("Control"),
        lazy_gettext("A map that is made without looking at the photo. A map that scores no better has shown nothing."),
    ),
    "gaussian": (
        lazy_gettext("Centre Gaussian"),
        lazy_gettext(
            "A control: a round bump in the middle of the photo, where photographers mostly put the object. In the "
            "crop: in the middle of what the network saw."
        ),
    ),
    "interval": (
        lazy_gettext("95 % interval"),
        lazy_gettext("A range that is made so that it holds the true mean for 95 of 100 samples of photos."),
    ),
    "seed": (
        lazy_gettext("Seed"),
        lazy_gettext("The number that random choices start from: with the same seed they come out the same."),
    ),
}

TRAINING: Final[dict[str, Term]] = {
    "minival": (
        lazy_gettext("Minival"),
        lazy_gettext(
            "25,000 training images that the authors held back, to choose checkpoints by them and not by the "
            "validation set."
        ),
    ),
    "autoaugment": (
        lazy_gettext("AutoAugment"),
        lazy_gettext(
            "Random changes of training images, such as shear or contrast, by a policy that was found by a search."
        ),
    ),
    "stochastic": (
        lazy_gettext("Stochastic depth"),
        lazy_gettext("Blocks are skipped at random during training, later ones more often."),
    ),
    "transfer": (
        lazy_gettext("Transfer learning"),
        lazy_gettext("A network trained on one data set is trained further on another one."),
    ),
    "proxy": (
        lazy_gettext("Small grid search"),
        lazy_gettext("Step 1 of the paper: networks of twice B0's cost are tried for α, β and γ, with φ = 1."),
    ),
}

GROUPS: Final[dict[str, dict[str, Term]]] = {
    lazy_gettext("Networks and scaling"): NETWORKS,
    lazy_gettext("Maps"): MAPS,
    lazy_gettext("Measures"): MEASURES,
    lazy_gettext("Training"): TRAINING,
}

TERMS: Final = NETWORKS | MAPS | MEASURES | TRAINING


def line(term: Term) -> str:
    """Return a term and what it means as Markdown."""
    title, meaning = term
    return _("**{term}**: {meaning}").format(term=_(title), meaning=_(meaning))


def tip(*names: str) -> str:
    """Return the meaning of some terms as Markdown, for a widget's or a text's `help`."""
    return "\n\n".join(line(TERMS[name]) for name in names)
