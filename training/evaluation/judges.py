"""Networks that judge translations and are not part of the run: of features, faces and masks."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import numpy as np
from tqdm import tqdm

from tf_i2i.data.faces import detected
from tf_i2i.data.pixels import to_float
from tf_i2i.errors import UserError, one_line
from tf_i2i.metrics.feature_networks import open_features
from tf_i2i.metrics.fid_kid import MIN_PICTURES, distribution_scores
from tf_i2i.metrics.identity_metrics import verify
from tf_i2i.metrics.mask_metrics import class_changes, mean_iou
from tf_i2i.pretrained.face_networks import FaceNetwork, load_face_network
from tf_i2i.pretrained.segmentation_networks import Segment, open_segmenter
from training.evaluation.evaluated_pictures import Pictures
from training.options.evaluate_options import EvaluateOptions
from training.runs.finished_run import FinishedRun

_MIN_SIDE_OF_FEATURES = 32


class FaceJudge:
    """Embeddings of the faces in pictures; detect: search for them, else by the network's crop;
    trained_on: whether the run was trained to satisfy this network.
    """

    def __init__(self, network: FaceNetwork, detect: bool, trained_on: bool):
        self.network, self._detect, self.trained_on = network, detect, trained_on

    def boxes(self, photos: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        """The face in each photo: left, top, width, height; None where none was found."""
        if not self._detect:
            return [self.network.crop.fixed(*photo.shape[:2]) for photo in photos]
        return [detected(photo) for photo in tqdm(photos, "finding faces", unit="image", delay=2)]

    def embed(
        self, pictures: Sequence[np.ndarray], boxes: Sequence[np.ndarray], title: str
    ) -> np.ndarray:
        """uint8 [H, W, 3] of any sizes and a box each, to float [N, D]."""
        bar = tqdm(pictures, f"faces of {title}", unit="image", delay=2)
        pairs = zip(bar, boxes, strict=True)
        embedded = [self.network.embed_boxes(to_float(p[None]), box[None]) for p, box in pairs]
        return np.concatenate([np.asarray(one) for one in embedded])


@dataclasses.dataclass(frozen=True)
class Judges:
    """The networks of an evaluation: features of KID and FID, faces, `segment`, a picture to its
    label map, named `segmenter`; absent: why networks of the run's training are missing.
    """

    features: Callable
    face: FaceJudge | None
    segment: Segment | None
    segmenter: str | None
    absent: tuple[str, ...]

    def notes(self) -> list[str]:
        """What the numbers were made with, one sentence each."""
        notes = [f"features of KID and FID: {self.features.name}"]
        if self.face:
            name = self.face.network.name
            lenient = "; the run was trained with it, so it is a lenient judge: see --judge-model"
            notes.append(f"faces: {name}{lenient if self.face.trained_on else ''}")
            if self.face.network.threshold is None:
                notes.append(f"no accuracy of identities: {name} has no known threshold")
        else:
            notes.append("no identities were compared: name a face network with --judge-model")
        if self.segment:
            notes.append(f"masks: {self.segmenter}")
        else:
            notes.append("no masks were compared: name a network with --segmentation-model")
        return [*notes, *self.absent]


def open_judges(options: EvaluateOptions, run: FinishedRun) -> Judges:
    """The judges that the options name, or UserError; otherwise those of the run's training."""
    trained, absent = vars(run.options), []

    def opened(named: str | None, recorded: str | None, open_network: Callable):
        source = named or recorded
        try:
            return open_network(source) if source else None
        except UserError as error:
            if named:
                raise
            missing = "the network that the run was trained with is missing"
            absent.append(f"{missing}: {one_line(error)}")
            return None

    def open_face(source: str) -> FaceJudge:
        own = source == trained.get("face_model")
        option = "--judge-model" if options.judge_model else "--face-model"
        input_range = tuple(trained["face_range"]) if own else ()
        network = load_face_network(source, option=option, input_range=input_range or None)
        if own:
            network.set_crop(trained["face_share"], trained["face_shift"])
        detect = (options.face_crop or trained.get("face_crop")) == "detected"
        return FaceJudge(network, detect, trained_on=own and trained["lambda_face"] > 0)

    face = opened(options.judge_model, trained.get("face_model"), open_face)
    if options.face_crop and not face:
        raise UserError("--face-crop has no effect without --judge-model; leave it out")
    recorded = trained.get("segmentation_model")
    segment = opened(options.segmentation_model, recorded, open_segmenter)
    segmenter = options.segmentation_model or recorded
    return Judges(open_features(options.features), face, segment, segmenter, tuple(absent))


