"""A walk through the network from the picture to the logits that notes every layer it passes."""

from effviz.scaling.blocks import PICTURE_CHANNELS, SQUEEZE_RATIO, BlockStage
from effviz.scaling.layers import Layer, Operator, ReceptiveField, same_zeros_before

PIXEL = ReceptiveField(size=1, stride=1, start=0)


class Walk:
    """Where the walk stands: the map it has in hand, what that map sees, and the layers passed so far."""

    def __init__(self, resolution_px: int) -> None:
        self.channels = PICTURE_CHANNELS
        self.size = resolution_px
        self.stage = 1
        self.block = 0
        self.waiting = 0  # elements of a shortcut that a later addition needs
        self.symmetric = PIXEL
        self.same = PIXEL
        self.layers: list[Layer] = []

    @property
    def elements(self) -> int:
        """Elements of the map in hand."""
        return self.channels * self.size * self.size

    def conv(self, operator: Operator, kernel: int, stride: int, channels: int) -> None:
        """Pass a convolution with batch norm: a weight per tap, input channel (one if depthwise) and output channel."""
        in_channels, in_size, inputs = self.channels, self.size, self.elements
        if kernel > 1:
            self._widen_fields(kernel, stride)
        self.channels, self.size = channels, -(-in_size // stride)
        outputs = self.elements
        taps = kernel * kernel * (1 if operator is Operator.DEPTHWISE else in_channels)
        self.layers.append(
            Layer(
                self.stage,
                self.block,
                operator,
                kernel,
                stride,
                in_channels,
                channels,
                in_size,
                self.size,
                params=taps * channels + 2 * channels,
                macs=taps * outputs,
                activations=outputs,
                live=self.waiting + inputs + outputs,
                field_symmetric=self.symmetric,
                field_same=self.same,
            )
        )

    def dense(self, operator: Operator, in_channels: int, out_channels: int, waiting: int) -> None:
        """Note a layer with bias on an averaged map; waiting is what stays in memory beside it."""
        macs = in_channels * out_channels
        self.layers.append(
            Layer(
                self.stage,
                self.block,
                operator,
                1,
                1,
                in_channels,
                out_channels,
                1,
                1,
                params=macs + out_channels,
                macs=macs,
                activations=out_channels,
                live=waiting + in_channels + out_channels,
                field_symmetric=self.symmetric,
                field_same=self.same,
            )
        )

    def mbconv(self, blocks: BlockStage, stride: int, gated: bool) -> None:
        """Pass one MBConv block; it has a shortcut where its output has the shape of its input."""
        entered = self.channels
        expanded = entered * blocks.expand
        shortcut = self.elements if stride == 1 and entered == blocks.channels else 0
        if blocks.expand > 1:
            self.conv(Operator.EXPAND, 1, 1, expanded)
            self.waiting = shortcut  # only now: the first layer's input is the shortcut itself
        self.conv(Operator.DEPTHWISE, blocks.kernel, stride, expanded)
        self.waiting = shortcut
        if gated:
            self._gate(int(entered * SQUEEZE_RATIO))
        self.conv(Operator.PROJECT, 1, 1, blocks.channels)
        self.waiting = 0
        self.block += 1

    def _gate(self, squeezed: int) -> None:
        waiting = self.waiting + self.elements
        self.dense(Operator.SQUEEZE, self.channels, squeezed, waiting)
        self.dense(Operator.EXCITE, squeezed, self.channels, waiting)

    def _widen_fields(self, kernel: int, stride: int) -> None:
        self.symmetric = self.symmetric.grown(kernel, stride, kernel // 2)
        self.same = self.same.grown(kernel, stride, same_zeros_before(self.size, kernel, stride))
