"""ZIP files, and posts as Instagram's data exports list them."""

import zipfile
from pathlib import Path


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def mojibake(text: str) -> str:
    """As the exports write texts: each byte of the UTF-8 as a letter."""
    return text.encode().decode("latin-1")


def media(uri: str, title: str = "", time: int = 1_700_000_000) -> dict:
    return {
        "uri": uri,
        "creation_timestamp": time,
        "title": mojibake(title),
        "media_metadata": {"camera_metadata": {"has_camera_metadata": False}},
        "cross_post_source": {"source_app": "FB"},
    }
