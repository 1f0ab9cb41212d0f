"""What each method does, in plain words, with its paper; and where it can be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from effviz.explain.results import Layer, Method
from effviz.words import later

PYTORCH_GRAD_CAM = "https://github.com/jacobgil/pytorch-grad-cam"


@dataclass(frozen=True, slots=True)
class MethodFact:
    """What a screen tells about a method."""

    title: str  # for `_`, as is the sentence
    sentence: str  # one plain sentence
    paper: str  # link to the paper, or to the code where there is no paper
    uses_target: bool = True  # False: the map is the same for every class
    closed_form: bool = False  # at the last layer: from the forward pass alone, in milliseconds
    slow: bool = False  # many forward passes: up to a minute on a CPU
    last_layer_only: bool = False


METHODS: Mapping[Method, MethodFact] = MappingProxyType(
    {
        Method.CAM: MethodFact(
            "CAM",
            later(
                "The classifier's own weights applied in every cell; the mean of the map plus the bias is the logit."
            ),
            "https://arxiv.org/abs/1512.04150",
            closed_form=True,
            last_layer_only=True,
        ),
        Method.GRADCAM: MethodFact(
            "Grad-CAM",
            later("Each channel is weighted by its mean gradient."),
            "https://arxiv.org/abs/1610.02391",
            closed_form=True,
        ),
        Method.HIRESCAM: MethodFact(
            "HiResCAM",
            later("Each cell of each channel is weighted by its own gradient."),
            "https://arxiv.org/abs/2011.08891",
            closed_form=True,
        ),
        Method.XGRADCAM: MethodFact(
            "XGrad-CAM",
            later("Like Grad-CAM, with gradients averaged where the channel is active."),
            "https://arxiv.org/abs/2008.02312",
            closed_form=True,
        ),
        Method.GRADCAM_PLUS_PLUS: MethodFact(
            "Grad-CAM++",
            later("Only channels in favour of the class count, and strong ones less than in Grad-CAM."),
            "https://arxiv.org/abs/1710.11063",
            closed_form=True,
        ),
        Method.LAYERCAM: MethodFact(
            "LayerCAM",
            later("Only positive gradients count, cell by cell."),
            "https://doi.org/10.1109/TIP.2021.3089943",
            closed_form=True,
        ),
        Method.ELEMENTWISE_GRADCAM: MethodFact(
            later("Element-wise Grad-CAM"),
            later("Gradient times activation, cell by cell; only positive products count."),
            PYTORCH_GRAD_CAM,
            closed_form=True,
        ),
        Method.ABLATIONCAM: MethodFact(
            "Ablation-CAM",
            later("Each channel is weighted by how much the logit drops when the channel is set to zero."),
            "https://openaccess.thecvf.com/content_WACV_2020/html/"
            "Desai_Ablation-CAM_Visual_Explanations_for_Deep_Convolutional_Network_via_Gradient-free_"
            "Localization_WACV_2020_paper.html",
            closed_form=True,
            slow=True,
        ),
        Method.EIGENCAM: MethodFact(
            "EigenCAM",
            later("The pattern that most channels share; it does not know about classes."),
            "https://arxiv.org/abs/2008.00299",
            uses_target=False,
            closed_form=True,
        ),
        Method.FINERCAM: MethodFact(
            "FinerCAM",
            later("What speaks for the class and not for the three classes with the closest logits."),
            "https://arxiv.org/abs/2501.11309",
            closed_form=True,
        ),
        Method.SCORECAM: MethodFact(
            "Score-CAM",
            later(
                "Each channel is weighted by the logit of the photo seen through that channel, whose cells lie by "
                "their centres; pytorch-grad-cam enlarges it from corner to corner."
            ),
            "https://arxiv.org/abs/1910.01279",
            slow=True,
        ),
        Method.FULLGRAD: MethodFact(
            "FullGrad",
            later("The gradients at the input and at every bias of the network, added up: it reads all layers."),
            "https://arxiv.org/abs/1905.00780",
            last_layer_only=True,
        ),
        Method.KPCACAM: MethodFact(
            "KPCA-CAM",
            later("EigenCAM with a curved (kernel) principal component; it does not know about classes."),
            "https://arxiv.org/abs/2410.00267",
            uses_target=False,
        ),
        Method.EIGENGRADCAM: MethodFact(
            "EigenGradCAM",
            later("The pattern that most channels share after they are multiplied by their gradients."),
            PYTORCH_GRAD_CAM,
        ),
        Method.SHAPLEYCAM: MethodFact(
            "ShapleyCAM",
            later("Grad-CAM with a second-order correction; at the last layer the correction is zero."),
            "https://arxiv.org/abs/2501.06261",
            closed_form=True,
        ),
        Method.SEGEIGENCAM: MethodFact(
            "Seg-Eigen-CAM",
            later("Like EigenGradCAM with the size of the gradients only, made for segmentation."),
            "https://doi.org/10.3390/app15137562",
        ),
        Method.FEM: MethodFact(
            "FEM",
            later("Channels with rare, strong activations count most; it does not know about classes."),
            "https://hal.science/hal-02963298",
            uses_target=False,
        ),
        Method.RANDOMCAM: MethodFact(
            later("Random weights (control)"),
            later("Channels with random weights: a control that any explanation has to beat."),
            PYTORCH_GRAD_CAM,
            uses_target=False,
        ),
    }
)


def supported(method: Method, layer: Layer) -> bool:
    """Tell whether a method can be computed at a layer."""
    return layer is Layer.LAST or not METHODS[method].last_layer_only


def slow(method: Method, layer: Layer) -> bool:
    """Tell whether a map takes many forward passes: screens ask before they start it."""
    fact = METHODS[method]
    return fact.slow and not (fact.closed_form and layer is Layer.LAST)
