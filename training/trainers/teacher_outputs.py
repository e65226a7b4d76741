"""The teacher's translations that a student learns from."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.pixels import to_float, to_uint8

# Rows down, columns right, mirrored, in company. The shifts spread over the 4x4 places of the
# teacher's grid.
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


MOST_VIEWS = len(_VIEWS)


# Averaged weights and the median over views each blur a stroke's edge by a fraction of a pixel.
_CRISP_AMOUNT, _CRISP_SIGMA = 0.6, 0.7


def translate_all(
    teacher, caches: list[ImageCache], views: int, seed: int
) -> tuple[ImageCache, ImageCache]:
    """Each photo whole through the teacher: (photos, translations), both uint8 and cut to multiples
    of 4.

    Whole, because instance normalisation takes its statistics over what it sees: a crop's label
    would differ from its neighbour's in colour.
    """
    translate = tf.function(lambda image: teacher(image, training=False), reduce_retracing=True)
    named = [(name, cache.image(i)) for cache in caches for i, name in enumerate(cache.names)]
    named = [
        (name, image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4]) for name, image in named
    ]
    rng = np.random.default_rng(seed)
    labels = []
    for number, (name, image) in enumerate(
        tqdm(named, desc="teacher's labels", unit="photo", delay=2)
    ):
        others = [i for i in rng.integers(len(named), size=3 * views) if i != number] or [number]
        partners = [_resized(named[i][1], image.shape[:2]) for i in others]
        labels.append((name, crisp(median_translation(translate, image, partners, views))))
    return ImageCache.from_images(named), ImageCache.from_images(labels)


def translate_windows(
    teacher, caches: list[ImageCache], size: int, mirrored: bool
) -> tuple[ImageCache, ImageCache]:
    """Each photo through a teacher of pairs in windows of the size it was trained at: (photos,
    translations), uint8.

    A U-Net does well at that size alone. Windows overlap by half at least and are blended;
    mirrored: each goes through mirrored as well. Photos are at least size x size.
    """
    translate = tf.function(lambda image: teacher(image, training=False))
    named = [(name, cache.image(i)) for cache in caches for i, name in enumerate(cache.names)]
    labels = (
        (name, blended_translation(translate, image, size, mirrored))
        for name, image in tqdm(named, desc="teacher's labels", unit="photo", delay=2)
    )
    return ImageCache.from_images(named), ImageCache.from_images(labels)


def blended_translation(translate, image: np.ndarray, size: int, mirrored: bool) -> np.ndarray:
    """Mean of the translations of overlapping windows, each counting less towards its borders.

    translate: float32 [-1, 1] [1, size, size, 3] to the same; image: uint8 [H, W, 3]. Returns uint8
        [H, W, 3].
    """
    slope = np.minimum(np.arange(1, size + 1), np.arange(size, 0, -1)).astype(np.float64)
    weight = (slope[:, None] * slope)[..., None]
    total, weights = np.zeros(image.shape), np.zeros((*image.shape[:2], 1))
    for top in _starts(image.shape[0], size):
        for left in _starts(image.shape[1], size):
            place = slice(top, top + size), slice(left, left + size)
            for step in (1, -1) if mirrored else (1,):
                window = np.ascontiguousarray(image[place][:, ::step])
                total[place] += weight * translate(to_float(window[None]))[0].numpy()[:, ::step]
                weights[place] += weight
    return to_uint8(total / weights)


def _starts(length: int, size: int) -> list[int]:
    """Where windows begin, so that they cover the length and overlap by half."""
    count = -(-2 * (length - size) // size) + 1
    return [round(start) for start in np.linspace(0, length - size, count)]


def median_translation(
    translate, image: np.ndarray, partners: list[np.ndarray], views: int
) -> np.ndarray:
    """The pixelwise median of the translations of `views` copies of a photo.

    Copies are shifted and mirrored: the teacher draws a stroke a pixel more to one side or the
    other as its grid of 4 pixels falls. Every second copy stands in a square with three other
    photos: alone, instance normalisation stretches a dull photo's contrast and greys a colourful
        one, while in company its statistics are those of photos at large.

    Args:
        translate: float32 [-1, 1] [1, h, w, 3] to the same.
        image: uint8 [H, W, 3].
        partners: other photos of the same shape, used in turn.
        views: 1 to MOST_VIEWS.

    Returns:
        uint8 [H, W, 3].
    """
    height, width = image.shape[:2]
    outputs = []
    for number, (down, right, mirrored, company) in enumerate(_VIEWS[:views]):
        view, top, left = (image[:, ::-1] if mirrored else image), 0, 0
        if company:
            place = number // 2 % 4
            square = [partners[(3 * number + i) % len(partners)] for i in range(3)]
            square.insert(place, view)
            view = np.concatenate(
                [np.concatenate(square[:2], axis=1), np.concatenate(square[2:], axis=1)]
            )
            top, left = height * (place // 2), width * (place % 2)
        if down or right:
            view = np.pad(view, ((down, 4 - down), (right, 4 - right), (0, 0)), mode="reflect")
        output = to_uint8(translate(to_float(view[None])))[0]
        output = output[top + down : top + down + height, left + right : left + right + width]
        outputs.append(output[:, ::-1] if mirrored else output)
    return np.median(outputs, axis=0).astype(np.uint8)


def crisp(image: np.ndarray) -> np.ndarray:
    """Unsharp masking that stays within the range of each 3x3 neighbourhood: edges get steeper,
    nothing gets a halo.

    Args:
        image: uint8 [H, W, 3].

    Returns:
        uint8 [H, W, 3].
    """
    import cv2

    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), _CRISP_SIGMA)
    sharpened = image + _CRISP_AMOUNT * (image - blurred)
    square = np.ones((3, 3), np.uint8)
    return np.clip(sharpened.round(), cv2.erode(image, square), cv2.dilate(image, square)).astype(
        np.uint8
    )


def _resized(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] == shape:
        return image
    import cv2

    return cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA)


_FEW_PHOTOS = 400


_GAMMA, _HUE_DEGREES, _SATURATION = 1.5, 40.0, 0.4


def default_copies(student: str, photos: int) -> int:
    """How many changed copies of each photo a student of STUDENTS should have by default: the large
    one learns few photos by heart, and gets one of each below 400; the small one gains as well, but
    not for twice the time of the labels.
    """
    return int(student == "mobile-hq" and photos < _FEW_PHOTOS)


def augmented_copies(cache: ImageCache, copies: int, seed: int) -> ImageCache:
    """`copies` changed copies of each picture, named "picture, copy 1" and so on; the same for the
    same seed.
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
    """A picture, uint8 RGB [H, W, 3], with another brightness curve, hue and saturation; half are
    upside down, half turned.

    A turned one is [W, H, 3]. Hue moves all colours alike, so that what differs in colour still
    does.
    """
    import cv2

    upside_down, turned = rng.random(2) < 0.5
    gamma, hue = _GAMMA ** rng.uniform(-1, 1), rng.uniform(-_HUE_DEGREES, _HUE_DEGREES)
    saturation = 1 + rng.uniform(-_SATURATION, _SATURATION)
    if upside_down:
        image = image[::-1]
    if turned:
        image = image.transpose(1, 0, 2)
    brightness = (np.ascontiguousarray(image).astype(np.float32) / 255) ** np.float32(gamma)
    hsv = cv2.cvtColor(brightness, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + hue) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
    return (cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).round().clip(0, 255).astype(np.uint8)
