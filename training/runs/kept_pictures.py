"""Some of a run's pictures, in its folder: for files that are calibrated, checked and shown where the
sources are not.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.pixels import centre_square, spread
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import replacing
from training.runs.run_data import RunData

FILE = "pictures.zip"
_NAMES = "names.json"
_TRAINING, _VALIDATION = 128, 32


def write_kept(path: Path, data: RunData, domains: str) -> None:
    """Writes squares of training pictures of `domains` ("a" or "ab", those that are translated) and
    whole validation pictures of both, as PNG; pairs stay pairs.
    """
    caches = {f"train_{letter}": getattr(data, f"train_{letter}") for letter in domains}
    caches |= {"val_a": data.val_a, "val_b": data.val_b}
    names = {}
    with replacing(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for part, cache in caches.items():
            chosen = spread(len(cache), _TRAINING if part.startswith("train") else _VALIDATION)
            names[part] = [cache.names[i] for i in chosen]
            for number, i in enumerate(chosen):
                image = cache.image(i)
                image = centre_square(image) if part.startswith("train") else image
                archive.writestr(_member(part, number), _encoded(image))
        archive.writestr(zipfile.ZipInfo(_NAMES), json.dumps(names))


def read_kept(path: Path, config: dict) -> RunData | None:
    """The pictures of a run with this config.json; None where it keeps none. UserError: damaged."""
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = json.loads(archive.read(_NAMES))
            caches = {part: _read_part(archive, part, of_part) for part, of_part in names.items()}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        fix = "copy it from the machine that trained"
        raise UserError(f"{one_line(path)}: can't be read ({one_line(error)}); {fix}") from error
    facts = config.get("data", {})
    none = ImageCache.from_images(())
    parts = [caches.get(name, none) for name in ("train_a", "train_b", "val_a", "val_b")]
    described = {name: str(facts.get(name, "")) for name in ("domain_a", "domain_b")}
    return RunData(*parts, bool(facts.get("paired_validation")), described)


def _read_part(archive: zipfile.ZipFile, part: str, names: list[str]) -> ImageCache:
    return ImageCache.from_images(
        (name, np.array(Image.open(io.BytesIO(archive.read(_member(part, number).filename)))))
        for number, name in enumerate(names)
    )


def _member(part: str, number: int) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"{part}/{number:03}.png")  # of no date: equal pictures, equal bytes


def _encoded(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()
