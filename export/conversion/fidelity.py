"""How near an exported file is to its float32 Keras network, on pictures neither was fitted to."""

from dataclasses import dataclass

import numpy as np

from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.pixels import centre_square, resize_square, spread, to_float, to_uint8
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.metrics.image_metrics import psnr, ssim

# JSON has no infinity; files that agree to the last bit get this.
MAX_PSNR_DB = 200.0


@dataclass(frozen=True)
class Agreement:
    """PSNR in dB over all images, on values in [-1, 1]; SSIM on uint8, mean over images."""

    psnr_db: float
    ssim: float


def random_crops(cache: ImageCache, size: int, count: int, seed: int) -> np.ndarray:
    """uint8 [count, size, size, 3]: random squares, one from each picture in turn; of a smaller
    picture the largest square, resized. The same seed and pictures give the same crops.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(cache))
    crops = []
    for number in range(count):
        image = cache.image(int(order[number % len(cache)]))
        side = min(size, *image.shape[:2])
        top, left = (int(random.integers(0, room - side + 1)) for room in image.shape[:2])
        crops.append(resize_square(image[top : top + side, left : left + side], size))
    return np.stack(crops)


def centre_crops(cache: ImageCache, size: int, count: int) -> np.ndarray:
    """uint8 [n, size, size, 3]: central squares, resized, of up to `count` spread pictures."""
    chosen = [cache.image(i) for i in spread(len(cache), count)]
    return np.stack([resize_square(centre_square(image), size) for image in chosen])


def reference_outputs(network, images: np.ndarray) -> np.ndarray:
    """The Keras network's float32 in [-1, 1] for uint8 [N, H, W, 3], image by image as the file."""
    outputs = [np.asarray(network(to_float(image)[None], training=False)) for image in images]
    return np.concatenate(outputs)


def agreement(model: LiteModel, images: np.ndarray, reference: np.ndarray) -> Agreement:
    """The file's outputs for uint8 [N, size, size, 3] against `reference`, float32 in [-1, 1].

    A uint8 output counts as the user sees it, its scale and zero point too; NaN or infinity: 0 dB.
    """
    outputs = np.stack([model.run_float(image) for image in images])
    if not np.isfinite(outputs).all():
        return Agreement(0.0, 0.0)
    pairs = zip(to_uint8(outputs), to_uint8(reference), strict=True)
    similarity = float(np.mean([ssim(ours, wanted) for ours, wanted in pairs]))
    return Agreement(min(MAX_PSNR_DB, psnr(outputs, reference, peak=2)), similarity)
