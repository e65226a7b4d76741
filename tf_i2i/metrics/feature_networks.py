"""Features for distances of distributions: InceptionV3's where its weights are available, else a
fixed filter bank.

Keras's ImageNet weights are not those of the FID and KID papers (a TF-Slim file of 2015): these
numbers can be compared with each other, not with published ones. Pictures are resized by an
antialiased filter (Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties in GAN
Evaluation").
"""

import functools
import socket
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of

OFFLINE, INCEPTION, AUTO = "offline", "inception", "auto"
WEIGHTS = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_SIDE, _BATCH = 299, 16
_TIMEOUT_S = 30.0

# The filter bank. Its version is part of the name that scores carry: change it with anything below.
VERSION = "offline-bank-1"
LEVELS, ORIENTATIONS = 4, 6
DIMENSIONS = 9 + LEVELS * (2 * ORIENTATIONS + ORIENTATIONS * (ORIENTATIONS - 1) // 2 + 2)
MIN_SIDE = 32
# A response of this much (of 1) is faint; logarithms start there, so that rounding noise counts for
# nothing.
_FAINT = 0.02
_WAVELENGTH, _SPREAD, _RADIUS = 4.0, 1.6, 4
# (typical value, spread) over photographs, rounded: standardised by them, no kind of feature
# outweighs the others in a distance.
_LIGHTNESS = ((0.4, 0.12), (0.2, 0.06), (0.3, 0.8))
_OPPONENT = ((0.05, 0.06), (0.07, 0.04), (0.5, 1.0))
_STRENGTH, _VARIATION, _CORRELATION, _CHROMA = (0.7, 0.2), (0.5, 0.1), (0.5, 0.15), (0.6, 0.3)


class OfflineFeatures:
    """`offline_features` of each picture; name: the filter bank's version."""

    name = VERSION

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """uint8 RGB pictures [H, W, 3] of 32 pixels per side or more, to float64 [N, 125]."""
        return np.stack([offline_features(image) for image in images])


class InceptionFeatures:
    """The 2,048 means before InceptionV3's classifier (Szegedy et al. 2016).

    Args:
        weights: an .h5 file of Keras's InceptionV3, with or without its classifier.

    Attributes:
        name: "inception-v3-" and the start of the file's sha256, so that no two sets of weights are
            confused.

    Raises:
        UserError: these are another network's weights.
    """

    def __init__(self, weights: Path):
        self._network = _inception(weights)
        self.name = f"inception-v3-{sha256_of(weights)[:8]}"

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """uint8 RGB pictures [H, W, 3], to float64 [N, 2048]."""
        features = []
        for start in range(0, len(images), _BATCH):
            pictures = map(Image.fromarray, images[start : start + _BATCH])
            batch = np.stack([p.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC) for p in pictures])
            features.append(self._network(batch.astype(np.float32) / 127.5 - 1, training=False))
        return np.concatenate(features).astype(np.float64)


def open_features(choice: str) -> OfflineFeatures | InceptionFeatures:
    """The features of --features: "offline", "inception" (Keras fetches missing weights), the path
    of a file of weights, or "auto": inception where Keras has its weights already, else offline.

    Raises:
        UserError: no such file, its weights can't be used, or Keras can't fetch them.
    """
    if choice == AUTO:
        choice = INCEPTION if _cached_weights().is_file() else OFFLINE
    if choice == OFFLINE:
        return OfflineFeatures()
    if choice == INCEPTION:
        return InceptionFeatures(_keras_weights())
    if not Path(choice).is_file():
        raise UserError(
            f"--features {one_line(choice)}: no such file; "
            "give auto, offline, inception or an .h5 file of its weights"
        )
    return InceptionFeatures(Path(choice))


def _cached_weights() -> Path:
    return Path("~/.keras/models").expanduser() / WEIGHTS


