"""Builds and signs the app's APK with Maven, aapt2, dx, zipalign and apksigner: no Gradle, nothing
of Google's repository.

Maven compiles the app and its resources in a copy of the project, so the source tree is only read;
dx turns the classes into a dex file; the rest is a zip file whose models and native libraries are
stored as they are, for mapping into memory.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from tf_i2i.errors import UserError, one_line

ABIS = ("arm64-v8a", "armeabi-v7a", "x86", "x86_64")


MIN_SDK = "26"


# Android's convention for debug keys, the same on every developer's machine.
KEY_PASSWORD, KEY_ALIAS = "android", "androiddebugkey"


# Where Maven leaves what it prepared and compiled, below its build folder; android_demo/pom.xml
# says the same.
_PREPARED, _CLASSES = Path("target", "android"), Path("target", "classes")


_NOT_COPIED = shutil.ignore_patterns("target", "build", ".gradle", ".idea", "local.properties")


_MODELS = Path("app", "src", "main", "assets", "models")


# A date that zip files can hold: the same inputs give the same APK.
_DATE = (1981, 1, 1, 1, 1, 2)


# Of these, packed already or mapped into memory, nothing is gained or everything lost by
# compressing them.
_STORED = (".tflite", ".png", ".jpg", ".webp", ".so", ".arsc")


def build_apk(
    project: Path, assets: list[Path], out: Path, abis: tuple[str, ...], tools: dict[str, str]
) -> None:
    """Writes a signed APK, or nothing.

    Args:
        project: android_demo.
        assets: files for assets/models.
        out: replaced when it exists.
        abis: processors to pack native libraries for.
        tools: from find_tools().

    Raises:
        UserError: a step fails, or `out` can't be written.
    """
    from tqdm import tqdm

    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        with tempfile.TemporaryDirectory(prefix="tf_i2i-apk-") as folder:
            copy, dex, loose, aligned, signed = (
                Path(folder, name)
                for name in ("project", "dex", "loose.apk", "aligned.apk", "signed.apk")
            )
            contents = _own_assets(project) | {f"models/{path.name}": path for path in assets}
            stages = (
                ("compiling with Maven", lambda: compile_app(project, copy, tools)),
                ("making the dex file", lambda: make_dex(copy, dex, tools)),
                (
                    "packing",
                    lambda: pack(loose, copy / _PREPARED, dex / "classes.dex", contents, abis),
                ),
                ("aligning", lambda: align(loose, aligned, tools)),
                ("signing", lambda: sign(aligned, signed, debug_key(tools), tools)),
                ("verifying", lambda: verify(signed, tools)),
            )
            layout = "{desc:<20} {bar} {n_fmt}/{total_fmt} stages, {elapsed}"
            with tqdm(stages, bar_format=layout, disable=None, leave=False) as bar:
                for name, run in bar:
                    bar.set_description_str(name)
                    run()
            # Its folder may be on another disk, where a rename could not put it in place at once.
            shutil.copyfile(signed, partial)
        os.replace(partial, out)
    except OSError as error:
        raise UserError(
            f"--apk {one_line(out)}: can't be written ({error.strerror or error})"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def compile_app(project: Path, copy: Path, tools: dict[str, str]) -> None:
    """Classes, resources and the libraries that they need, inside `copy`, which is made."""
    copy_project(project, copy)
    _map_libraries(copy / "app" / "src" / "main" / "AndroidManifest.xml")
    try:
        run_tool(
            [
                tools["mvn"],
                "-q",
                "-B",
                "-Dstyle.color=never",
                "-f",
                copy / "pom.xml",
                f"-Daapt2={tools['aapt2']}",
                "compile",
            ],
            "compiling the app",
            f"see all of it: mvn -f {one_line(project / 'pom.xml')} compile; the first time, Maven Central must be in reach",
        )
    except UserError as error:
        # The copy is gone by the time that somebody reads this.
        raise UserError(str(error).replace(str(copy), str(project))) from error


def copy_project(project: Path, copy: Path) -> None:
    """The sources, without what was built of them and without models; writable, also where
    `project` is not.
    """
    shutil.copytree(project, copy, ignore=_NOT_COPIED, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(copy):
        os.chmod(folder, 0o700)
    shutil.rmtree(copy / _MODELS, ignore_errors=True)


def make_dex(copy: Path, folder: Path, tools: dict[str, str]) -> None:
    """classes.dex in `folder` (made) with the app, the runtime's Java side and Kotlin's library."""
    prepared = copy / _PREPARED
    # dx stumbles over class files for later Java versions in META-INF.
    kotlin = folder / "kotlin"
    kotlin.mkdir(parents=True)
    with zipfile.ZipFile(prepared / "jars" / "kotlin-stdlib.jar") as archive:
        archive.extractall(
            kotlin,
            [
                n
                for n in archive.namelist()
                if n.endswith(".class") and not n.startswith("META-INF/")
            ],
        )
    run_tool(
        [
            tools["java"],
            "-Xmx1500m",
            "-cp",
            prepared / "jars" / "dalvik-dx.jar",
            "com.android.dx.command.Main",
            "--dex",
            f"--min-sdk-version={MIN_SDK}",
            f"--output={folder / 'classes.dex'}",
            copy / _CLASSES,
            *sorted(prepared.glob("aar/*/classes.jar")),
            kotlin,
        ],
        "dx",
        "is the JDK older than 8 or newer than 21?",
    )


def pack(
    apk: Path, prepared: Path, dex: Path, assets: dict[str, Path], abis: tuple[str, ...]
) -> None:
    """Manifest and resources, dex, native libraries of `abis` and assets (name inside assets/ to
    file) as a zip file.
    """
    with (
        zipfile.ZipFile(apk, "w") as archive,
        zipfile.ZipFile(prepared / "resources.apk") as resources,
    ):
        for entry in resources.infolist():
            _add(archive, entry.filename, resources.read(entry), entry.compress_type)
        _add(archive, "classes.dex", dex.read_bytes())
        for abi in abis:
            libraries = sorted(prepared.glob(f"aar/*/jni/{abi}/*.so"))
            if not libraries:
                raise UserError(f"--abi {abi}: the runtime that the app uses has no library for it")
            for library in libraries:
                _add(archive, f"lib/{abi}/{library.name}", library.read_bytes())
        for name, path in sorted(assets.items()):
            _add(archive, f"assets/{name}", path.read_bytes())


def align(apk: Path, aligned: Path, tools: dict[str, str]) -> None:
    """Puts what is stored on multiples of 4 bytes and libraries on memory pages (16 KB where
    zipalign can, else 4 KB).
    """
    run_tool(
        [tools["zipalign"], "-f", *_pages(tools), "4", apk, aligned],
        "zipalign",
        "is there room in /tmp?",
    )


def sign(apk: Path, signed: Path, key: Path, tools: dict[str, str]) -> None:
    """Signatures of schemes 2 and 3; version 1 is for Androids older than the app takes."""
    run_tool(
        [
            tools["apksigner"],
            "sign",
            "--ks",
            key,
            "--ks-pass",
            f"pass:{KEY_PASSWORD}",
            "--ks-key-alias",
            KEY_ALIAS,
            "--min-sdk-version",
            MIN_SDK,
            "--v1-signing-enabled",
            "false",
            "--v2-signing-enabled",
            "true",
            "--v3-signing-enabled",
            "true",
            "--v4-signing-enabled",
            "false",
            "--out",
            signed,
            apk,
        ],
        "signing",
        f"if the key is not a debug key, move it away and one is made: {one_line(key)}",
    )


def verify(apk: Path, tools: dict[str, str]) -> None:
    """Raises UserError unless the very file that is handed out has both signatures and its
    alignment.
    """
    fix = "please report it with the versions of apksigner and zipalign"
    said = run_tool([tools["apksigner"], "verify", "--verbose", apk], "verifying", fix)
    for scheme in ("v2", "v3"):
        if f"Verified using {scheme} scheme (APK Signature Scheme {scheme}): true" not in said:
            raise UserError(f"the APK has no {scheme} signature; {fix}")
    run_tool([tools["zipalign"], "-c", *_pages(tools), "4", apk], "checking the alignment", fix)


def debug_key(tools: dict[str, str]) -> Path:
    """The key store that Android Studio uses too, made when it is missing: a phone takes updates
    from the same key alone.
    """
    path = Path(os.environ.get("ANDROID_USER_HOME") or Path.home() / ".android") / "debug.keystore"
    if path.exists():
        return path
    partial = path.with_name(f".debug.keystore.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        run_tool(
            [
                tools["keytool"],
                "-genkeypair",
                "-keystore",
                partial,
                "-storepass",
                KEY_PASSWORD,
                "-keypass",
                KEY_PASSWORD,
                "-alias",
                KEY_ALIAS,
                "-keyalg",
                "RSA",
                "-keysize",
                "2048",
                "-validity",
                "10950",
                "-dname",
                "CN=Android Debug,O=Android,C=US",
            ],
            "making a debug key",
            f"is {one_line(path.parent)} writable? ANDROID_USER_HOME names another folder",
        )
        os.replace(partial, path)
    except OSError as error:
        raise UserError(
            f"--apk: no debug key can be made at {one_line(path)} ({error.strerror}); "
            "name a writable folder in ANDROID_USER_HOME"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def _map_libraries(manifest: Path) -> None:
    """As Gradle's plugin does from SDK 23 on: libraries are mapped from the APK, not unpacked
    beside it.
    """
    text = manifest.read_text(encoding="utf-8")
    if "extractNativeLibs" not in text:
        text = text.replace("<application", '<application android:extractNativeLibs="false"', 1)
        manifest.write_text(text, encoding="utf-8")


def _own_assets(project: Path) -> dict[str, Path]:
    """What the project's assets hold besides models."""
    root = project / _MODELS.parent
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {
        path.relative_to(root).as_posix(): path
        for path in files
        if project / _MODELS not in path.parents
    }


