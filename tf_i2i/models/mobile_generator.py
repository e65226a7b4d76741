"""The student: a small generator for phones, without normalization at inference."""

import keras
import tensorflow as tf

from tf_i2i.models.layers import BatchNormalization, chain, clipped


@keras.saving.register_keras_serializable(package="tf_i2i")
class MobileGenerator(keras.Model):
    """Large receptive field at 1/4 resolution, dense convolutions at 1/2 resolution, fine detail of
    the photo at full resolution.

    Residual blocks at a quarter of the size are depthwise-separable (Sandler et al. 2018); after
    bilinear upsampling the half-size features are added (Ronneberger et al. 2015), and dense 3x3
    convolutions draw the strokes; at full size features of the photo itself join before the last
    convolution, so that strokes end where they end in the photo.

    Every operation (convolutions, ADD, CONCATENATION, RESIZE_BILINEAR, AVERAGE_POOL_2D, TANH) has an
    int8 kernel in XNNPACK and one in GPU delegates, so the graph is one partition; most MACs are in
    dense convolutions, which gain most from int8; ReLU6 bounds tensors for int8; bilinear resizing
    leaves no checkerboard; batch normalization folds into the convolutions, so int8 stays accurate
    and an output pixel depends only on its neighbourhood: photos of any size can be tiled.

    Args:
        stem: channels at half size.
        width: channels at a quarter of the size.
        blocks: residual blocks at a quarter of the size.
        drawing: dense convolutions at half size.
        full: channels that are upsampled to full size.
        detail: channels of the photo's own path at full size; 0 leaves it out.
        residual: the network draws a change of the photo, none at first, in place of a picture.
        smoothing: with residual, it draws onto the photo smoothed over cells of this many pixels, 1, 2
            or 4: what the photo has in finer detail must be painted, or is left out.
        antialias: these cells overlap by half, so that what it draws onto moves with the photo, not
            with their grid (Zhang 2019, "Making Convolutional Networks Shift-Invariant Again").
        down: side of the depthwise kernels that reduce half size to a quarter. Those of 4 start as
            that paper's binomial filters: strokes that hang on where the grid lies are cheap to unlearn.
        folded: True builds the inference form: convolutions with bias in place of batch
            normalization.

    Shapes: float RGB in [-1, 1] [N, H, W, 3] to float32 RGB in [-1, 1] [N, H, W, 3]; H and W are
    multiples of `stride`.

    Example:
        student = MobileGenerator()
        device = student.folded()  # the same function at inference
    """

    stride = 4

    def __init__(
        self,
        stem: int = 32,
        width: int = 64,
        blocks: int = 2,
        drawing: int = 4,
        full: int = 8,
        detail: int = 8,
        residual: bool = False,
        smoothing: int = 1,
        antialias: bool = False,
        down: int = 3,
        folded: bool = False,
        **kwargs,
    ):
        # Students made while U-shaped ones were tried have this in their config.json.
        if kwargs.pop("levels", 0):
            raise ValueError("levels: U-shaped students are not supported any more")
        super().__init__(**kwargs)
        sizes = dict(stem=stem, width=width, blocks=blocks, drawing=drawing, down=down)
        inputs = dict(residual=residual, smoothing=smoothing, antialias=antialias)
        self.config = dict(**sizes, full=full, detail=detail, folded=folded, **inputs)
        self.residual = residual
        self.stem = ConvUnit(stem, 5, folded, stride=2, name="stem")
        self.down = [
            DepthwiseUnit(down, folded, stride=2, name="down_dw"),
            ConvUnit(width, 1, folded, name="down_pw"),
        ]
        self.body = [
            [
                DepthwiseUnit(3, folded, name=f"block{i}_dw1"),
                ConvUnit(width, 1, folded, name=f"block{i}_pw1"),
                DepthwiseUnit(3, folded, name=f"block{i}_dw2"),
                ConvUnit(width, 1, folded, activation=None, name=f"block{i}_pw2"),
            ]
            for i in range(blocks)
        ]
        self.to_half = ConvUnit(stem, 1, folded, activation=None, name="to_half")
        self.drawing = [ConvUnit(stem, 3, folded, name=f"drawing{i}") for i in range(drawing)]
        self.to_full = ConvUnit(full, 1, folded, name="to_full")
        self.detail = ConvUnit(detail, 3, folded, name="detail") if detail else None
        self.resize = keras.layers.UpSampling2D(2, interpolation="bilinear")
        start = "zeros" if residual else "glorot_uniform"
        self.head = keras.layers.Conv2D(3, 3, padding="same", kernel_initializer=start, name="head")
        self.out = keras.layers.Activation("linear" if residual else "tanh", dtype="float32")

    def call(self, inputs, training=False):
        half = self.stem(inputs)
        x = chain(self.down, half)
        for block in self.body:
            x = x + chain(block, x)
        x = self._upsample(self.to_half(x)) + half
        x = chain(self.drawing, x)
        x = self._upsample(self.to_full(x))
        if self.detail is not None:
            x = tf.concat([x, self.detail(inputs)], axis=-1)
        outputs = self.out(self.head(x))
        return clipped(self._smoothed(inputs) + outputs) if self.residual else outputs

    def _smoothed(self, photo):
        cell = self.config["smoothing"]
        if cell > 1:
            window, padding = (2 * cell, "SAME") if self.config["antialias"] else (cell, "VALID")
            photo = tf.nn.avg_pool2d(photo, window, cell, padding)
        while cell > 1:
            photo, cell = self.resize(photo), cell // 2
        return tf.cast(photo, tf.float32)

    def _upsample(self, x):
        # Bilinear resizing returns float32 whatever its input is.
        return tf.cast(self.resize(x), x.dtype)

    @property
    def halo(self) -> int:
        """Pixels around an output pixel that can change it, on the worse side: the overlap of tiles.

        A k x k convolution reaches k // 2 at its scale, bilinear upsampling one coarse pixel, and
        the offset of the quarter-size grid adds at most stride - 1.
        """
        full = 1 + 2  # head, stem
        # upsampling to full size, drawing, down
        half = 1 + self.config["drawing"] + self.config["down"] // 2
        quarter = 1 + 2 * self.config["blocks"]  # upsampling to half size, blocks
        return full + 2 * half + 4 * quarter + self.stride - 1

    def folded(self) -> "MobileGenerator":
        """The inference form, with batch normalization folded in: equal at training=False."""
        twin = MobileGenerator(**{**self.config, "folded": True})
        twin(tf.zeros([1, self.stride, self.stride, 3]))
        for layer, target in zip(self.layers, twin.layers, strict=True):
            if isinstance(layer, _Unit):
                target.set_weights(layer.folded_weights())
        twin.head.set_weights(self.head.get_weights())
        return twin

    def get_config(self):
        # It is what config.json says of a student: nothing that Keras 2 or 3 alone would understand.
        return dict(self.config)


