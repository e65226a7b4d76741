"""Self-contained HTML pages from jinja2 templates, which escape every value that they are given."""

import base64
import io
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from training.reporting.charts import COLOUR_STYLE

_LOSSLESS_BYTES = 150_000


def render(template: str, **values) -> str:
    """The text of a page. template: its path below the folder that holds `training` and `export`."""
    return _ENVIRONMENT.get_template(template).render(colour_style=COLOUR_STYLE, **values)


def data_uri(image: np.ndarray) -> str:
    """uint8 RGB [H, W, 3] as a WebP data URI: lossless up to 150 kB, else of quality 92."""
    for settings in ({"lossless": True, "quality": 60}, {"quality": 92}):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "WEBP", method=4, **settings)
        if buffer.tell() <= _LOSSLESS_BYTES:
            break
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


_LOADER = jinja2.FileSystemLoader(Path(__file__).resolve().parents[2])
_STRICT = {"autoescape": True, "undefined": jinja2.StrictUndefined}
_ENVIRONMENT = jinja2.Environment(loader=_LOADER, trim_blocks=True, lstrip_blocks=True, **_STRICT)
_ENVIRONMENT.filters["data_uri"] = data_uri
