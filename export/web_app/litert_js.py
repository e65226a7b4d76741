"""LiteRT.js as the page loads it: from a pinned npm package, its WebAssembly compressed."""

import gzip
from pathlib import Path

from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of
from tf_i2i.pretrained.npm_packages import NpmPackage, npm_tarball, read_packed

PACKAGE = NpmPackage(
    "@litertjs/core",
    "2.5.3",
    11.8,
    "a97660833e9e7e1063c95e12016718881240b14f7438728a2f62785e912d30fd",
)
# For browsers with threads on an isolated page, with relaxed SIMD, with neither; and for WebGPU.
_BUILDS = ("threaded_internal", "internal", "compat_internal", "jspi_internal")
_NOTICE = """\
LiteRT.js {version}, npm package {name}, (c) Google LLC, Apache License 2.0:
https://www.apache.org/licenses/LICENSE-2.0
index.js names another file for @litertjs/wasm-utils; the .wasm files are gzipped; nothing else was changed.
"""


def litert_files(tarball: str | None) -> dict[str, bytes]:
    """Contents by path below litert/.

    tarball: the package's, for machines without a network; None: from the cache or npm's registry.
    Raises UserError: it is not the pinned package, or can't be had.
    """
    path = _checked(Path(tarball)) if tarball else npm_tarball(PACKAGE, "LiteRT.js")
    index = read_packed(path, "dist/index.js").decode()
    # Maps for debuggers are not on the page; a missing one would be asked for.
    index = index.partition("//# sourceMappingURL")[0]
    files = {
        "index.js": index.replace(
            '"@litertjs/wasm-utils"', '"../js/engine/wasm_loader.js"'
        ).encode(),
        "NOTICE.txt": _NOTICE.format(name=PACKAGE.name, version=PACKAGE.version).encode(),
    }
    for build in _BUILDS:
        name = f"litert_wasm_{build}"
        files[f"{name}.js"] = read_packed(path, f"wasm/{name}.js")
        wasm = read_packed(path, f"wasm/{name}.wasm")
        # Without the time, so that the same site has the same files.
        files[f"{name}.wasm.gz"] = gzip.compress(wasm, mtime=0)
    return files


def _checked(tarball: Path) -> Path:
    where, spec = f"--litert {one_line(tarball)}", f"{PACKAGE.name}@{PACKAGE.version}"
    try:
        known = sha256_of(tarball) == PACKAGE.sha256
    except OSError as error:
        raise UserError(f"{where}: can't be read ({error.strerror})") from error
    if not known:
        raise UserError(f"{where}: is not {spec}'s tarball; fetch that: npm pack {spec}")
    return tarball
