"""python -m export.android: the programs that it needs, and installing on a phone behind a stand-in
for adb.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from exported_models import add_file, exported, fake_run

from export.android import main
from export.android_app.android_apk import find_tools
from tf_i2i.errors import UserError

# One phone; what is installed on it lies in PHONE.
_ADB = """#!{python}
import os, shutil, sys
if sys.argv[1:] == ["devices"]:
    print("List of devices attached\\nR58\\tdevice")
elif sys.argv[3:] == ["shell", "getprop", "ro.product.cpu.abilist"]:
    print(os.environ["ABIS"])
elif sys.argv[3:5] == ["install", "-r"]:
    if os.environ.get("FAILURE"):
        sys.exit("adb: failed to install app.apk: Failure [" + os.environ["FAILURE"] + ": signatures do not match]")
    shutil.copy(sys.argv[5], os.environ["PHONE"])
else:
    sys.exit("not expected: " + str(sys.argv))
"""


@pytest.fixture
def phone(tmp_path, monkeypatch) -> Path:
    """The file that becomes the installed app; the build is replaced by one that writes a file at
    once.
    """
    adb = tmp_path / "bin" / "adb"
    adb.parent.mkdir()
    adb.write_text(_ADB.format(python=sys.executable))
    adb.chmod(0o755)
    monkeypatch.setenv("PATH", f"{adb.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PHONE", str(tmp_path / "installed.apk"))
    monkeypatch.setenv("ABIS", "arm64-v8a,armeabi-v7a")
    monkeypatch.setattr("export.android.find_tools", dict)
    monkeypatch.setattr(
        "export.android.build_apk",
        lambda project, assets, out, *_: out.write_bytes(b"an app") and {},
    )
    return tmp_path / "installed.apk"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Runs the command with --install on a run of its own."""
    run = fake_run(tmp_path, monkeypatch)
    add_file(run, exported("int8", 80), size=80)
    return lambda *options: main(
        ["--run", str(run), "--assets", str(tmp_path / "assets"), "--install", *options]
    )


def test_the_app_is_installed_on_the_phone(phone, install, capsys):
    assert install() == 0 and phone.read_bytes() == b"an app"
    assert "installed on R58" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variables", "options", "said"),
    [
        ({"ABIS": "armeabi-v7a"}, (), "--abi arm64-v8a x86_64: phone R58 supports armeabi-v7a"),
        (
            {"FAILURE": "INSTALL_FAILED_UPDATE_INCOMPATIBLE"},
            (),
            "another key; remove it: adb -s R58 uninstall org.tf_i2i.demo",
        ),
        (
            {"FAILURE": "INSTALL_FAILED_INSUFFICIENT_STORAGE"},
            (),
            "--install: adb .*INSUFFICIENT_STORAGE",
        ),
        ({}, ("--device", "R59"), "--install: no phone R59 is connected"),
    ],
)
def test_what_stands_in_the_way_of_installing_is_said(
    phone, install, monkeypatch, variables, options, said
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=said):
        install(*options)
    assert not phone.exists()


def test_missing_tools_are_named_with_the_line_that_installs_them(tmp_path, monkeypatch):
    for name in ("mvn", "keytool", "java", "javac", "aapt2"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    with pytest.raises(UserError) as said:
        main(["--run", "nowhere", "--apk", str(tmp_path / "app.apk")])
    assert (
        "missing tool: zipalign, apksigner; install: apt-get install -y --no-install-recommends zipalign apksigner"
        in str(said.value)
    )
    for version in ("9.0.0", "35.0.0", "34.0.0"):
        for name in ("zipalign", "apksigner"):
            path = tmp_path / "sdk" / "build-tools" / version / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    assert find_tools()["zipalign"] == str(tmp_path / "sdk" / "build-tools" / "35.0.0" / "zipalign")
