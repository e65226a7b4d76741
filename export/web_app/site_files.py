"""The page of models as a folder of files that any static host serves."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.conversion.app_files import AppFile
from export.photos.photo_files import EXAMPLE
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of, write_bytes, write_errors

PAGE = Path(__file__).with_name("page")
# Nothing is loaded from elsewhere or sent anywhere; WebAssembly is compiled, and pictures of the
# page's own (blob:) are shown.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
# What a host should send: threads need the first two. _headers is a file that Netlify and
# Cloudflare read; others have their own way.
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # A browser asks whether a file has changed; the service worker keeps them all anyway.
    "Cache-Control": "no-cache",
}
_RECORD, _MADE_BY = "site.json", "export.web"


@dataclass(frozen=True)
class Site:
    """Contents by path in the folder. version: a sum over them."""

    files: dict[str, bytes]
    version: str


def make_site(title: str, models: Sequence[AppFile], litert: dict[str, bytes]) -> Site:
    """The page with these models. litert: contents by path below litert/.

    Raises UserError: a model is not as exported.
    """
    paths = sorted(p for p in PAGE.rglob("*") if p.is_file() and not p.name.startswith("."))
    files = {path.relative_to(PAGE).as_posix(): path.read_bytes() for path in paths}
    files |= {f"litert/{name}": content for name, content in litert.items()}
    files |= {f"models/{model.name}.tflite": model.read()[0] for model in models}
    files[EXAMPLE.name] = EXAMPLE.read_bytes()
    files["_headers"] = _headers_file()
    scripts = [name for name in files if name.startswith("js/") and name != "js/worker.js"]
    early = [name for name in scripts if "/languages/" not in name]
    preloads = "\n    ".join(f'<link rel="modulepreload" href="{name}">' for name in early)
    shown = {"title": html.escape(title), "policy": html.escape(POLICY), "preloads": preloads}
    files["index.html"] = _filled(files["index.html"], shown)
    manifest = files["manifest.webmanifest"]
    files["manifest.webmanifest"] = _filled(manifest, {"title": json.dumps(title)[1:-1]})
    record = {
        "made_by": _MADE_BY,
        "title": title,
        "models": [
            {"id": model.name, "title": model.title, "file": f"models/{model.name}.tflite"}
            for model in models
        ],
        "languages": sorted(Path(n).stem for n in scripts if "/languages/" in n),
        "example": EXAMPLE.name,
        "files": sorted([*files, _RECORD]),
    }
    files[_RECORD] = json.dumps(record, indent=1).encode()
    version = sha256_of("\n".join(f"{n} {sha256_of(files[n])}" for n in sorted(files)).encode())
    # Each visitor needs these; of the runtime, only the build that suits the browser.
    needed = [n for n in files if not n.startswith(("litert/", "_")) and n != "sw.js"]
    kept = {"version": version, "files": json.dumps(["./", *sorted(needed)], indent=1)}
    files["sw.js"] = _filled(files["sw.js"], kept)
    return Site(files, version)


def write_site(site: Site, out: Path) -> None:
    """Writes the files; those of an earlier site in this folder are replaced or removed.

    Raises UserError: the folder holds something else, or can't be written.
    """
    earlier = require_site_folder(out)
    with write_errors(f"--out {one_line(out)}"):
        for name, content in site.files.items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)
        for name in earlier - site.files.keys():
            (out / name).unlink(missing_ok=True)


def require_site_folder(out: Path) -> set[str]:
    """Names of the files of the site that is there; UserError if there is anything else."""
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {one_line(out)}: is a file; name a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return set()
    try:
        record = json.loads((out / _RECORD).read_text(encoding="utf-8"))
        names = record["files"] if record["made_by"] == _MADE_BY else None
    except (OSError, ValueError, KeyError, TypeError):
        names = None
    if not isinstance(names, list) or not all(map(_is_inside, names)):
        raise UserError(
            f"--out {one_line(out)}: holds files that are no page of this command; name a new folder"
        )
    return set(names)


def _is_inside(name: object) -> bool:
    return isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts


def _filled(template: bytes, values: dict[str, str]) -> bytes:
    text = template.decode()
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text.encode()


def _headers_file() -> bytes:
    lines = "".join(f"  {name}: {value}\n" for name, value in HEADERS.items())
    return f"/*\n{lines}".encode()