class _Unit(keras.layers.Layer):
    """Convolution, batch normalization (or, folded, a bias), and ReLU6 unless activation is None."""

    def __init__(self, convolution, folded: bool, activation: str | None = "relu6", **kwargs):
        super().__init__(**kwargs)
        self.convolution, self.activation = convolution, activation
        # The synchronized form is not fused, and slower.
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        options = {"momentum": 0.98, "synchronized": several}
        self.normalise = None if folded else BatchNormalization(**options)

    def call(self, inputs, training=False):
        x = self.convolution(inputs)
        if self.normalise is not None:
            x = self.normalise(x)
        return tf.nn.relu6(x) if self.activation == "relu6" else x

    def folded_weights(self) -> list:
        """[kernel, bias] of the one convolution that equals this unit at inference."""
        kernel = self.convolution.get_weights()[0]
        gamma, beta, mean, variance = self.normalise.get_weights()
        scale = gamma / (variance + self.normalise.epsilon) ** 0.5
        # A depthwise kernel is [h, w, channels, 1], an ordinary one [h, w, in, channels].
        depthwise = isinstance(self.convolution, keras.layers.DepthwiseConv2D)
        return [kernel * (scale[:, None] if depthwise else scale), beta - mean * scale]


class ConvUnit(_Unit):
    """[N, H, W, C] to [N, H / stride, W / stride, filters]."""

    def __init__(self, filters: int, kernel_size: int, folded: bool, stride: int = 1, **kwargs):
        options = {"strides": stride, "padding": "same", "kernel_initializer": "he_normal"}
        layer = keras.layers.Conv2D(filters, kernel_size, use_bias=folded, **options)
        super().__init__(layer, folded, **kwargs)


class DepthwiseUnit(_Unit):
    """[N, H, W, C] to [N, H / stride, W / stride, C], each channel by itself."""

    def __init__(self, kernel_size: int, folded: bool, stride: int = 1, **kwargs):
        start = _binomial if kernel_size == 4 else "he_normal"
        options = {"strides": stride, "padding": "same", "depthwise_initializer": start}
        layer = keras.layers.DepthwiseConv2D(kernel_size, use_bias=folded, **options)
        super().__init__(layer, folded, **kwargs)


def _binomial(shape, dtype=None):
    """An initial value of 4 x 4 depthwise kernels."""
    row = tf.constant([1.0, 3.0, 3.0, 1.0], dtype) / 8.0
    return tf.broadcast_to((row[:, None] * row)[:, :, None, None], shape)
