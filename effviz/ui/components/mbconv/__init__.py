"""The block diagram of Table 1: MBConv with squeeze-and-excitation."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from effviz.i18n import _
from effviz.scaling.plans import Layer, Operator
from effviz.ui.components import MENU_CSS, MENU_JS, DrawingSlide, component, menu_data, menu_words

# One block of Table 1 drawn as SVG, with its sizes and costs in a plan.

BOX, GAP = 44, 40  # px
GATE = 3 * (BOX + 16)  # px: height of squeeze-and-excitation


@dataclass(frozen=True, slots=True)
class Columns:
    """Horizontal layout in px: position of the shortcut, centres of the boxes and of the gate, and their widths."""

    shortcut: int
    main: int
    gate: int
    main_width: int
    gate_width: int
    width: int  # of the drawing
    text_px: int


NARROW = Columns(24, 150, 350, 190, 150, 440, 13)
WIDE = Columns(30, 195, 465, 260, 215, 590, 16)  # a slide has more width and needs larger text


def shortcut(layers: Sequence[Layer]) -> bool:
    """Return whether the block adds its input to its output: size and channels are equal (official code)."""
    first, last = layers[0], layers[-1]
    same = (first.in_size, first.in_channels) == (last.out_size, last.out_channels)
    return same and last.operator is Operator.PROJECT


def words(layers: Sequence[Layer]) -> str:
    """Return the drawing as one sentence of alternative text."""
    steps = "; ".join(", ".join(_texts(layer)) for layer in layers)
    ends = _("the input is added at the end") if shortcut(layers) else _("without a shortcut")
    text = _("Block diagram from {start} to {end}: {steps}; {ends}.")
    return text.format(start=_map(layers[0].in_size, layers[0].in_channels), end=_end(layers), steps=steps, ends=ends)


def diagram(layers: Sequence[Layer], at: Columns = NARROW) -> str:
    """Draw one block as SVG, from top to bottom; text and lines use the page's text colour for dark mode."""
    gate = {layer.operator: layer for layer in layers if layer.operator in (Operator.SQUEEZE, Operator.EXCITE)}
    main = [layer for layer in layers if layer.operator not in gate]
    drawn = [_text(at.main, 16, _map(layers[0].in_size, layers[0].in_channels))]
    top, last = 22, 22
    for layer in main:
        drawn.append(_arrow(at.main, last, at.main, top + GAP))
        drawn.append(_box(at.main, top + GAP, at.main_width, *_texts(layer)))
        last = top = top + GAP + BOX
        if layer.operator is Operator.DEPTHWISE and gate:
            drawn += _gate(gate[Operator.SQUEEZE], gate[Operator.EXCITE], top, at)
            last = top = top + GATE
    if shortcut(layers):
        drawn += _shortcut(last, at)
        last += GAP
    drawn += [_arrow(at.main, last, at.main, last + GAP - 14), _text(at.main, last + GAP, _end(layers))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(words(layers))}" '
        f'viewBox="0 0 {at.width} {last + GAP + 10}" font-size="{at.text_px}">{"".join(drawn)}</svg>'
    )


def _texts(layer: Layer) -> tuple[str, str]:
    """Return a layer's title, and its input and output channels with the cost."""
    kernel = f"{layer.kernel} × {layer.kernel}"
    stride = _(", stride {stride}").format(stride=layer.stride) if layer.stride > 1 else ""
    ratio = round(layer.out_channels / layer.in_channels)
    title = {
        Operator.CONV: _("Convolution {kernel}{stride}").format(kernel=kernel, stride=stride),
        Operator.EXPAND: _("Expand ×{ratio}: 1 × 1").format(ratio=ratio),
        Operator.DEPTHWISE: _("Depthwise {kernel}{stride}").format(kernel=kernel, stride=stride),
        Operator.SQUEEZE: _("Squeeze: 1 × 1"),
        Operator.EXCITE: _("Excite: 1 × 1, sigmoid"),
        Operator.PROJECT: _("Project: 1 × 1"),
        Operator.CLASSIFIER: _("Pool, classifier"),
    }[layer.operator]
    text = _("{channels}, {macs} MACs")
    return title, text.format(channels=f"{layer.in_channels} → {layer.out_channels}", macs=short(layer.macs))