def _keras_weights() -> Path:
    """Keras's own file, which Keras fetches and checks."""
    from keras.applications import inception_v3

    path = _cached_weights()
    if not path.is_file():
        print(f"--features inception: fetching {WEIGHTS} (88 MB) with Keras into {path.parent}")
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)
    try:
        inception_v3.InceptionV3(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a plain Exception for what urllib could not fetch
        raise UserError(
            f"--features inception: Keras can't get its weights ({one_line(error)}); put {WEIGHTS} "
            f"into {path.parent}, name a file of them with --features FILE.h5, or use --features offline"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)
    return path


def _inception(path: Path):
    """The network up to its pooled features, with the weights of `path`."""
    import keras
    from keras.applications import inception_v3

    shape = (_SIDE, _SIDE, 3)
    try:
        network = inception_v3.InceptionV3(
            include_top=False, weights=None, pooling="avg", input_shape=shape
        )
        try:
            network.load_weights(path)
        except ValueError:  # other layers: the file may have those of the classifier as well
            whole = inception_v3.InceptionV3(weights=None, input_shape=shape)
            whole.load_weights(path)
            network = keras.Model(whole.input, whole.get_layer("avg_pool").output)
    except (OSError, ValueError, KeyError) as error:
        reason = one_line(str(error).splitlines()[0])
        raise UserError(
            f"--features {one_line(path)}: not weights of Keras's InceptionV3 ({reason})"
        ) from error
    return network


def offline_features(image: np.ndarray) -> np.ndarray:
    """Colours and textures of uint8 RGB [H, W, 3], 32 pixels per side at least: float64
    [DIMENSIONS]. Not resized: compare pictures of one size. ValueError: another type or shape.
    """
    if image.dtype != np.uint8 or image.shape[2:] != (3,) or min(image.shape[:2]) < MIN_SIDE:
        raise ValueError(
            f"expected uint8 [H, W, 3] of 32 pixels or more, got {image.dtype} {list(image.shape)}"
        )
    red, green, blue = (image[..., i].astype(np.float32) / 255 for i in range(3))
    channels = [(red + green + blue) / 3, red - green, (red + green) / 2 - blue]
    features = []
    for channel, kinds in zip(channels, (_LIGHTNESS, _OPPONENT, _OPPONENT), strict=True):
        mean, std = channel.mean(), channel.std()
        skewness = np.clip(np.mean(((channel - mean) / max(std, _FAINT)) ** 3), -4, 4)
        features += map(_standardise, (mean, std, skewness), kinds)
    for _ in range(LEVELS):
        features += _textures(channels[0])
        for channel in channels[1:]:
            band = channel - cv2.GaussianBlur(channel, (0, 0), 2.0)  # what this level alone has
            features.append(_standardise(np.log1p(band.std() / _FAINT), _CHROMA))
        channels = [cv2.pyrDown(channel) for channel in channels]
    return np.array(features, np.float64)


def _standardise(value, kind: tuple[float, float]):
    return (value - kind[0]) / kind[1]


def _textures(grey: np.ndarray) -> list[float]:
    strengths = np.stack(
        [np.hypot(*(cv2.filter2D(grey, cv2.CV_32F, k) for k in pair)).ravel() for pair in _bank()]
    )
    logs = np.log1p(strengths / _FAINT)
    # Below the faintest response there are no orientations that could correlate.
    centred = strengths - strengths.mean(1, keepdims=True)
    centred /= np.maximum(np.sqrt(np.mean(centred**2, 1, keepdims=True)), _FAINT / 10)
    correlation = centred @ centred.T / centred.shape[1]
    upper = correlation[np.triu_indices(ORIENTATIONS, 1)]
    parts = ((logs.mean(1), _STRENGTH), (logs.std(1), _VARIATION), (upper, _CORRELATION))
    return [value for values, kind in parts for value in _standardise(values, kind)]


@functools.cache
def _bank() -> list[tuple[np.ndarray, np.ndarray]]:
    """Even and odd Gabor filters of each orientation: no response to a flat ground, gain 1 for
    their own wave.
    """
    y, x = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1].astype(np.float64)
    window = np.exp(-(x**2 + y**2) / (2 * _SPREAD**2))
    pairs = []
    for angle in np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS:
        phase = 2 * np.pi / _WAVELENGTH * (x * np.cos(angle) + y * np.sin(angle))
        even = window * np.cos(phase)
        even -= window * (even.sum() / window.sum())
        waves = (even, np.cos(phase)), (window * np.sin(phase), np.sin(phase))
        pairs.append(tuple((f / np.sum(f * wave)).astype(np.float32) for f, wave in waves))
    return pairs
