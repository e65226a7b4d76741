"""Quiet TensorFlow, float32 by default, drawn pictures, and one tiny real run that several test files
read.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tf_i2i.console import prepare_tensorflow

prepare_tensorflow()

_SHORT = "--discriminator-layers 1 --precision float32 --sample-every 4 --checkpoint-every 4"
_SIZES = "--load-size 40 --crop-size 32 --generator shallow --ngf 4 --ndf 4 --discriminator patch"
TINY = f"{_SIZES} {_SHORT}".split()
# A U-Net halves 64 pixels at least.
PAIRED_TINY = f"--load-size 72 --crop-size 64 --ngf 4 --ndf 4 {_SHORT}".split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of whole trainings first: at the end of two processes one would wait for the other."""
    items.sort(key=lambda item: "training/" not in item.nodeid)


@pytest.fixture(autouse=True)
def float32_policy():
    """Leaves no precision policy behind: it is global in Keras."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].mixed_precision.set_global_policy("float32")


def draw_pictures(folder: Path, count: int, seed: int, size: tuple[int, int] = (64, 48)) -> Path:
    """PNG files with coloured discs on coloured ground; the same for a seed."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        picture = Image.new("RGB", size, tuple(rng.integers(0, 256, 3)))
        draw = ImageDraw.Draw(picture)
        for _ in range(6):
            x, y, r = rng.integers(0, size[0]), rng.integers(0, size[1]), rng.integers(4, 16)
            draw.ellipse(
                [x - r, y - r, x + r, y + r], fill=tuple(int(v) for v in rng.integers(0, 256, 3))
            )
        picture.save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def picture_folders(tmp_path_factory) -> tuple[Path, Path]:
    """Two domains of 14 pictures each."""
    root = tmp_path_factory.mktemp("pictures")
    return draw_pictures(root / "a", 14, seed=1), draw_pictures(root / "b", 14, seed=2)


@pytest.fixture(scope="session")
def pair_folders(tmp_path_factory):
    """14 pictures, and the same ones darker under equal names; and both side by side, target left."""
    root = tmp_path_factory.mktemp("pairs")
    draw_pictures(root / "target", 14, seed=1, size=(96, 80))
    for name in ("input", "both"):
        (root / name).mkdir()
    for path in (root / "target").iterdir():
        bright = np.asarray(Image.open(path))
        Image.fromarray(bright // 2).save(root / "input" / path.name)
        Image.fromarray(np.concatenate([bright, bright // 2], axis=1)).save(
            root / "both" / path.name
        )
    return root


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, picture_folders) -> Path:
    """A whole run by the trainer's own command line: 8 steps, a student of 12. Read only."""
    from training.cyclegan import main

    run = tmp_path_factory.mktemp("runs") / "tiny"
    a, b = picture_folders
    data = ["--domain-a", str(a), "--domain-b", str(b)]
    assert main([*TINY, "--run", str(run), *data, "--steps", "8", "--student-steps", "12"]) is None
    return run