def short(macs: int) -> str:
    """Format MACs with three digits and a prefix: `19.3 M`, `3.84 k`, `256`."""
    for divisor, prefix in ((1e6, " M"), (1e3, " k")):
        if macs >= divisor:
            return f"{macs / divisor:.3g}{prefix}"
    return str(macs)


def _map(size: int, channels: int) -> str:
    return f"{size} × {size} × {channels}"


def _end(layers: Sequence[Layer]) -> str:
    last = layers[-1]
    if last.operator is Operator.CLASSIFIER:
        return _("{count} logits").format(count=last.out_channels)
    return _map(last.out_size, last.out_channels)


def _gate(squeeze: Layer, excite: Layer, top: int, at: Columns) -> list[str]:
    """Draw squeeze-and-excitation beside the main path: average, two layers, and a factor for every channel."""
    texts = [(_("Average the map"), str(excite.out_channels)), _texts(squeeze), _texts(excite)]
    tops = [top + 16 + place * (BOX + 16) for place in range(3)]
    begin, end, left = tops[0] + BOX // 2, tops[-1] + BOX // 2, at.gate - at.gate_width // 2
    return [
        _line(at.main, top, at.main, end - 11),
        _arrow(at.main, begin, left, begin),
        *(_arrow(at.gate, above + BOX, at.gate, below) for above, below in pairwise(tops)),
        *(_box(at.gate, place, at.gate_width, *text) for place, text in zip(tops, texts, strict=True)),
        _arrow(left, end, at.main + 11, end),
        _circle(at.main, end, "×"),
        _line(at.main, end + 11, at.main, top + GATE),
    ]


def _shortcut(bottom: int, at: Columns) -> list[str]:
    """Draw the shortcut from the input around all layers to a plus sign."""
    plus = bottom + 27
    path = f"M{at.main} 26H{at.shortcut}V{plus}H{at.main - 12}"
    return [
        _arrow(at.main, bottom, at.main, plus - 11),
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.6" stroke-dasharray="4 3"/>',
        _head(at.main - 11, plus, "right"),
        _circle(at.main, plus, "+"),
        _line(at.main, plus + 11, at.main, bottom + GAP),
    ]


def _box(middle: int, top: int, width: int, title: str, detail: str) -> str:
    return (
        f'<rect x="{middle - width // 2}" y="{top}" width="{width}" height="{BOX}" rx="6" '
        'fill="currentColor" fill-opacity="0.07" stroke="currentColor" stroke-opacity="0.55"/>'
        + _text(middle, top + 18, title, bold=True)
        + _text(middle, top + 35, detail)
    )


def _text(x: int, y: int, words: str, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="middle" fill="currentColor"{weight}>{escape(words)}</text>'


def _circle(x: int, y: int, sign: str) -> str:
    ring = f'<circle cx="{x}" cy="{y}" r="11" fill="none" stroke="currentColor" stroke-opacity="0.6"/>'
    return ring + _text(x, y + 5, sign, bold=True)


def _line(x1: int, y1: int, x2: int, y2: int) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="currentColor" stroke-opacity="0.6"/>'


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    to = "down" if x1 == x2 else "right" if x2 > x1 else "left"
    return _line(x1, y1, x2, y2) + _head(x2, y2, to)


def _head(x: int, y: int, to: str) -> str:
    corners = {
        "down": f"{x - 4},{y - 7} {x + 4},{y - 7}",
        "right": f"{x - 7},{y - 4} {x - 7},{y + 4}",
        "left": f"{x + 7},{y - 4} {x + 7},{y + 4}",
    }[to]
    return f'<polygon points="{x},{y} {corners}" fill="currentColor" fill-opacity="0.7"/>'


_mbconv = component(__name__, "mbconv.js", css=MENU_CSS, js=MENU_JS)


def mbconv(layers: Sequence[Layer], name: str, slide: DrawingSlide) -> None:
    """Draw the layers of one block; `name` is the file name for saving it as a slide."""
    drawn = {"svg": diagram(layers), "wide": diagram(layers, WIDE)}
    _mbconv(key="mbconv", data=[{**drawn, **menu_data("mbconv", name, slide), "words": menu_words()}])
