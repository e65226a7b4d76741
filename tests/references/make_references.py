"""Makes face_api.json: embeddings of two pictures by face-api's own JavaScript (needs node and npm;
a minute).

PYTHONPATH=. python tests/references/make_references.py
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from tf_i2i.pretrained.face_networks import PACKAGE
from tf_i2i.pretrained.npm_packages import npm_tarball

HERE = Path(__file__).resolve().parent
SIDE = 150


def pictures() -> np.ndarray:
    """uint8 [2, 150, 150, 3]: a face (the astronaut Eileen Collins, NASA, in scikit-image) and
    coloured waves.
    """
    from skimage import data

    face = Image.fromarray(data.astronaut()).crop((150, 40, 300, 190))
    y, x = np.mgrid[:SIDE, :SIDE]
    waves = np.stack(
        [127.5 + 127.5 * np.sin(x / a + y / b) for a, b in ((7, 11), (13, 5), (4, 19))], axis=-1
    )
    return np.stack([np.asarray(face), waves.round().astype(np.uint8)])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tarball = npm_tarball(PACKAGE, "make_references")
        subprocess.run(["tar", "xzf", str(tarball)], cwd=folder, check=True)
        text = json.dumps({"side": SIDE, "pictures": pictures().reshape(2, -1).tolist()})
        done = subprocess.run(
            ["node", str(HERE / "face_api.mjs"), f"{folder}/package"],
            input=text,
            check=True,
            capture_output=True,
            text=True,
        )
    embeddings = np.round(json.loads(done.stdout.splitlines()[-1]), 7).tolist()
    (HERE / "face_api.json").write_text(json.dumps({"embeddings": embeddings}) + "\n")


if __name__ == "__main__":
    main()
