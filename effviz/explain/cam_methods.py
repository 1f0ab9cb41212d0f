"""What each CAM method does, in one plain sentence with its paper, and at which layers it is available."""

from collections.abc import Mapping
from dataclasses import dataclass

from effviz.explain.data_types import Method, TargetLayer
from effviz.i18n import lazy_gettext

PYTORCH_GRAD_CAM = "https://github.com/jacobgil/pytorch-grad-cam"


@dataclass(frozen=True, slots=True)
class MethodFact:
    """What the screens show about a method."""

    title: str  # marked for translation, as is the sentence
    sentence: str  # one plain sentence
    paper: str  # link to the paper, or to the code if there is no paper
    uses_target: bool = True  # False: the map is the same for every class
    closed_form: bool = False  # at the last layer: from the forward pass alone, in milliseconds
    slow: bool = False  # many forward passes: up to a minute on a CPU
    last_layer_only: bool = False
    formula: str = ""  # in TeX; A is the layer's output, w the class's row of the classifier, b its bias

    @property
    def reading(self) -> str:
        """How to read the map, for first-time readers; marked for translation."""
        if self.uses_target:
            return lazy_gettext("Bright areas support the class.")
        return lazy_gettext("Bright areas are what the method highlights, regardless of class.")


CAM_METHODS: Mapping[Method, MethodFact] = {
    Method.CAM: MethodFact(
        "CAM",
        lazy_gettext(
            "The classifier's own weights are applied to every cell; the mean of the map plus the bias is the logit."
        ),
        "https://arxiv.org/abs/1512.04150",
        closed_form=True,
        last_layer_only=True,
        formula=r"M(i,j) = \sum_k w_k \, A_k(i,j), \qquad \tfrac{1}{n} \sum_{i,j} M(i,j) + b = \text{logit}",
    ),
    Method.GRADCAM: MethodFact(
        "Grad-CAM",
        lazy_gettext("Each channel is weighted by its mean gradient."),
        "https://arxiv.org/abs/1610.02391",
        closed_form=True,
    ),
    Method.HIRESCAM: MethodFact(
        "HiResCAM",
        lazy_gettext("Each cell of each channel is weighted by its own gradient."),
        "https://arxiv.org/abs/2011.08891",
        closed_form=True,
    ),
    Method.XGRADCAM: MethodFact(
        "XGrad-CAM",
        lazy_gettext("Like Grad-CAM, with gradients averaged where the channel is active."),
        "https://arxiv.org/abs/2008.02312",
        closed_form=True,
    ),
    Method.GRADCAM_PLUS_PLUS: MethodFact(
        "Grad-CAM++",
        lazy_gettext("Only channels that support the class count, and strong ones count less than in Grad-CAM."),
        "https://arxiv.org/abs/1710.11063",
        closed_form=True,
    ),
    Method.LAYERCAM: MethodFact(
        "LayerCAM",
        lazy_gettext("Only positive gradients count, cell by cell."),
        "https://doi.org/10.1109/TIP.2021.3089943",
        closed_form=True,
    ),
    Method.ELEMENTWISE_GRADCAM: MethodFact(
        lazy_gettext("Element-wise Grad-CAM"),
        lazy_gettext("Gradient times activation, cell by cell; only positive products count."),
        PYTORCH_GRAD_CAM,
        closed_form=True,
    ),
    Method.ABLATIONCAM: MethodFact(
        "Ablation-CAM",
        lazy_gettext("Each channel is weighted by how much the logit drops when the channel is set to zero."),
        "https://openaccess.thecvf.com/content_WACV_2020/html/"
        "Desai_Ablation-CAM_Visual_Explanations_for_Deep_Convolutional_Network_via_Gradient-free_"
        "Localization_WACV_2020_paper.html",
        closed_form=True,
        slow=True,
    ),
    Method.EIGENCAM: MethodFact(
        "EigenCAM",
        lazy_gettext("The pattern that most channels share; the map is the same for every class."),
        "https://arxiv.org/abs/2008.00299",
        uses_target=False,
        closed_form=True,
    ),
    Method.FINERCAM: MethodFact(
        "FinerCAM",
        lazy_gettext("What supports the class but not the three classes with the closest logits."),
        "https://arxiv.org/abs/2501.11309",
        closed_form=True,
    ),
    Method.SCORECAM: MethodFact(
        "Score-CAM",
        lazy_gettext(
            "Each channel is weighted by the logit of the photo masked by that channel; masks are enlarged with "
            "cell centres aligned, where pytorch-grad-cam aligns the corners."
        ),
        "https://arxiv.org/abs/1910.01279",
        slow=True,
    ),
    Method.FULLGRAD: MethodFact(
        "FullGrad",
        lazy_gettext("The sum of the gradients at the input and at every bias of the network: all layers contribute."),
        "https://arxiv.org/abs/1905.00780",
        last_layer_only=True,
    ),
    Method.KPCACAM: MethodFact(
        "KPCA-CAM",
        lazy_gettext("EigenCAM with a nonlinear (kernel) principal component; the map is the same for every class."),
        "https://arxiv.org/abs/2410.00267",
        uses_target=False,
    ),
    Method.EIGENGRADCAM: MethodFact(
        "EigenGradCAM",
        lazy_gettext("The pattern that most channels share after they are multiplied by their gradients."),
        PYTORCH_GRAD_CAM,
    ),
    Method.SHAPLEYCAM: MethodFact(
        "ShapleyCAM",
        lazy_gettext("Grad-CAM with a second-order correction; at the last layer the correction is zero."),
        "https://arxiv.org/abs/2501.06261",
        closed_form=True,
    ),
    Method.SEGEIGENCAM: MethodFact(
        "Seg-Eigen-CAM",
        lazy_gettext("Like EigenGradCAM, but with the absolute values of the gradients; designed for segmentation."),
        "https://doi.org/10.3390/app15137562",
    ),
    Method.FEM: MethodFact(
        "FEM",
        lazy_gettext("Channels with rare, strong activations count most; the map is the same for every class."),
        "https://hal.science/hal-02963298",
        uses_target=False,
    ),
    Method.RANDOMCAM: MethodFact(
        lazy_gettext("Random weights (control)"),
        lazy_gettext("Channels are weighted at random: a control that any explanation has to beat."),
        PYTORCH_GRAD_CAM,
        uses_target=False,
    ),
}


def supported(method: Method, layer: TargetLayer) -> bool:
    """Return whether a method can be computed at a layer."""
    return layer is TargetLayer.LAST or not CAM_METHODS[method].last_layer_only


def slow(method: Method, layer: TargetLayer) -> bool:
    """Return whether a map takes many forward passes, so that screens ask before they start it."""
    fact = CAM_METHODS[method]
    return fact.slow and not (fact.closed_form and layer is TargetLayer.LAST)
