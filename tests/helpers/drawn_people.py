"""Pictures of people whom a small network can tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def draw_people(folder: Path, people: int, pictures: int) -> Path:
    """Each person is a colour; the pictures of one differ in light and noise."""
    rng = np.random.default_rng(6)
    for person in range(people):
        (folder / f"person-{person:02}").mkdir(parents=True)
        colour = rng.uniform(60, 190, 3)
        for number in range(pictures):
            image = colour * rng.uniform(0.9, 1.1) + rng.normal(0, 12, (60, 60, 3))
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(
                folder / f"person-{person:02}" / f"{number}.png"
            )
    return folder
