"""The student: a small generator for phones, without any normalisation at inference."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tf_i2i")
class MobileGenerator(keras.Model):
    """Wide view at a quarter of the size, careful drawing at half of it, a path of fine detail at
    full size.

    5x5 convolution to half size; separable step to a quarter; residual blocks of two
    depthwise-separable convolutions (Sandler et al. 2018 for the parts); bilinear upsampling with
    the half-size features added (Ronneberger et al. 2015 for the idea); dense 3x3 convolutions,
    where the strokes are decided; at full size a few 3x3 features of the photo itself join before
    the last 3x3 convolution, so that strokes end where they end in the photo.

    Why so: every operation (convolutions, ADD, CONCATENATION, RESIZE_BILINEAR, TANH) has an int8
    kernel in XNNPACK and one on GPU delegates, so the graph is one partition; most multiplications
    are in dense convolutions, which gain most from int8; ReLU6 bounds tensors for int8; bilinear
    resizing leaves no checkerboard; batch normalisation folds into the convolutions, so no
    statistic is taken at run time, int8 holds, and a pixel of the output depends on its
    neighbourhood alone: photos of any size can be tiled.

    Args:
        stem: channels at half size.
        width: channels at a quarter of the size.
        blocks: residual blocks at a quarter of the size.
        drawing: dense convolutions at half size.
        full: channels that go up to full size.
        detail: channels of the photo's own path at full size; 0 leaves it out.
        levels: of a U below a quarter of the size (Ronneberger et al. 2015): each halves the size
            once more, at twice `width` channels, and what comes up is added to what went down. A
            wider view, and a wider halo with it.
        folded: True builds the inference form: convolutions with bias in place of batch
            normalisation.

    Shapes: float RGB in [-1, 1] [N, H, W, 3] to float32 RGB in [-1, 1] [N, H, W, 3]; H and W are
    multiples of `stride`, 4 without levels.

    Example:
        student = MobileGenerator()
        device = student.folded()  # same function at inference
    """

    def __init__(
        self,
        stem: int = 32,
        width: int = 64,
        blocks: int = 2,
        drawing: int = 4,
        full: int = 8,
        detail: int = 8,
        levels: int = 0,
        folded: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.config = {
            "stem": stem,
            "width": width,
            "blocks": blocks,
            "drawing": drawing,
            "full": full,
            "detail": detail,
            "levels": levels,
            "folded": folded,
        }
        self.stride = 4 * 2**levels
        unit = {"folded": folded}
        self.stem = ConvUnit(stem, 5, stride=2, **unit, name="stem")
        self.down = [
            DepthwiseUnit(3, stride=2, **unit, name="down_dw"),
            ConvUnit(width, 1, **unit, name="down_pw"),
        ]
        self.levels_down = [
            [
                DepthwiseUnit(3, stride=2, **unit, name=f"level{i}_down_dw"),
                ConvUnit(2 * width, 1, **unit, name=f"level{i}_down_pw"),
            ]
            for i in range(levels)
        ]
        self.levels_body = [_residual_block(f"level{i}", 2 * width, unit) for i in range(levels)]
        self.levels_up = [
            ConvUnit(2 * width if i else width, 1, activation=None, **unit, name=f"level{i}_up")
            for i in range(levels)
        ]
        self.body = [_residual_block(f"block{i}", width, unit) for i in range(blocks)]
        self.to_half = ConvUnit(stem, 1, activation=None, **unit, name="to_half")
        self.drawing = [ConvUnit(stem, 3, **unit, name=f"drawing{i}") for i in range(drawing)]
        self.to_full = ConvUnit(full, 1, **unit, name="to_full")
        self.detail = ConvUnit(detail, 3, **unit, name="detail") if detail else None
        self.resize = keras.layers.UpSampling2D(2, interpolation="bilinear")
        self.head = keras.layers.Conv2D(3, 3, padding="same", name="head")
        self.out = keras.layers.Activation("tanh", dtype="float32")

    def call(self, inputs, training=False):
        half = self.stem(inputs, training=training)
        x = half
        x = _chain(self.down, x, training)
        passed = []
        for down, body in zip(self.levels_down, self.levels_body, strict=True):
            passed.append(x)
            x = _chain(down, x, training)
            x = x + _chain(body, x, training)
        for up, before in zip(reversed(self.levels_up), reversed(passed), strict=True):
            x = self._double(up(x, training=training)) + before
        for block in self.body:
            x = x + _chain(block, x, training)
        x = self._double(self.to_half(x, training=training)) + half
        x = _chain(self.drawing, x, training)
        x = self._double(self.to_full(x, training=training))
        if self.detail is not None:
            x = tf.concat([x, self.detail(inputs, training=training)], axis=-1)
        return self.out(self.head(x))

    def _double(self, x):
        # Bilinear resizing hands out float32 whatever comes in.
        return tf.cast(self.resize(x), x.dtype)

    @property
    def halo(self) -> int:
        """Pixels around an output pixel that can change it, on the worse side: what tiles must
        overlap by.

        Counted outward through the layers: the reach of a k x k convolution is k // 2 at its scale;
        a bilinear doubling reaches one coarse pixel; the grid's own offset at the quarter scale
        adds at most stride - 1.
        """
        full = 1  # head
        half = 1 + self.config["drawing"]  # bilinear to full size, dense convolutions
        quarter = 1 + 2 * self.config["blocks"]  # bilinear to half size, blocks
        sides = [
            4 * 2**i for i in range(self.config["levels"])
        ]  # pixels of full size a cell above each level
        levels = sum(
            side * 1 + 2 * side * (1 + 2) for side in sides
        )  # 3x3 down; bilinear up, a block
        # Downs of what is above: 3x3 at half size, 5x5 at full.
        return full + 2 * half + 4 * quarter + levels + 2 * 1 + 2 + (self.stride - 1)

    def folded(self) -> MobileGenerator:
        """The inference form with batch normalisation folded in: equal to this network at
        training=False.
        """
        twin = MobileGenerator(**{**self.config, "folded": True})
        twin(tf.zeros([1, self.stride, self.stride, 3]))
        ours = {layer.name: layer for layer in self._units()}
        for layer in twin._units():
            layer.set_weights(ours[layer.name].folded_weights())
        twin.head.set_weights(self.head.get_weights())
        return twin

    def _units(self) -> list:
        units = [
            self.stem,
            *self.down,
            *(
                unit
                for units in (*self.levels_down, *self.levels_body, *self.body)
                for unit in units
            ),
            *self.levels_up,
            self.to_half,
            *self.drawing,
            self.to_full,
        ]
        return units + ([self.detail] if self.detail is not None else [])

    def get_config(self):
        return dict(self.config)


def _residual_block(name: str, width: int, unit: dict) -> list[_Unit]:
    """Two depthwise-separable 3x3 convolutions, the last one linear: what is added to their input."""
    return [
        DepthwiseUnit(3, **unit, name=f"{name}_dw1"),
        ConvUnit(width, 1, **unit, name=f"{name}_pw1"),
        DepthwiseUnit(3, **unit, name=f"{name}_dw2"),
        ConvUnit(width, 1, activation=None, **unit, name=f"{name}_pw2"),
    ]


def _chain(units: list[_Unit], x, training: bool):
    for unit in units:
        x = unit(x, training=training)
    return x


class _Unit(keras.layers.Layer):
    """A convolution, batch normalisation (or, folded, a bias), and ReLU6 unless activation is None."""

    def __init__(self, convolution, activation, folded: bool, **kwargs):
        super().__init__(**kwargs)
        self.convolution = convolution
        self.normalise = (
            None if folded else keras.layers.BatchNormalization(momentum=0.98, synchronized=True)
        )
        self.activation = activation

    def call(self, inputs, training=False):
        x = self.convolution(inputs)
        if self.normalise is not None:
            x = self.normalise(x, training=training)
        return tf.nn.relu6(x) if self.activation == "relu6" else x

    def folded_weights(self) -> list:
        """[kernel, bias] of the one convolution that does what this unit does at inference."""
        kernel = self.convolution.get_weights()[0]
        gamma, beta, mean, variance = self.normalise.get_weights()
        scale = gamma / (variance + self.normalise.epsilon) ** 0.5
        # A depthwise kernel is [h, w, channels, 1], an ordinary one [h, w, in, channels].
        depthwise = isinstance(self.convolution, keras.layers.DepthwiseConv2D)
        return [kernel * (scale[:, None] if depthwise else scale), beta - mean * scale]


class ConvUnit(_Unit):
    """[N, H, W, C] to [N, H / stride, W / stride, filters]."""

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int = 1,
        activation="relu6",
        folded=False,
        **kwargs,
    ):
        convolution = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides=stride,
            padding="same",
            use_bias=folded,
            kernel_initializer="he_normal",
        )
        super().__init__(convolution, activation, folded, **kwargs)


class DepthwiseUnit(_Unit):
    """[N, H, W, C] to [N, H / stride, W / stride, C], each channel by itself."""

    def __init__(
        self, kernel_size: int, stride: int = 1, activation="relu6", folded=False, **kwargs
    ):
        convolution = keras.layers.DepthwiseConv2D(
            kernel_size,
            strides=stride,
            padding="same",
            use_bias=folded,
            depthwise_initializer="he_normal",
        )
        super().__init__(convolution, activation, folded, **kwargs)
