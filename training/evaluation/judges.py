"""Networks that judge translations, none of which is part of the run: of features, of faces, of
masks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import numpy as np
from tqdm import tqdm

from tf_i2i.errors import UserError, one_line
from tf_i2i.metrics import fid_kid as distances
from tf_i2i.metrics import image_metrics as metrics
from tf_i2i.metrics.identity_metrics import verify
from tf_i2i.metrics.mask_metrics import class_changes, mean_iou
from tf_i2i.pretrained.segmentation_networks import Segment, open_segmenter
from training.evaluation.robustness import distribution_scores
from training.evaluation.scoring import Pictures

LEAST_SIDE_OF_FEATURES = 32


class FaceJudge:
    """Embeddings of the faces of pictures.

    Args:
        network: a tf_i2i.pretrained.face_networks.FaceNetwork.
        detect: look for the faces; otherwise they are where the network's crop says.
        trained_on: whether the run was trained to please this very network.
    """

    def __init__(self, network, detect: bool, trained_on: bool):
        self.name, self.threshold, self.detect, self.trained_on = (
            network.name,
            network.threshold,
            detect,
            trained_on,
        )
        self._network = network

    def boxes(self, photos: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        """The face of each photo, left, top, width, height; None where none is found."""
        from tf_i2i.data.faces import detected

        if not self.detect:
            return [self._network.crop.fixed(*photo.shape[:2]) for photo in photos]
        return [detected(photo) for photo in tqdm(photos, "finding faces", unit="image", delay=2)]

    def embed(
        self, pictures: Sequence[np.ndarray], boxes: Sequence[np.ndarray], what: str
    ) -> np.ndarray:
        """uint8 [H, W, 3] of any sizes, a box each, to float [N, D]."""
        from tf_i2i.data.pixels import to_float

        pairs = tqdm(
            list(zip(pictures, boxes, strict=True)), f"faces of {what}", unit="image", delay=2
        )
        return np.concatenate(
            [np.asarray(self._network.embed_boxes(to_float(p[None]), b[None])) for p, b in pairs]
        )


@dataclasses.dataclass(frozen=True)
class Judges:
    """Those that there are. features: of KID and FID, with a name; face; segment: a picture's label
    map, with its name;
    absent: why a network that the run was trained with is not among them."""

    features: Callable
    face: FaceJudge | None = None
    segment: Segment | None = None
    segmenter: str | None = None
    absent: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """What the numbers were made with, a sentence each."""
        found = [f"features of KID and FID: {self.features.name}"]
        if self.face:
            own = "; the run was trained with it, so it is a lenient judge: name another with --judge-model"
            found.append(f"faces: {self.face.name}{own if self.face.trained_on else ''}")
            if self.face.threshold is None:
                found.append(
                    f"no accuracy of identities: nobody measured a threshold for {self.face.name}"
                )
        else:
            found.append("no identities were compared: name a face network with --judge-model")
        if self.segment:
            found.append(f"masks: {self.segmenter}")
        else:
            found.append("no masks were compared: name a network with --segmentation-model")
        return found + list(self.absent)


def open_judges(options, trained: dict) -> Judges:
    """The judges that an evaluation asks for.

    Args:
        options: has features, judge_model, face_crop, segmentation_model; None: as the run was
            trained.
        trained: the run's options, as config.json has them.

    Raises:
        UserError: one can't be had.
    """
    from tf_i2i.metrics.feature_networks import open_features

    absent: list[str] = []
    face = _opened(
        options.judge_model,
        "face_model",
        trained,
        absent,
        lambda src, own: _face_judge(src, own, options, trained),
    )
    segmenter = options.segmentation_model or trained.get("segmentation_model")
    segment = _opened(
        options.segmentation_model,
        "segmentation_model",
        trained,
        absent,
        lambda src, own: open_segmenter(src),
    )
    return Judges(open_features(options.features), face, segment, segmenter, tuple(absent))


def _opened(named: str | None, name: str, trained: dict, absent: list[str], open_one: Callable):
    """The network that the user named, or the run's own one; None where there is none. Where the
    run's own can't be had on this machine, the rest can still be scored, and `absent` says why."""
    own = trained.get(name)
    if named:
        return open_one(named, named == own)
    try:
        return open_one(own, True) if own else None
    except UserError as error:
        absent.append(f"the network that the run was trained with is not here: {one_line(error)}")
        return None


class PhotoSide:
    """What the judges see in the photos: computed once, for all models.

    Args:
        pictures: the photos. styles: real pictures of the domain that they are translated to; may
            be empty.
    """

    def __init__(self, pictures: Pictures, styles: Sequence[np.ndarray], judges: Judges):
        self.pictures, self._judges = pictures, judges
        self._style_features = self._features(styles)
        self._masks = self._segmented(pictures.photos, "photos") if judges.segment else None
        if judges.face:
            boxes = judges.face.boxes(pictures.photos)
            self._faces = [place for place, box in enumerate(boxes) if box is not None]
            self._boxes = [boxes[place] for place in self._faces]
            if self._faces:
                self._embeddings = judges.face.embed(
                    self._of_faces(pictures.photos), self._boxes, "photos"
                )

    def judged(
        self, outputs: Sequence[np.ndarray], name: str
    ) -> tuple[dict, list[dict[str, float]]]:
        """Scores of the translations by one model: all together, and picture by picture.

        Together: kid, kid_error, fid; identity_distance, impostor_distance, identity_accuracy,
        identity_same, identity_auc, faces, impostor_pairs; mask_iou and classes. Picture by
        picture: identity_distance, mask_iou; each where there is a judge.
        """
        rows: list[dict[str, float]] = [{} for _ in outputs]
        scores = self.distribution(outputs)
        if self._judges.face and self._faces:
            scores |= self._identity(outputs, rows, name)
        if self._masks:
            masks = self._segmented(outputs, name)
            for row, before, after in zip(rows, self._masks, masks, strict=True):
                row["mask_iou"] = mean_iou(after, before)
            scores["mask_iou"] = float(np.mean([row["mask_iou"] for row in rows]))
            scores["classes"] = class_changes(self._masks, masks)
        return {
            key: round(value, 5) if isinstance(value, float) else value
            for key, value in scores.items()
        }, rows

    def distribution(self, outputs: Sequence[np.ndarray]) -> dict[str, float]:
        """kid, kid_error and fid of outputs and real pictures; nothing where there are too few or
        too small ones.
        """
        features = self._features(outputs)
        if features is None or self._style_features is None:
            return {}
        found = distribution_scores(features, self._style_features)
        return {name: value for name, value in found.items() if value is not None}

    def _features(self, pictures: Sequence[np.ndarray]) -> np.ndarray | None:
        small = any(min(picture.shape[:2]) < LEAST_SIDE_OF_FEATURES for picture in pictures)
        if len(pictures) < distances.MIN_PICTURES or small:
            return None
        return self._judges.features(pictures)

    def _segmented(self, pictures: Sequence[np.ndarray], what: str) -> list[np.ndarray]:
        return [
            self._judges.segment(one)
            for one in tqdm(pictures, f"masks of {what}", unit="image", delay=2)
        ]

    def _identity(self, outputs, rows, name: str) -> dict:
        translated = self._judges.face.embed(self._of_faces(outputs), self._boxes, name)
        for place, photo, output in zip(self._faces, self._embeddings, translated, strict=True):
            rows[place]["identity_distance"] = float(np.linalg.norm(photo - output))
        people = [person_of(self.pictures.names[place]) for place in self._faces]
        found = verify(self._embeddings, translated, people, self._judges.face.threshold)
        named = {
            "identity_distance": found.distance,
            "impostor_distance": found.impostor_distance,
            "identity_accuracy": found.accuracy,
            "identity_same": found.same,
            "identity_auc": found.auc,
            "faces": len(self._faces),
            "impostor_pairs": found.impostors,
        }
        return {key: value for key, value in named.items() if value is not None}

    def _of_faces(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [pictures[place] for place in self._faces]


def person_of(name: str) -> str:
    """Who is on a picture: its folder's name where it has one, else nobody else's."""
    parent = PurePosixPath(name.replace("\\", "/")).parent.name
    return parent or name


def to_photo(photo: np.ndarray, output: np.ndarray) -> dict[str, float]:
    """How much of the photo a translation keeps, pixel by pixel."""
    return {
        "photo_psnr_db": metrics.psnr(output, photo),
        "photo_ssim": metrics.ssim(output, photo),
    }


def _face_judge(source: str, own: bool, options, trained: dict) -> FaceJudge:
    """own: it is the one of the training, to be used as there."""
    from tf_i2i.pretrained.face_networks import load_face_network

    option = "--judge-model" if options.judge_model else "--face-model"
    input_range = tuple(trained.get("face_range") or ()) if own else ()
    network = load_face_network(source, option=option, input_range=input_range or None)
    if own:
        asked = {"share": trained.get("face_share"), "shift": trained.get("face_shift")}
        network.crop = dataclasses.replace(
            network.crop, **{k: v for k, v in asked.items() if v is not None}
        )
    detect = (options.face_crop or trained.get("face_crop")) == "detected"
    return FaceJudge(network, detect, trained_on=own and bool(trained.get("lambda_face")))
