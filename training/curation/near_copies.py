"""Whether pictures are copies: at another size, compressed again, with some of the edge cut off, or
another crop of the same picture.

A hash proposes copies of a whole picture to a correlation of one small picture with the other.
Crops share no hash: local features propose which pictures may be one, say how one lies on the
other, and what both show is compared. Features of EfficientNet-Lite0 instead (strides 8 and 16)
take three times as long, know one scale only, and fit different paintings in up to 39 and 99 places.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from tf_i2i.data.screening import HASH_BITS

# A copy that lost 5 % at two or at four sides: up to 34 bits of 128 on 158 photographs.
_CANDIDATE_BITS = 36
# Correlation there: 0.944 and more for copies, up to 0.917 for two sunsets.
_MIN_SIMILARITY = 0.94
_SIDE = 128
_MIN_PART, _PART_STEP = 0.88, 0.01
# Standard deviation (levels) of a flat tone, which correlates with anything.
_FLAT = 2.0

_KEYPOINT_SIDE, _MAX_KEYPOINTS, _MIN_CONTRAST = 256, 300, 0.02
# The strongest keypoints of each picture are looked up among those of all pictures; of these
# neighbours, crops have 12 and more in common.
_LOOKED_UP, _NEIGHBOURS, _MIN_VOTES, _MAX_CANDIDATES = 150, 4, 10, 10
# Lowe's ratio; distance of an inlier in pixels of `small_grey`.
_RATIO, _INLIER = 0.8, 1.0
# Two portraits in one pose, or two paintings of one place, agree in up to 10 keypoints; crops of one
# painting in 12 and more, which are 0.62 and more of the matches: a picture is a plane, as one scene
# photographed from two places is not (0.53).
_MIN_INLIERS, _MIN_INLIER_SHARE = 11, 0.57
# Median distance of the inliers' descriptors: reproductions of one painting have 108 to 200, nearly
# all photographs and drawings made of them 204 and more (`tf_i2i.data.cartoon_styles`).
_MAX_DISTANCE = 204
# What two crops share, of the smaller one: neighbouring parts of a frieze have up to 0.25.
_MIN_SHARED = 1 / 3
# A watermark in common does not make pictures copies. Reproductions of one painting have 0.73 and
# more, as their tones differ.
_MIN_SHARED_SIMILARITY = 0.5
_SEED = 1


class Keypoints(NamedTuple):
    """Local features, the strongest first: SIFT (Lowe 2004, "Distinctive Image Features from
    Scale-Invariant Keypoints")."""

    places: np.ndarray  # float32 [N, 2], x and y in pixels of `small_grey`
    descriptors: np.ndarray  # uint8 [N, 128]


class View(NamedTuple):
    """What is compared of a picture."""

    hash: int  # `difference_hash`
    pixels: int  # at full size: of copies the largest stays
    small: np.ndarray  # uint8 [h, w], `small_grey`
    bytes: int = 0  # of its file: of copies of one size the least compressed stays
    keypoints: Keypoints | None = None  # None: other crops are not recognised


def small_grey(image: np.ndarray, side: int = _SIDE) -> np.ndarray:
    """uint8 [H, W, 3] RGB to uint8 [h, w] grey, the longer side 128 pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def find_keypoints(image: np.ndarray) -> Keypoints:
    """Up to 300 of uint8 [H, W, 3] RGB."""
    grey = small_grey(image, _KEYPOINT_SIDE)
    sift = cv2.SIFT_create(_MAX_KEYPOINTS, contrastThreshold=_MIN_CONTRAST)
    points, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None:
        return Keypoints(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    order = np.argsort([-point.response for point in points], kind="stable")[:_MAX_KEYPOINTS]
    places = np.array([points[i].pt for i in order], np.float32) * (_SIDE / _KEYPOINT_SIDE)
    return Keypoints(places, descriptors[order].astype(np.uint8))


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Largest correlation (-1 to 1) of two `small_grey` pictures, each taken for the other after a
    cut of up to 12 % of its width and height. 0 where one is a flat tone.
    """
    if min(a.std(), b.std()) < _FLAT:
        return 0.0
    a, b = a.astype(np.float32), b.astype(np.float32)
    return max(_best_fit(a, b), _best_fit(b, a))


def _best_fit(whole: np.ndarray, part: np.ndarray) -> float:
    """Correlation of `part`, what a cut left of `whole`, with the place that it fits best."""
    height, width = whole.shape
    # The share of the height follows from that of the width, as nothing is stretched.
    aspect = (width / height) / (part.shape[1] / part.shape[0])
    best = -1.0
    for across in np.arange(1.0, _MIN_PART - 1e-6, -_PART_STEP):
        down = across * aspect
        if not _MIN_PART <= down <= 1 + 2 * _PART_STEP:
            continue
        size = (max(4, round(across * width)), max(4, min(height, round(down * height))))
        resized = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        score = float(cv2.matchTemplate(whole, resized, cv2.TM_CCOEFF_NORMED).max())
        best = max(best, score) if np.isfinite(score) else best
    return best


def crop_similarity(a: View, b: View) -> float:
    """Correlation (0 to 1) of what two crops of one picture share; 0 where they are not crops of
    one, or share less than a third of the smaller one.
    """
    if min(len(a.keypoints.places), len(b.keypoints.places)) < 2:
        return 0.0
    described = [view.keypoints.descriptors.astype(np.float32) for view in (a, b)]
    pairs = cv2.BFMatcher().knnMatch(*described, k=2)
    close = [best for best, second in pairs if best.distance < _RATIO * second.distance]
    if len(close) < _MIN_INLIERS:
        return 0.0
    source = a.keypoints.places[[match.queryIdx for match in close]]
    target = b.keypoints.places[[match.trainIdx for match in close]]
    # Scaled, moved and turned: a reproduction is hardly ever stretched.
    place, inliers = cv2.estimateAffinePartial2D(
        source, target, ransacReprojThreshold=_INLIER, maxIters=500
    )
    if place is None:
        return 0.0
    inliers = inliers[:, 0] > 0
    num_inliers = _num_places(target[inliers])
    distance = np.median(np.array([match.distance for match in close])[inliers])
    if num_inliers < _MIN_INLIERS or distance > _MAX_DISTANCE:
        return 0.0
    moved = cv2.warpAffine(a.small, place, b.small.shape[::-1])
    shared = cv2.warpAffine(np.full_like(a.small, 255), place, b.small.shape[::-1]) > 250
    share_of_a = shared.sum() / (np.linalg.det(place[:, :2]) * a.small.size)
    column, row = np.minimum(target.astype(int), np.subtract(shared.shape[::-1], 1)).T
    if num_inliers < _MIN_INLIER_SHARE * _num_places(target[shared[row, column]]):
        return 0.0
    if max(share_of_a, shared.mean()) < _MIN_SHARED:
        return 0.0
    parts = [picture[shared].astype(np.float32) for picture in (moved, b.small)]
    if min(part.std() for part in parts) < _FLAT:
        return 0.0
    return max(0.0, float(np.corrcoef(*parts)[0, 1]))


def _num_places(points: np.ndarray) -> int:
    """Several keypoints may have one place."""
    return len(np.unique(np.round(points / 2), axis=0))


def _crop_candidates(views: Sequence[View]) -> list[list[int]]:
    """For each picture, the places of those that may be crops of it, the likeliest first."""
    keypoints = [view.keypoints for view in views]
    described = [k.descriptors[:_LOOKED_UP].astype(np.float32) if k else [] for k in keypoints]
    owners = np.repeat(np.arange(len(views)), [len(of_one) for of_one in described])
    if len(owners) <= _NEIGHBOURS:
        return [[] for _ in views]
    everything = np.concatenate([of_one for of_one in described if len(of_one)])
    # The index draws random trees.
    cv2.setRNGSeed(_SEED)
    index = cv2.flann_Index(everything, {"algorithm": 1, "trees": 4})
    nearest, _ = index.knnSearch(everything, _NEIGHBOURS + 1, params={"checks": 48})
    votes = [Counter() for _ in views]
    for one, others in zip(owners, owners[nearest], strict=True):
        for other in {*others.tolist()} - {one}:
            votes[one][other] += 1
            votes[other][one] += 1
    ranked = (of_one.most_common(_MAX_CANDIDATES) for of_one in votes)
    return [[other for other, count in of_one if count >= _MIN_VOTES] for of_one in ranked]


def near_copies(pictures: Mapping[str, View]) -> dict[str, tuple[str, float]]:
    """Which pictures to leave out so that no two of the others are copies: name -> (name of the one
    that stays for it, their similarity). Of copies the one with the most pixels stays, among equals
    that with the most bytes, then the one whose name sorts first.
    """
    order = sorted(pictures, key=lambda name: (-pictures[name].pixels, -pictures[name].bytes, name))
    views = [pictures[name] for name in order]
    hashes = b"".join(view.hash.to_bytes(HASH_BITS // 8, "big") for view in views)
    # Bits as -1 and 1: their dot product is the number of equal bits less that of different ones.
    bits = np.unpackbits(np.frombuffer(hashes, np.uint8)).reshape(-1, HASH_BITS)
    signs = bits.astype(np.float32) * 2 - 1
    crops = _crop_candidates(views)
    stays = np.zeros(len(order), bool)
    copies = {}
    for number, view in enumerate(tqdm(views, "comparing", unit="picture", delay=1)):
        distances = (HASH_BITS - signs[:number] @ signs[number]) / 2
        near = np.flatnonzero(stays[:number] & (distances <= _CANDIDATE_BITS))
        near = near[np.argsort(distances[near], kind="stable")]
        scores = itertools.chain(
            (
                (other, similarity(views[other].small, view.small), _MIN_SIMILARITY)
                for other in near
            ),
            (
                (other, crop_similarity(views[other], view), _MIN_SHARED_SIMILARITY)
                for other in crops[number]
                if other < number and stays[other]
            ),
        )
        copy = next(((other, score) for other, score, limit in scores if score >= limit), None)
        if copy is None:
            stays[number] = True
        else:
            copies[order[number]] = (order[copy[0]], round(copy[1], 3))
    return copies
