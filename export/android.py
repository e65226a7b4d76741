"""Puts runs' models into the Android app, and builds and installs it.

python -m export.android --run RUN... [--apk OUT.apk] [--install]
"""

from __future__ import annotations

import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from export.android_app.android_apk import ABIS, build_apk, find_tools
from export.android_app.android_assets import ModelAssets
from export.conversion.variants import RECIPES
from export.timing.phone import PACKAGE, Phone
from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError, one_line

_EPILOG = """\
Models replace those of the command before; files that it did not make are left alone. Of a run they are its students'
int8 files, or else the best that it has, in both directions where they were exported.
The APK needs a JDK, Maven, aapt2, zipalign and apksigner; the first time Maven fetches libraries from Maven Central.
It is signed with Android's debug key (~/.android/debug.keystore, made when missing): for trying out, not for a store.

  python -m export.android --run runs/mine --apk mine.apk
  python -m export.android --run runs/mine runs/other --install
  python -m export.android --run runs/mine --variant int8 float16 --abi arm64-v8a --apk mine.apk

Exit status: 0 done, 2 wrong usage or unusable files, 130 or 143 interrupted."""
PROJECT = Path(__file__).resolve().parents[1] / "android_demo"


@dataclass(frozen=True)
class AndroidOptions:
    run: tuple[str, ...] = option(
        (),
        "run folders; without any, the models that are in the assets stay, or the newest run's are taken",
        group="what",
        metavar="RUN",
    )
    variant: tuple[str, ...] = option(
        (),
        "take these of each run; none named: int8 where there is one, else the best",
        group="what",
        choices=tuple(RECIPES),
    )
    assets: str | None = option(
        None,
        "folder for the models; without it the app's own, android_demo/app/src/main/assets/models",
        group="what",
        metavar="DIR",
    )
    apk: str | None = option(None, "builds the app into this file", group="app", metavar="OUT.apk")
    abi: tuple[str, ...] = option(
        ("arm64-v8a", "x86_64"), "processors that the app is for", group="app", choices=ABIS
    )
    install: bool = option(False, "builds the app and installs it with adb", group="app")
    device: str | None = option(
        None,
        "serial number of the phone, as adb devices lists it; needed where several are connected",
        group="app",
        metavar="SERIAL",
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(
        AndroidOptions,
        argv,
        prog="python -m export.android",
        description=__doc__.splitlines()[0],
        epilog=_EPILOG,
    )
    if not PROJECT.is_dir():
        raise UserError(
            f"{one_line(PROJECT)}: the app's sources are not there; run this in a clone of the repository"
        )
    # What would stop it in the end is found before the work.
    tools = find_tools() if options.apk or options.install else None
    out = _writable(Path(options.apk)) if options.apk else None
    phone = _phone(options) if options.install else None
    assets = ModelAssets(
        Path(options.assets) if options.assets else PROJECT / "app/src/main/assets/models"
    )
    _put_models(assets, options)
    if tools is None:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        apk = out or Path(folder) / "tf_i2i.apk"
        abis = tuple(dict.fromkeys(options.abi))
        build_apk(PROJECT, assets.files(), apk, abis, tools)
        if out:
            print(
                f"{one_line(out)}: {out.stat().st_size / 1e6:.1f} MB for {', '.join(abis)}, signed with the debug key"
            )
        if phone:
            _install(phone, apk)
    return 0


def _put_models(assets: ModelAssets, options: AndroidOptions) -> None:
    runs = [Path(run) for run in dict.fromkeys(options.run)]
    if not runs:
        if not assets.is_empty():
            return
        from training.runs.run_folder import newest_run

        runs = [newest_run()]
    from export.android_app.android_models import app_models

    models = app_models(runs, options.variant)
    assets.replace(models)
    for model in models:
        print(f"{model.name}: {len(model.data) / 1e6:.2f} MB, shown as {model.title}")
    print(f"{len(models)} model{'s' * (len(models) > 1)} in {one_line(assets.folder)}")


def _writable(out: Path) -> Path:
    if out.suffix != ".apk" or out.is_dir():
        raise UserError(f"--apk {one_line(out)}: must be a file name that ends in .apk")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise UserError(
            f"--apk {one_line(out)}: can't be written there ({error.strerror}); name another place"
        ) from error
    return out


def _phone(options: AndroidOptions) -> Phone:
    """The phone, once it is known to take one of the ABIs."""
    try:
        phone = Phone.connect(options.device)
        takes = phone.shell("getprop", "ro.product.cpu.abilist").strip().split(",")
    except UserError as error:
        raise _as_install(error) from error
    if not set(takes) & set(options.abi):
        raise UserError(
            f"--abi {' '.join(options.abi)}: phone {phone.serial} takes {one_line(' or '.join(takes))}"
        )
    return phone


def _install(phone: Phone, apk: Path) -> None:
    try:
        phone.adb("install", "-r", str(apk))
    except UserError as error:
        if "INSTALL_FAILED_UPDATE_INCOMPATIBLE" in str(error):
            raise UserError(
                f"--install: the app on phone {phone.serial} has another key; "
                f"remove it: adb -s {phone.serial} uninstall {PACKAGE}"
            ) from error
        raise _as_install(error) from error
    print(f"installed on {phone.serial}")


def _as_install(error: UserError) -> UserError:
    """What the phone's messages call --adb is here --install."""
    return UserError(str(error).replace("--adb:", "--install:", 1))


if __name__ == "__main__":
    # As an exception, so that temporary folders are removed and no half-written file stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_command(main)