class JudgedPhotos:
    """What judges see in the photos, computed once; styles: real pictures of the other domain."""

    def __init__(self, pictures: Pictures, styles: Sequence[np.ndarray], judges: Judges):
        photos, self._judges = pictures.photos, judges
        self._style_features = self._features(styles)
        self._masks = self._segmented(photos, "photos") if judges.segment else None
        self._faces: list[int] = []
        if judges.face:
            boxes = judges.face.boxes(photos)
            self._faces = [place for place, box in enumerate(boxes) if box is not None]
        if self._faces:
            self._boxes = [boxes[place] for place in self._faces]
            self._people = [person_of(pictures.names[place]) for place in self._faces]
            faces = [photos[place] for place in self._faces]
            self._embeddings = judges.face.embed(faces, self._boxes, "photos")

    def judge(
        self, outputs: Sequence[np.ndarray], rows: list[dict[str, float]], name: str
    ) -> dict[str, float | int | dict]:
        """Scores the translations by one model, as far as there are judges, and adds to the row of
        each picture identity_distance and mask_iou: kid, kid_error, fid; identity_distance,
        impostor_distance, identity_accuracy, identity_same, identity_auc, faces, impostor_pairs;
        mask_iou and classes.
        """
        scores = self.distribution(outputs)
        if self._faces:
            scores |= self._identity(outputs, rows, name)
        if self._masks:
            masks = self._segmented(outputs, name)
            for row, before, after in zip(rows, self._masks, masks, strict=True):
                row["mask_iou"] = mean_iou(after, before)
            scores["mask_iou"] = float(np.mean([row["mask_iou"] for row in rows]))
            scores["classes"] = class_changes(self._masks, masks)
        return {k: round(v, 5) if isinstance(v, float) else v for k, v in scores.items()}

    def distribution(self, outputs: Sequence[np.ndarray]) -> dict[str, float]:
        """kid, kid_error and fid of outputs and real pictures; nothing where these are too few or
        too small.
        """
        features = self._features(outputs)
        if features is None or self._style_features is None:
            return {}
        return distribution_scores(features, self._style_features)

    def _features(self, pictures: Sequence[np.ndarray]) -> np.ndarray | None:
        small = any(min(picture.shape[:2]) < _MIN_SIDE_OF_FEATURES for picture in pictures)
        if len(pictures) < MIN_PICTURES or small:
            return None
        return self._judges.features(pictures)

    def _segmented(self, pictures: Sequence[np.ndarray], title: str) -> list[np.ndarray]:
        bar = tqdm(pictures, f"masks of {title}", unit="image", delay=2)
        return [self._judges.segment(picture) for picture in bar]

    def _identity(self, outputs, rows, name: str) -> dict[str, float | int]:
        face = self._judges.face
        translated = face.embed([outputs[place] for place in self._faces], self._boxes, name)
        for place, photo, output in zip(self._faces, self._embeddings, translated, strict=True):
            rows[place]["identity_distance"] = float(np.linalg.norm(photo - output))
        result = verify(self._embeddings, translated, self._people, face.network.threshold)
        scores = {
            "identity_distance": result.distance,
            "impostor_distance": result.impostor_distance,
            "identity_accuracy": result.accuracy,
            "identity_same": result.same,
            "identity_auc": result.auc,
            "faces": len(self._faces),
            "impostor_pairs": result.impostors,
        }
        return {key: value for key, value in scores.items() if value is not None}


def person_of(name: str) -> str:
    """Who is in a picture: named by its folder; without one, nobody else."""
    return PurePosixPath(name.replace("\\", "/")).parent.name or name