def _add(archive: zipfile.ZipFile, name: str, data: bytes, compression: int | None = None) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    stored = (
        name.lower().endswith(_STORED) if compression is None else compression == zipfile.ZIP_STORED
    )
    entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    archive.writestr(entry, data, compresslevel=9)


def _pages(tools: dict[str, str]) -> list[str]:
    usage = subprocess.run([tools["zipalign"]], capture_output=True, text=True, check=False)
    return ["-P", "16"] if "-P <" in usage.stdout + usage.stderr else ["-p"]


# Program to Debian package.
PACKAGES = {
    "mvn": "maven",
    "java": "default-jdk-headless",
    "javac": "default-jdk-headless",
    "keytool": "default-jdk-headless",
    "aapt2": "aapt",
    "zipalign": "zipalign",
    "apksigner": "apksigner",
}


def find_tools() -> dict[str, str]:
    """Path of each of PACKAGES' programs, on the PATH or in the newest build tools of
    $ANDROID_HOME.

    Raises:
        UserError: some are missing; all of them are named.
    """
    found = {name: shutil.which(name) or _in_build_tools(name) for name in PACKAGES}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        packages = " ".join(dict.fromkeys(PACKAGES[name] for name in missing))
        raise UserError(
            f"missing tool: {', '.join(missing)}; install: "
            f"apt-get install -y --no-install-recommends {packages}"
        )
    return found


def run_tool(command: list[str | os.PathLike], what: str, fix: str) -> str:
    """Standard output of a program.

    Raises:
        UserError: it fails; the message has `what` was being done, the program's own first
            complaint, and `fix`.
    """
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise UserError(f"{what} failed ({_complaint(done.stdout + done.stderr)}); {fix}")
    return done.stdout


def _complaint(output: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    lines = [one_line(line) for line in plain.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "exception" in line.lower()]
    return (errors or lines or ["it says nothing"])[0][:300]


def _in_build_tools(name: str) -> str | None:
    home = os.environ.get("ANDROID_HOME") or os.environ.get("ANDROID_SDK_ROOT")
    if not home:
        return None
    folders = sorted(Path(home, "build-tools").glob("*"), key=_version, reverse=True)
    return next(
        (path for folder in folders if (path := shutil.which(name, path=str(folder)))), None
    )


def _version(folder: Path) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in folder.name.replace("-", ".").split(".")]
