"""Puts models into the Android app, builds it, and installs it.

python -m export.android --run RUN... [--apk OUT.apk] [--install]
python -m export.android --model FILE.tflite... [--apk OUT.apk] [--install]
"""

import getpass
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from export.android_app.android_apk import ABIS, SigningKey, build_apk, find_tools
from export.android_app.android_assets import ModelAssets
from export.android_app.native_alignment import describe_alignments
from export.conversion.app_options import model_option, models_option, variant_option
from export.timing.phone import PACKAGE, Phone
from tf_i2i.command_line import option_group, parse, run_command
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import require_writable

_app = option_group("app")

_EPILOG = """\
Models replace those of the previous command; other files are left alone. By default, the students' int8 files of each
run are used, or else its best variant, in both directions if exported.
The build needs a JDK, Maven, aapt2, zipalign and apksigner; at first use, Maven downloads libraries from Maven Central.
Without --keystore, the APK is signed with Android's debug key (~/.android/debug.keystore, created if missing): for testing.
The password of --keystore is in ANDROID_KEYSTORE_PASSWORD (and that of the key, if another, in ANDROID_KEY_PASSWORD), or is asked for.
For a store, an app bundle is built with Gradle: docs/publish.md.

  python -m export.android --run runs/mine --apk mine.apk
  python -m export.android --run runs/mine runs/other --install
  python -m export.android --run runs/mine --variant int8 float16 --abi arm64-v8a --apk mine.apk
  python -m export.android --model monet.tflite --apk monet.apk
  python -m export.android --run runs/mine --keystore release.jks --key-alias upload --apk mine.apk

Exit status: 0 done, 2 wrong usage or unusable files, 130 or 143 interrupted."""
PROJECT = Path(__file__).resolve().parents[1] / "android_demo"
_PASSWORD, _KEY_PASSWORD = "ANDROID_KEYSTORE_PASSWORD", "ANDROID_KEY_PASSWORD"
_ASSETS = PROJECT / "app" / "src" / "main" / "assets" / "models"


@dataclass(frozen=True)
class AndroidOptions:
    run: tuple[str, ...] = models_option(
        (), "run folders; default: the models in the assets, else the newest run's", metavar="RUN"
    )
    variant: tuple[str, ...] = variant_option()
    model: tuple[str, ...] = model_option()
    assets: str | None = models_option(
        None, "their folder; default: android_demo/app/src/main/assets/models", metavar="DIR"
    )
    apk: str | None = _app(None, "build the app into this file", metavar="OUT.apk")
    abi: tuple[str, ...] = _app(
        ("arm64-v8a", "x86_64"), "processors to build for", choices=ABIS, needs="apk|install"
    )
    keystore: str | None = _app(
        None,
        "sign with a key of this key store, not Android's debug key",
        metavar="FILE",
        needs="apk|install",
    )
    key_alias: str | None = _app(
        None, "which key; default: the only one in it", metavar="NAME", needs="keystore"
    )
    install: bool = _app(False, "build the app and install it with adb")
    device: str | None = _app(
        None,
        "serial number of the phone, where adb devices lists several",
        metavar="SERIAL",
        needs="install",
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(AndroidOptions, argv, "export.android", __doc__, _EPILOG)
    if not PROJECT.is_dir():
        raise UserError(f"{one_line(PROJECT)}: is missing; run this in a clone of the repository")
    # Whatever would stop it at the end is checked before the work.
    tools = find_tools() if options.apk or options.install else None
    out = _writable(Path(options.apk)) if options.apk else None
    key = _signing_key(options) if options.keystore else None
    phone = _connect(options) if options.install else None
    assets = ModelAssets(Path(options.assets) if options.assets else _ASSETS)
    if options.run or options.model or assets.is_empty():
        _put_models(assets, options)
    elif options.variant:
        raise UserError("--variant has no effect on the models in the assets; add --run")
    elif tools is None:
        print(
            f"{one_line(assets.folder)}: has models; name others with --run or --model, or add --apk"
        )
    if tools is None:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        apk, abis = out or Path(folder) / "tf_i2i.apk", tuple(dict.fromkeys(options.abi))
        alignments = build_apk(PROJECT, assets.files(), apk, abis, tools, key)
        if out:
            megabytes, owner = out.stat().st_size / 1e6, "your key" if key else "the debug key"
            print(f"{one_line(out)}: {megabytes:.1f} MB for {', '.join(abis)}, with {owner}")
        print(describe_alignments(alignments))
        if phone:
            _install(phone, apk)
    return 0


def _put_models(assets: ModelAssets, options: AndroidOptions) -> None:
    # Here, as --help does without them.
    from export.android_app.android_models import app_models
    from export.conversion.app_files import app_files

    models = app_models(app_files(options.run, options.variant, options.model))
    assets.replace(models)
    for model in models:
        print(f"{model.name}: {len(model.data) / 1e6:.2f} MB, shown as {model.title}")
    print(f"{len(models)} model{'s' * (len(models) > 1)} in {one_line(assets.folder)}")


def _signing_key(options: AndroidOptions) -> SigningKey:
    """With its password from the environment, or from whoever sits at the terminal."""
    path = Path(options.keystore)
    if not path.is_file():
        raise UserError(f"--keystore {one_line(path)}: is no file; make one: docs/publish.md")
    password = os.environ.get(_PASSWORD)
    if password is None:
        if not sys.stdin.isatty():
            raise UserError(f"--keystore {one_line(path)}: its password must be in {_PASSWORD}")
        password = getpass.getpass(f"password of {one_line(path)}: ")
    return SigningKey(path, options.key_alias, password, os.environ.get(_KEY_PASSWORD))


def _writable(out: Path) -> Path:
    if out.suffix != ".apk" or out.is_dir():
        raise UserError(f"--apk {one_line(out)}: must be a file name that ends in .apk")
    require_writable(out.parent, f"--apk {one_line(out)}")
    return out


def _connect(options: AndroidOptions) -> Phone:
    """The phone, once it is known to support one of the ABIs."""
    with _install_errors():
        phone = Phone.connect(options.device)
        supported = phone.shell("getprop", "ro.product.cpu.abilist").strip().split(",")
    if not set(supported) & set(options.abi):
        known = one_line(" or ".join(supported))
        raise UserError(f"--abi {' '.join(options.abi)}: phone {phone.serial} supports {known}")
    return phone


def _install(phone: Phone, apk: Path) -> None:
    try:
        with _install_errors():
            phone.adb("install", "-r", str(apk))
    except UserError as error:
        if "INSTALL_FAILED_UPDATE_INCOMPATIBLE" not in str(error):
            raise
        fix = f"remove it: adb -s {phone.serial} uninstall {PACKAGE}"
        known = f"the app on phone {phone.serial} has another key"
        raise UserError(f"--install: {known}; {fix}") from error
    print(f"installed on {phone.serial}")


@contextmanager
def _install_errors() -> Iterator[None]:
    """Names --install where the phone's messages name --adb, the option of export.benchmark."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace("--adb:", "--install:", 1)) from error


if __name__ == "__main__":
    # As an exception, so that temporary folders are removed and no partial file stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_command(main)
