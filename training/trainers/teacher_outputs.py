"""The teacher's outputs that a student learns from: medians of views, blended windows, augmented
copies.
"""

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.paired_images import in_shape_of
from tf_i2i.data.pixels import to_float, to_uint8, window_starts

# Of each view: rows down, columns right, mirrored, beside other photos. The shifts spread over the
# 4x4 positions of the teacher's grid.
_VIEWS = (
    (0, 0, False, False),
    (1, 2, True, True),
    (2, 3, False, False),
    (3, 1, True, True),
    (1, 2, True, False),
    (0, 0, False, True),
    (3, 1, True, False),
    (2, 3, False, True),
)
# Averaged weights and the median over views each blur a stroke's edge by a fraction of a pixel.
_SHARPENING, _SHARPENING_SIGMA = 0.6, 0.7
_FEW_PHOTOS = 400
_GAMMA, _HUE_DEGREES, _SATURATION = 1.5, 40.0, 0.4


def translate_all(
    teacher, caches: list[ImageCache], views: int, seed: int
) -> tuple[ImageCache, ImageCache]:
    """Translates each photo as a whole: (photos, translations), uint8, cut to multiples of 4.

    As a whole, because instance normalisation takes its statistics over all that it sees: a crop's
    output would differ in colour from its neighbour's.

    Args:
        views: see `median_translation`.
        seed: of the photos that stand beside each.
    """
    translate = tf.function(lambda image: teacher(image, training=False), reduce_retracing=True)
    named = [
        (name, image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4])
        for name, image in _named_pictures(caches)
    ]
    rng = np.random.default_rng(seed)
    outputs = []
    for number, (name, image) in enumerate(_progress(named)):
        others = [i for i in rng.integers(len(named), size=3 * views) if i != number] or [number]
        partners = [in_shape_of(named[i][1], image) for i in others]
        outputs.append((name, crisp(median_translation(translate, image, partners, views))))
    return ImageCache.from_images(named), ImageCache.from_images(outputs)


def translate_windows(
    teacher, caches: list[ImageCache], size: int, mirrored: bool
) -> tuple[ImageCache, ImageCache]:
    """Translates each photo in windows of the size that a teacher of pairs was trained at: (photos,
    translations), uint8.

    A U-Net does well at that size alone. Photos are at least size x size; see
    `blended_translation`.
    """
    translate = tf.function(lambda image: teacher(image, training=False))
    named = _named_pictures(caches)
    outputs = (
        (name, blended_translation(translate, image, size, mirrored))
        for name, image in _progress(named)
    )
    return ImageCache.from_images(named), ImageCache.from_images(outputs)


def blended_translation(translate, image: np.ndarray, size: int, mirrored: bool) -> np.ndarray:
    """Weighted mean of the translations of windows of uint8 [H, W, 3] that overlap by at least
    half, of the same type and shape.

    translate: float32 [-1, 1] [1, size, size, 3] to the same. mirrored: translate each window
    mirrored as well.
    """
    slope = np.minimum(np.arange(1, size + 1), np.arange(size, 0, -1)).astype(np.float64)
    weight = (slope[:, None] * slope)[..., None]
    total, weights = np.zeros(image.shape), np.zeros((*image.shape[:2], 1))
    for top in window_starts(image.shape[0], size, 0.5):
        for left in window_starts(image.shape[1], size, 0.5):
            place = slice(top, top + size), slice(left, left + size)
            for step in (1, -1) if mirrored else (1,):
                window = np.ascontiguousarray(image[place][:, ::step])
                total[place] += weight * translate(to_float(window[None]))[0].numpy()[:, ::step]
                weights[place] += weight
    return to_uint8(total / weights)


def median_translation(
    translate, image: np.ndarray, partners: list[np.ndarray], views: int
) -> np.ndarray:
    """The pixelwise median of the translations of several views of a photo, uint8 [H, W, 3] too.

    Views are shifted and mirrored: the teacher draws a stroke a pixel further to one side or the
    other, depending on its grid of 4 pixels. Every second view is in a square with three other
    photos: on its own, instance normalisation stretches a dull photo's contrast and greys a
    colourful one, while with others its statistics are those of photos in general.

    translate: float32 [-1, 1] [1, h, w, 3] to the same. partners: other photos of the same shape,
    used in turn. views: 1 to 8.
    """
    height, width = image.shape[:2]
    outputs = []
    for number, (down, right, mirrored, beside_others) in enumerate(_VIEWS[:views]):
        view, top, left = (image[:, ::-1] if mirrored else image), 0, 0
        if beside_others:
            place = number // 2 % 4
            square = [partners[(3 * number + i) % len(partners)] for i in range(3)]
            square.insert(place, view)
            rows = [np.concatenate(square[i : i + 2], axis=1) for i in (0, 2)]
            view = np.concatenate(rows)
            top, left = height * (place // 2), width * (place % 2)
        if down or right:
            view = np.pad(view, ((down, 4 - down), (right, 4 - right), (0, 0)), mode="reflect")
        output = to_uint8(translate(to_float(view[None])))[0]
        output = output[top + down : top + down + height, left + right : left + right + width]
        outputs.append(output[:, ::-1] if mirrored else output)
    return np.median(outputs, axis=0).astype(np.uint8)


def crisp(image: np.ndarray) -> np.ndarray:
    """Unsharp masking of uint8 [H, W, 3] within the range of each 3x3 neighbourhood: edges get
    steeper, without halos.
    """
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), _SHARPENING_SIGMA)
    sharpened = (image + _SHARPENING * (image - blurred)).round()
    square = np.ones((3, 3), np.uint8)
    clipped = np.clip(sharpened, cv2.erode(image, square), cv2.dilate(image, square))
    return clipped.astype(np.uint8)


def default_copies(student: str, photos: int) -> int:
    """Default number of augmented copies of each photo. The large student overfits few photos, and
    gets one of each below 400; the small one gains as well, but not enough for twice the time of
    the teacher.
    """
    return int(student == "mobile-hq" and photos < _FEW_PHOTOS)


def augmented_copies(cache: ImageCache, copies: int, seed: int) -> ImageCache:
    """`copies` augmented copies of each picture, named "picture, copy 1" and so on; the same for
    the same seed.
    """
    return ImageCache.from_images(
        (
            f"{name}, copy {number + 1}",
            augment(cache.image(i), np.random.default_rng([seed, i, number])),
        )
        for i, name in enumerate(cache.names)
        for number in range(copies)
    )


def augment(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Changes the brightness curve, hue and saturation of uint8 RGB [H, W, 3]; flips half of the
    pictures upside down and transposes half, to [W, H, 3].

    Hue moves all colours alike, so that what differs in colour still does.
    """
    upside_down, transposed = rng.random(2) < 0.5
    gamma, hue = _GAMMA ** rng.uniform(-1, 1), rng.uniform(-_HUE_DEGREES, _HUE_DEGREES)
    saturation = 1 + rng.uniform(-_SATURATION, _SATURATION)
    if upside_down:
        image = image[::-1]
    if transposed:
        image = image.transpose(1, 0, 2)
    brightness = (np.ascontiguousarray(image).astype(np.float32) / 255) ** np.float32(gamma)
    hsv = cv2.cvtColor(brightness, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + hue) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
    return (cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).round().clip(0, 255).astype(np.uint8)


def _named_pictures(caches: list[ImageCache]) -> list[tuple[str, np.ndarray]]:
    return [(name, cache.image(i)) for cache in caches for i, name in enumerate(cache.names)]


def _progress(named: list) -> tqdm:
    return tqdm(named, desc="teacher's outputs", unit="photo", delay=2)
