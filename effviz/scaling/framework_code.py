"""Python code that builds a planned network in timm, torchvision or Keras.

The networks have the plan's layers and random weights. timm's `tf_*` pads as TensorFlow and Keras do, torchvision
pads symmetrically.
"""

from enum import StrEnum

from effviz.i18n import _
from effviz.scaling.architecture import B0_STAGES, HEAD_CHANNELS, STEM_CHANNELS, Family
from effviz.scaling.plans import Plan, plan
from effviz.scaling.published import PUBLISHED
from effviz.scaling.rule import round_filters

IN_TORCHVISION_AND_KERAS = tuple(f"b{number}" for number in range(8))


class Framework(StrEnum):
    """A library that can build EfficientNets."""

    TIMM = "timm"
    TORCHVISION = "torchvision"
    KERAS = "keras"


def framework_code(network: Plan, framework: Framework) -> str:
    """Return code that assigns the network to `model`; "" if the library lacks its blocks."""
    if framework is Framework.TIMM:
        return _timm(network)
    if network.family is Family.LITE:
        return ""
    return _torchvision(network) if framework is Framework.TORCHVISION else _keras(network)


def check_line(network: Plan) -> str:
    """Return a code comment with the parameters and MACs to expect."""
    text = _("# {params:,} parameters; {macs:,} MACs (the paper's FLOPs) for one picture of {px} x {px}")
    return text.format(params=network.params, macs=network.macs, px=network.resolution)


def script(network: Plan) -> str:
    """Return a program: the expected counts, timm's code, and the other libraries' code as comments."""
    others = "".join(
        f"\n# {framework}:\n" + "".join(f"#   {line}".rstrip() + "\n" for line in code.splitlines())
        for framework in (Framework.TORCHVISION, Framework.KERAS)
        if (code := framework_code(network, framework))
    )
    check = f"assert sum(each.numel() for each in model.parameters()) == {network.params}\n"
    return f"{check_line(network)}\n{_timm(network)}{check}{others}"


def _timm(network: Plan) -> str:
    lite = network.family is Family.LITE
    if name := _published(network):
        return f'import timm\n\nmodel = timm.create_model("tf_efficientnet_{name}", num_classes={network.classes})\n'
    generator = "_gen_efficientnet_lite" if lite else "_gen_efficientnet"
    depth, width = _shortest(network)
    return (
        f"from timm.models.efficientnet import {generator}  # timm's public functions fix depth and width\n\n"
        f"model = {generator}(\n"
        f'    "{"tf_efficientnet_lite0" if lite else "tf_efficientnet_b0"}",\n'
        f"    depth_multiplier={depth!r},\n"
        f"    channel_multiplier={width!r},\n"
        f"    num_classes={network.classes},\n"
        '    bn_eps=1e-3,\n    pad_type="same",\n)\n'
    )


def _torchvision(network: Plan) -> str:
    if (name := _published(network)) in IN_TORCHVISION_AND_KERAS:
        lines = f"from torchvision.models import efficientnet_{name}\n\n"
        return f"{lines}model = efficientnet_{name}(num_classes={network.classes})\n"
    depth, width = _shortest(network)
    sources = (STEM_CHANNELS, *(stage.channels for stage in B0_STAGES))
    stages = "".join(
        f"    ({stage.expand}, {stage.kernel}, {stage.stride}, {entering}, {stage.channels}, {stage.repeats}),\n"
        for stage, entering in zip(B0_STAGES, sources, strict=False)
    )
    return (
        "from torchvision.models.efficientnet import EfficientNet, MBConvConfig\n\n"
        f"stages = (  # of B0: expansion, kernel, stride, channels in and out, blocks\n{stages})\n"
        "model = EfficientNet(\n"
        f"    [MBConvConfig(*each, width_mult={width!r}, depth_mult={depth!r}) for each in stages],\n"
        "    dropout=0.2,\n"
        f"    num_classes={network.classes},\n"
        f"    last_channel={round_filters(HEAD_CHANNELS, width)},\n)\n"
    )


def _keras(network: Plan) -> str:
    side, classes = network.resolution, network.classes
    shape = f"weights=None, input_shape=({side}, {side}, 3), classes={classes}"
    if (name := _published(network)) in IN_TORCHVISION_AND_KERAS:
        return f"import keras\n\nmodel = keras.applications.EfficientNet{str(name).upper()}({shape})\n"
    depth, width = _shortest(network)
    return (
        "from keras.src.applications.efficientnet import EfficientNet  # the public functions fix both\n\n"
        f"model = EfficientNet(\n    depth_coefficient={depth!r},\n    width_coefficient={width!r},\n"
        f"    default_size={side},\n    weights=None,\n    classes={classes},\n)\n"
    )


def _published(network: Plan) -> str | None:
    """Return the published network with this depth and width, regardless of input size; None without one."""
    wanted = (network.family, network.depth, network.width)
    names = (name for name, row in PUBLISHED.items() if (row.family, row.depth, row.width) == wanted)
    return next(names, None)


def _shortest(network: Plan) -> tuple[float, float]:
    """Return depth and width with the fewest decimals that give the same layers; powers of phi have sixteen."""
    for decimals in range(1, 16):
        depth, width = round(network.depth, decimals), round(network.width, decimals)
        if min(depth, width) < 0.1:
            continue
        if plan(depth, width, network.resolution, network.family, network.classes).layers == network.layers:
            return depth, width
    return network.depth, network.width
