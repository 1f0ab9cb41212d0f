"""Every word that the phi slider and the drawing of networks show: their scripts know none.

Places in braces are filled in by the browser, `**` and `*` set off what stands out.
"""

from effviz.words import _


def slider_words() -> dict[str, str]:
    """Of the slider, the drawing's among them."""
    return {
        **drawing_words(),
        "depth": _("Depth"),
        "width": _("Width"),
        "resolution": _("Resolution"),
        "blocks": _("MBConv blocks"),
        "params": _("Parameters"),
        "macs": _("MACs"),
        "map": _("Last map"),
        "caption": _(
            "Drawn to one scale: a bar is a block, its length the channels, the square the input. "
            "**Solid** is what {baseline} has, *tinted* what scaling added. The head is not drawn."
        ),
        "baseline": _("{name}, baseline"),
        "published": _("{name}, published"),
        "was": _("{baseline}: {value}"),
        "times": _("{times} of {baseline}"),
        "timesMacs": _("{times} of {baseline}; the rule alone: {rule}"),
        "nearest": _("Nearest published network by MACs: **{name}** ({macs} MACs, {px} px)"),
        "add": _("Add {name} to the comparison"),
        "value": _("phi {phi}: depth {depth}, width {width}, {px} pixels, {params} parameters, {macs} MACs"),
    }


def drawing_words() -> dict[str, str]:
    """Of the drawing alone."""
    return {
        "stem": _("stem"),
        "network": _("{name}: {px} pixel input, blocks of channels per stage {stages}."),
        "stage": _("{blocks} of {channels}"),
    }
