"""Builds and signs the app's APK with Maven, aapt2, dx, zipalign and apksigner: no Gradle and
nothing from Google's repository.

Maven compiles the app and its resources in a copy of the project, so the source tree is only read.
dx turns the classes into a dex file. Models and native libraries are stored uncompressed, so that
the app can map them into memory.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from export.android_app.native_alignment import load_alignment
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import replacing, write_errors

ABIS = ("arm64-v8a", "armeabi-v7a", "x86", "x86_64")
# Program to Debian package.
PACKAGES = {
    "mvn": "maven",
    **dict.fromkeys(("java", "javac", "keytool"), "default-jdk-headless"),
    "aapt2": "aapt",
    "zipalign": "zipalign",
    "apksigner": "apksigner",
}
MIN_SDK = 26
# Android's convention for debug keys, the same on every developer's machine.
_PASSWORD, _ALIAS = "android", "androiddebugkey"
# How apksigner is told passwords.
_STORE_VARIABLE, _KEY_VARIABLE = "TF_I2I_STORE_PASSWORD", "TF_I2I_KEY_PASSWORD"
_BUILD_PRODUCTS = ("target", "build", ".gradle", ".idea", "local.properties")
_ALIGNMENTS = "assets/native_alignment.json"
_MODELS = Path("app", "src", "main", "assets", "models")
# Where Maven leaves resources and libraries, and classes; android_demo/pom.xml says the same.
_PREPARED, _CLASSES = Path("target", "android"), Path("target", "classes")
# A fixed date, so that the same inputs give the same APK.
_DATE = (1981, 1, 1, 1, 1, 2)
# Compressed already, or mapped into memory.
_STORED = (".tflite", ".png", ".jpg", ".webp", ".so", ".arsc")


def find_tools() -> dict[str, str]:
    """Path of every program in PACKAGES, on the PATH or in the newest build tools of $ANDROID_HOME.

    Raises UserError: some are missing; the message names all of them.
    """
    sdk = os.environ.get("ANDROID_HOME") or os.environ.get("ANDROID_SDK_ROOT")
    versions = Path(sdk, "build-tools").glob("*") if sdk else ()
    newest_first = sorted(versions, key=_version, reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, newest_first)])
    tools = {name: shutil.which(name, path=path) for name in PACKAGES}
    missing = [name for name, found in tools.items() if found is None]
    if missing:
        packages = " ".join(dict.fromkeys(PACKAGES[name] for name in missing))
        install = f"apt-get install -y --no-install-recommends {packages}"
        raise UserError(f"missing tool: {', '.join(missing)}; install: {install}")
    return tools


def _version(folder: Path) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in re.split(r"[.-]", folder.name)]


@dataclass(frozen=True)
class SigningKey:
    """A key in the user's key store.

    path: the key store. alias: the key in it; None: its only one. password: of the key store;
    key_password: of the key, None if it is the same. Both go to apksigner through its environment,
    which other users can't read, unlike its command line.
    """

    path: Path
    alias: str | None
    password: str = field(repr=False)
    key_password: str | None = field(default=None, repr=False)


def build_apk(
    project: Path,
    models: Sequence[Path],
    out: Path,
    abis: Sequence[str],
    tools: Mapping[str, str],
    key: SigningKey | None = None,
) -> dict[str, int]:
    """Writes a signed APK to `out`, or nothing; UserError when a step fails or it can't be written.

    project: android_demo. models: files for assets/models. tools: from find_tools(). key: Android's
    debug key if None.
    Returns the alignment in bytes of each native library, by its name in the APK; the APK has the
    same as assets/native_alignment.json.
    """
    with tempfile.TemporaryDirectory(prefix="tf_i2i-apk-") as folder:
        build = _Build(project, models, abis, tools, Path(folder), key)
        steps = {
            "compiling with Maven": build.compile,
            "making the dex file": build.make_dex,
            "packing": build.pack,
            "aligning": build.align,
            "signing": build.sign,
        }
        layout = "{desc:<20} {bar} {n_fmt}/{total_fmt} steps, {elapsed}"
        with write_errors(f"--apk {one_line(out)}"):
            with tqdm(steps.items(), bar_format=layout, disable=None, leave=False) as bar:
                for name, step in bar:
                    bar.set_description_str(name)
                    step()
            with replacing(out) as partial:
                shutil.copyfile(build.signed, partial)
        return build.alignments


def copy_project(project: Path, copy: Path) -> None:
    """Copies the sources, writable, without build products and models."""
    ignore = shutil.ignore_patterns(*_BUILD_PRODUCTS)
    shutil.copytree(project, copy, ignore=ignore, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(copy):
        os.chmod(folder, 0o700)
    shutil.rmtree(copy / _MODELS, ignore_errors=True)


class _Build:
    """The steps from the project to a signed APK, in the order of the methods."""

    def __init__(self, project: Path, models, abis, tools: Mapping[str, str], folder: Path, key):
        self._project, self._models, self._abis, self._tools = project, models, abis, tools
        self._key, self.alignments = key, {}
        self._copy, self._dex = folder / "project", folder / "dex"
        self._prepared = self._copy / _PREPARED
        self._packed, self._aligned = folder / "packed.apk", folder / "aligned.apk"
        self.signed = folder / "signed.apk"

    def compile(self) -> None:
        """Classes, resources and the libraries that they need, in a copy of the project."""
        copy_project(self._project, self._copy)
        # As Gradle's plugin does: libraries are mapped from the APK, not unpacked beside it.
        manifest = self._copy / "app" / "src" / "main" / "AndroidManifest.xml"
        text = manifest.read_text(encoding="utf-8")
        if "extractNativeLibs" not in text:
            attribute = '<application android:extractNativeLibs="false"'
            manifest.write_text(text.replace("<application", attribute, 1), encoding="utf-8")
        options = ["-q", "-B", "-Dstyle.color=never", f"-Daapt2={self._tools['aapt2']}", "-f"]
        modules = ["-pl", "maven/runtime,maven/app"]
        command = [self._tools["mvn"], *options, self._copy / "pom.xml", *modules, "compile"]
        fix = f"for all output: mvn -f {one_line(self._project / 'pom.xml')} compile; "
        fix += "the first time, Maven Central must be reachable"
        try:
            _run(command, "compiling the app", fix)
        except UserError as error:
            # The copy is gone by the time that somebody reads this.
            raise UserError(str(error).replace(str(self._copy), str(self._project))) from error

    def make_dex(self) -> None:
        """classes.dex with the app, the runtime's Java side and Kotlin's library."""
        kotlin = self._dex / "kotlin"
        kotlin.mkdir(parents=True)
        with zipfile.ZipFile(self._prepared / "jars" / "kotlin-stdlib.jar") as archive:
            for name in archive.namelist():
                # dx fails on META-INF's class files for later Java versions.
                if name.endswith(".class") and not name.startswith("META-INF/"):
                    archive.extract(name, kotlin)
        dx = self._prepared / "jars" / "dalvik-dx.jar"
        command = [self._tools["java"], "-Xmx1500m", "-cp", dx]
        command += f"com.android.dx.command.Main --dex --min-sdk-version={MIN_SDK}".split()
        command += [f"--output={self._dex / 'classes.dex'}", self._copy / _CLASSES]
        command += [*sorted(self._prepared.glob("aar/*/classes.jar")), kotlin]
        _run(command, "dx", "is the JDK older than 8 or newer than 21?")

    def pack(self) -> None:
        """A zip file of manifest, resources, dex, native libraries and assets."""
        resources = self._prepared / "resources.apk"
        with zipfile.ZipFile(self._packed, "w") as apk, zipfile.ZipFile(resources) as archive:
            for entry in archive.infolist():
                _add(apk, entry.filename, archive.read(entry), entry.compress_type)
            _add(apk, "classes.dex", (self._dex / "classes.dex").read_bytes())
            for abi in self._abis:
                libraries = sorted(self._prepared.glob(f"aar/*/jni/{abi}/*.so"))
                if not libraries:
                    raise UserError(f"--abi {abi}: the app's runtime has no library for it")
                for library in libraries:
                    name, data = f"lib/{abi}/{library.name}", library.read_bytes()
                    self.alignments[name] = load_alignment(data)
                    _add(apk, name, data)
            _add(apk, _ALIGNMENTS, json.dumps(self.alignments, indent=1).encode())
            assets = self._copy / _MODELS.parent
            files = {path.relative_to(assets): path for path in assets.rglob("[!.]*")}
            files |= {Path("models", path.name): path for path in self._models}
            for name, path in sorted(files.items()):
                if path.is_file():
                    _add(apk, f"assets/{name.as_posix()}", path.read_bytes())

    def align(self) -> None:
        """Stored entries to multiples of 4 bytes, libraries to memory pages."""
        zipalign = self._tools["zipalign"]
        usage = subprocess.run([zipalign], capture_output=True, text=True)
        # Pages of 16 KB where zipalign knows them, else 4 KB.
        pages = ["-P", "16"] if "-P <" in usage.stdout + usage.stderr else ["-p"]
        command = [zipalign, "-f", *pages, "4", self._packed, self._aligned]
        _run(command, "zipalign", "is there space in /tmp?")

    def sign(self) -> None:
        """Signatures of schemes 2 and 3, which apksigner chooses for MIN_SDK; 4 is a second file."""
        key = self._key
        if key is None:
            path = _debug_key(self._tools["keytool"])
            key = SigningKey(path, _ALIAS, _PASSWORD)
            fix = f"if it is not a debug key, move it away and a new one is made: {one_line(path)}"
        else:
            fix = f"are key store, password and --key-alias right? {one_line(key.path)}"
        options = [f"--min-sdk-version={MIN_SDK}", "--v4-signing-enabled=false"]
        options += ["--ks-pass", f"env:{_STORE_VARIABLE}", "--key-pass", f"env:{_KEY_VARIABLE}"]
        options += ["--ks-key-alias", key.alias] if key.alias else []
        passwords = {_STORE_VARIABLE: key.password}
        passwords[_KEY_VARIABLE] = key.password if key.key_password is None else key.key_password
        command = [self._tools["apksigner"], "sign", "--ks", key.path, *options]
        _run([*command, "--out", self.signed, self._aligned], "signing", fix, passwords)


def _debug_key(keytool: str) -> Path:
    """Android Studio's key store too: a phone takes updates only with the installed app's key."""
    path = Path(os.environ.get("ANDROID_USER_HOME") or Path.home() / ".android") / "debug.keystore"
    if path.exists():
        return path
    options = f"-genkeypair -storepass {_PASSWORD} -keypass {_PASSWORD} -alias {_ALIAS}".split()
    options += ["-keyalg", "RSA", "-keysize", "2048", "-validity", "10950"]
    options += ["-dname", "CN=Android Debug,O=Android,C=US"]
    fix = f"is {one_line(path.parent)} writable? ANDROID_USER_HOME names another folder"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        _run([keytool, *options, "-keystore", partial], "making a debug key", fix)
    return path


def _add(apk: zipfile.ZipFile, name: str, data: bytes, compression: int | None = None) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    if compression is None:
        stored = name.lower().endswith(_STORED)
        compression = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    entry.compress_type = compression
    apk.writestr(entry, data, compresslevel=9)


def _run(
    command: Sequence[str | os.PathLike],
    task: str,
    fix: str,
    variables: Mapping[str, str] | None = None,
) -> None:
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=environment
    )
    if done.returncode == 0:
        return
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    lines = [one_line(line) for line in plain.splitlines() if line.strip()] or ["no output"]
    errors = (line for line in lines if "error" in line.lower() or "exception" in line.lower())
    raise UserError(f"{task} failed ({next(errors, lines[0])[:300]}); {fix}")
