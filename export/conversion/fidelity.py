"""How near an exported file is to its float32 Keras network, on pictures neither was fitted to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.pixels import to_float, to_uint8
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.metrics.image_metrics import ssim

# JSON has no infinity; files that agree to the last bit get this.
_HIGHEST_PSNR_DB = 200.0


@dataclass(frozen=True)
class Agreement:
    """PSNR in dB over all pixels of all images, on values in [-1, 1]; SSIM as people see it, on
    uint8, mean over images.
    """

    psnr_db: float
    ssim: float


def random_crops(cache: ImageCache, size: int, count: int, seed: int) -> np.ndarray:
    """uint8 [count, size, size, 3]: square crops at random places, one a picture in turn.

    Pictures with a side under `size` give their largest squares, resized. The same seed and
    pictures give the same crops.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(cache))
    crops = []
    for number in range(count):
        image = cache.image(int(order[number % len(cache)]))
        side = min(size, *image.shape[:2])
        top, left = (int(random.integers(0, room - side + 1)) for room in image.shape[:2])
        crops.append(_resized(image[top : top + side, left : left + side], size))
    return np.stack(crops)


def centre_crops(cache: ImageCache, size: int, count: int) -> np.ndarray:
    """uint8 [n, size, size, 3]: the largest central squares, resized, of up to `count` pictures
    spread over the cache.
    """
    chosen = np.linspace(0, len(cache) - 1, min(count, len(cache))).round().astype(int)
    crops = []
    for index in chosen:
        image = cache.image(int(index))
        side = min(image.shape[:2])
        top, left = ((room - side) // 2 for room in image.shape[:2])
        crops.append(_resized(image[top : top + side, left : left + side], size))
    return np.stack(crops)


def reference_outputs(network, images: np.ndarray) -> np.ndarray:
    """What the Keras network makes of uint8 [N, H, W, 3]: float32 in [-1, 1], image by image as the
    file will.
    """
    return np.concatenate(
        [np.asarray(network(to_float(image)[None], training=False)) for image in images]
    )


def agreement(model: LiteModel, images: np.ndarray, reference: np.ndarray) -> Agreement:
    """Runs the file on `images` (uint8 [N, size, size, 3]) and compares with `reference` (float32
    in [-1, 1]).

    A uint8 output is taken as the image that a user sees, so a scale or zero point that is slightly
    off counts. A result with NaN or infinity counts as 0 dB.
    """
    outputs = np.stack([model.run_float(image) for image in images])
    if not np.isfinite(outputs).all():
        return Agreement(0.0, 0.0)
    pairs = zip(to_uint8(outputs), to_uint8(reference), strict=True)
    return Agreement(
        psnr(outputs, reference), float(np.mean([ssim(ours, wanted) for ours, wanted in pairs]))
    )


def psnr(a: np.ndarray, b: np.ndarray, peak: float = 2.0) -> float:
    """Peak signal-to-noise ratio in dB over all elements; `peak` is the width of the value range (2
    for [-1, 1]).
    """
    error = float(np.mean(np.square(np.asarray(a, np.float64) - np.asarray(b, np.float64))))
    return (
        min(_HIGHEST_PSNR_DB, 10 * math.log10(peak**2 / error)) if error > 0 else _HIGHEST_PSNR_DB
    )


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    if image.shape[:2] == (size, size):
        return image
    from PIL import Image

    return np.asarray(
        Image.fromarray(np.ascontiguousarray(image)).resize((size, size), Image.Resampling.LANCZOS)
    )
