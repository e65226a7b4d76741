"""The Android app: one command makes a signed APK of a run, and the app's own tests agree with
export.stylize.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import platform
import re
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from exported_models import add_file, convert, converted, described, fake_run, student
from PIL import Image
from skimage.data import coffee

from export.android import PROJECT, AndroidOptions, _signing_key, main
from export.android_app.android_apk import (
    PACKAGES,
    SigningKey,
    _Build,
    copy_project,
    find_tools,
)
from export.android_app.native_alignment import describe_alignments, load_alignment
from export.stylize import main as stylize
from tf_i2i.errors import UserError
from tf_i2i.models.mobile_generator import MobileGenerator

_missing = [name for name in PACKAGES if shutil.which(name) is None]
needs_tools = pytest.mark.skipif(
    bool(_missing),
    reason=f"missing tool: {', '.join(_missing)} (apt-get install {' '.join(dict.fromkeys(PACKAGES.values()))})",
)
# Maven fetches 300 MB the first time.
pytestmark = pytest.mark.timeout(1800)


def int8_file(network, size: int) -> bytes:
    """An int8 file of a network, as export.tflite writes it."""
    return described(convert(network, size, "int8"), network, size, "int8")


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def apk(tmp_path_factory, monkeypatch_module) -> Path:
    """What the command makes of a run with an untrained student of the default design, for one
    processor.
    """
    folder = tmp_path_factory.mktemp("apk")
    run = fake_run(folder, monkeypatch_module)
    network = MobileGenerator()
    network(np.zeros([1, 32, 32, 3], np.float32))
    add_file(run, int8_file(network.folded(), 256), size=256)
    monkeypatch_module.setenv("ANDROID_USER_HOME", str(folder / "home"))
    out = folder / "apk" / "demo.apk"
    command = [
        "--run",
        str(run),
        "--assets",
        str(folder / "assets"),
        "--apk",
        str(out),
        "--abi",
        "arm64-v8a",
    ]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(command) == 0
    (folder / "said.txt").write_text(said.getvalue())
    assert [path.name for path in out.parent.iterdir()] == ["demo.apk"]
    return out


def tool(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@needs_tools
def test_the_apk_is_signed_by_schemes_2_and_3_and_aligned(apk):
    said = tool("apksigner", "verify", "--verbose", apk)
    assert "(APK Signature Scheme v2): true" in said and "(APK Signature Scheme v3): true" in said
    assert "Verification successful" in tool("zipalign", "-c", "-v", "-p", "4", apk)


@needs_tools
def test_models_lie_uncompressed_and_aligned(apk):
    with zipfile.ZipFile(apk) as archive:
        (model,) = [entry for entry in archive.infolist() if entry.filename.endswith(".tflite")]
        assert model.filename == "assets/models/run-ab-256-int8.tflite"
        listed = json.loads(archive.read("assets/models/models.json"))
        example = json.loads((PROJECT / "app/src/test/assets/models/models.json").read_text())
        assert [entry.keys() for entry in listed] == [
            entry.keys() for entry in example
        ]  # what the app's tests read
        assert [f"assets/models/{entry['file']}" for entry in listed] == [model.filename]
        libraries = [entry for entry in archive.infolist() if entry.filename.endswith(".so")]
    assert {entry.filename.split("/")[1] for entry in libraries} == {"arm64-v8a"} and len(
        libraries
    ) >= 2
    assert model.compress_type == zipfile.ZIP_STORED and data_offset(apk, model) % 4 == 0
    for entry in libraries:
        assert entry.compress_type == zipfile.ZIP_STORED and data_offset(apk, entry) % 4096 == 0


def data_offset(apk: Path, entry: zipfile.ZipInfo) -> int:
    """Where an entry's bytes begin, by its local header."""
    with open(apk, "rb") as file:
        file.seek(entry.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return entry.header_offset + 30 + name + extra


@needs_tools
def test_what_google_play_would_refuse_is_said_in_one_line_and_in_the_apk(apk):
    with zipfile.ZipFile(apk) as archive:
        report = json.loads(archive.read("assets/native_alignment.json"))
        assert report == {
            name: load_alignment(archive.read(name))
            for name in archive.namelist()
            if name.endswith(".so")
        }
    # TensorFlow Lite 2.16.1's are; a newer version on Maven Central would change what is said.
    assert set(report.values()) == {4096}
    said = (apk.parents[1] / "said.txt").read_text().splitlines()
    (line,) = [line for line in said if line.startswith("not aligned to 16 KB: ")]
    assert all(f"{name} (4 KB)" in line for name in report) and "docs/publish.md" in line


def elf(is_64_bit: bool, *alignments: int) -> bytes:
    """An ELF header with a PT_NOTE of alignment 4 and a PT_LOAD for each alignment."""
    types = [(4, 4), *((1, alignment) for alignment in alignments)]
    if is_64_bit:
        header = struct.pack("<4sBB10x16xQQ4xHHHHHH", b"\x7fELF", 2, 1, 64, 0, 64, 56, 3, 0, 0, 0)
        entry = "<I44xQ"
    else:
        header = struct.pack("<4sBB10x12xII4xHHHHHH", b"\x7fELF", 1, 1, 52, 0, 52, 32, 3, 0, 0, 0)
        entry = "<I24xI"
    assert len(types) == 3
    return header + b"".join(struct.pack(entry, *fields) for fields in types)


@pytest.mark.parametrize("is_64_bit", [False, True])
def test_alignment_is_the_smallest_of_the_loaded_segments(is_64_bit):
    assert load_alignment(elf(is_64_bit, 16384, 65536)) == 16384
    assert load_alignment(elf(is_64_bit, 16384, 4096)) == 4096
    # A real one: this Python's own.
    real = next(Path(np.__file__).parent.rglob("*.so")).read_bytes()
    assert load_alignment(real) in (4096, 16384, 65536, 2097152)
    for damaged in (b"", b"MZ" * 100, elf(is_64_bit, 4096, 4096)[:70]):
        with pytest.raises(ValueError):
            load_alignment(damaged)


def test_aligned_libraries_are_said_to_be():
    said = describe_alignments({"a.so": 16384, "b.so": 65536})
    assert said == "all 2 native libraries are aligned to 16 KB"
    said = describe_alignments({"a.so": 16384, "b.so": 8192})
    assert said.startswith("not aligned to 16 KB: b.so (8 KB); ")


@needs_tools
def test_the_users_own_key_signs(apk, tmp_path, monkeypatch):
    store, tools = tmp_path / "release.jks", find_tools()
    options = ["-alias", "upload", "-keyalg", "RSA", "-storepass", "secret1"]
    tool(tools["keytool"], "-genkeypair", *options, "-dname", "CN=Somebody", "-keystore", store)
    key = SigningKey(store, "upload", "secret1")
    assert "secret1" not in repr(key)
    build = _Build(PROJECT, [], (), tools, tmp_path, key)
    monkeypatch.setattr(build, "_aligned", apk)
    build.sign()
    assert "CN=Somebody" in tool("apksigner", "verify", "--print-certs", build.signed)
    for wrong in (SigningKey(store, "upload", "secret2"), SigningKey(store, "other", "secret1")):
        monkeypatch.setattr(build, "_key", wrong)
        with pytest.raises(
            UserError, match=r"signing failed .*are key store, password and --key-al"
        ):
            build.sign()


@needs_tools
def test_passwords_come_from_the_environment_or_the_terminal(tmp_path, monkeypatch):
    arguments = ["--run", "nowhere", "--apk", str(tmp_path / "a.apk"), "--keystore"]
    monkeypatch.delenv("ANDROID_KEYSTORE_PASSWORD", raising=False)
    with pytest.raises(UserError, match=r"--keystore .*none\.jks: is no file"):
        main([*arguments, str(tmp_path / "none.jks")])
    store = tmp_path / "release.jks"
    store.write_bytes(b"")
    with pytest.raises(UserError, match="its password must be in ANDROID_KEYSTORE_PASSWORD"):
        main([*arguments, str(store)])
    options = AndroidOptions(keystore=str(store), key_alias="upload")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"typed at {prompt}")
    typed = f"typed at password of {store}: "
    assert _signing_key(options) == SigningKey(store, "upload", typed)
    monkeypatch.setenv("ANDROID_KEYSTORE_PASSWORD", "one")
    monkeypatch.setenv("ANDROID_KEY_PASSWORD", "two")
    assert _signing_key(options) == SigningKey(store, "upload", "one", "two")


@needs_tools
def test_one_student_and_one_processor_take_at_most_8_mb(apk):
    assert apk.stat().st_size <= 8e6


@needs_tools
def test_the_manifest_says_what_is_meant(apk):
    badging = tool("aapt2", "dump", "badging", apk)
    package = re.search(
        r"^package: name='([^']*)' versionCode='(\d+)' versionName='([^']*)'", badging, re.M
    )
    assert package and package[1] == "org.tf_i2i.demo" and int(package[2]) >= 1 and package[3]
    assert re.search(r"^sdkVersion:'26'", badging, re.M) and re.search(
        r"^targetSdkVersion:'36'", badging, re.M
    )
    assert re.search(r"^application: label='.+' icon='.+'", badging, re.M)
    assert "launchable-activity: name='org.tf_i2i.demo.MainActivity'" in badging
    assert "native-code: 'arm64-v8a'" in badging and "application-debuggable" not in badging
    # For live view. The photo picker, the camera app and MediaStore lend what else is needed; nothing
    # goes over the network.
    permissions = re.findall(r"^uses-permission.*: name='([^']*)'", badging, re.M)
    assert permissions == ["android.permission.CAMERA"]
    # Stores offer it to phones without a camera, too.
    assert "uses-feature-not-required: name='android.hardware.camera'" in badging


@needs_tools
def test_every_class_that_the_manifest_names_is_in_the_dex(apk):
    tree = tool("aapt2", "dump", "xmltree", "--file", "AndroidManifest.xml", apk)
    named = set(
        re.findall(
            r"E: (?:activity|application|provider|receiver|service) .*\n(?:(?!\s*E: ).*\n)*?\s*A: \S*:name\(\S*\)=\"([^\"]+)\"",
            tree,
        )
    )
    activities = {"MainActivity", "LiveActivity", "AboutActivity", "BenchmarkActivity"}
    assert {name.rpartition(".")[2] for name in named} == activities | {
        "DemoApplication",
        "PhotoProvider",
    }
    with zipfile.ZipFile(apk) as archive:
        defined = dex_classes(archive.read("classes.dex"))
    whole = {f"org.tf_i2i.demo{name}" if name.startswith(".") else name for name in named}
    assert {f"L{name.replace('.', '/')};" for name in whole} <= defined
    # What these use: the runtime and Kotlin's library.
    assert {
        "Lorg/tensorflow/lite/Interpreter;",
        "Lorg/tensorflow/lite/gpu/GpuDelegate;",
        "Lkotlin/Unit;",
    } <= defined


def dex_classes(dex: bytes) -> set[str]:
    """Descriptors of the classes that a dex file defines
    (https://source.android.com/docs/core/runtime/dex-format).
    """
    assert dex[:4] == b"dex\n"
    strings, types = (struct.unpack_from("<I", dex, place)[0] for place in (0x3C, 0x44))
    count, classes = struct.unpack_from("<II", dex, 0x60)

    def text(index: int) -> str:
        start = struct.unpack_from("<I", dex, strings + 4 * index)[0]
        while dex[start] & 0x80:  # its length, in 7 bits a byte
            start += 1
        return dex[start + 1 : dex.index(0, start + 1)].decode()

    found = (struct.unpack_from("<I", dex, classes + 32 * number)[0] for number in range(count))
    return {text(struct.unpack_from("<I", dex, types + 4 * index)[0]) for index in found}


@needs_tools
def test_the_source_tree_is_left_as_it_was(apk):
    built = [
        path for path in PROJECT.rglob("*.class") if path.stat().st_mtime > apk.stat().st_ctime - 1
    ]
    assert (
        not built and not (PROJECT / "app/src/main/assets/models/run-ab-256-int8.tflite").exists()
    )


def test_a_copy_of_a_read_only_project_can_be_built(tmp_path):
    project = tmp_path / "project"
    (project / "app" / "target").mkdir(parents=True)
    (project / "app" / "source.kt").write_text("fun main() {}")
    for path in (project / "app" / "source.kt", project / "app", project):
        path.chmod(0o555)
    copy_project(project, tmp_path / "copy")
    made = {
        path.relative_to(tmp_path / "copy").as_posix(): path.stat().st_mode & 0o700
        for path in (tmp_path / "copy").rglob("*")
    }
    assert made == {"app": 0o700, "app/source.kt": 0o600}


@needs_tools
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="TensorFlow Lite's desktop library is for Linux on x86-64",
)
def test_the_apps_own_tests_agree_with_stylize(tmp_path, monkeypatch):
    """JUnit and Robolectric with the real interpreter, on a model and a photo of today's Python."""
    run = fake_run(tmp_path, monkeypatch)
    # A working size of the photo's own, so that a brush of 2 translates it at half of its size.
    network, facts = (converted("int8", 128), student(), 128, "int8"), {"working_size_px": 300}
    model = add_file(run, described(*network, **facts), size=128)
    painting = tmp_path / "painting.tflite"
    painting.write_bytes(described(*network, **facts, brushstrokes=True))
    project = tmp_path / "project"
    copy_project(PROJECT, project)
    photo, shots = tmp_path / "photo.jpg", tmp_path / "screenshots"
    Image.fromarray(coffee()).resize((300, 200)).save(photo, quality=95)
    Image.open(photo).save(tmp_path / "decoded.png")
    # As large as live view draws frames with this model: 128 pixels, less 8 on each side.
    Image.open(photo).resize((112, 75)).save(tmp_path / "frame.png")
    large = tmp_path / "large.png"
    Image.fromarray(coffee()).resize((1200, 800)).save(large)
    small = tmp_path / "decoded.png", tmp_path / "frame.png"
    for folder, file, brush, pictures in (
        ("styled", model, "1", small),
        ("broad", model, "2", small),
        ("painted", painting, "2", small),
        ("large", painting, "1", [large]),
    ):
        command = [file, *pictures, "--out", tmp_path / folder, "--brush", brush]
        assert stylize([str(word) for word in command]) == 0
    shots.mkdir()
    command = [
        "mvn",
        "-q",
        "-B",
        "-f",
        project / "pom.xml",
        "test",
        f"-Dtf_i2i.model={model}",
        f"-Dtf_i2i.photo={photo}",
        f"-Dtf_i2i.expected={tmp_path / 'styled' / 'decoded.png'}",
        f"-Dtf_i2i.expected_broad={tmp_path / 'broad' / 'decoded.png'}",
        f"-Dtf_i2i.painting={painting}",
        f"-Dtf_i2i.expected_painted={tmp_path / 'painted' / 'decoded.png'}",
        f"-Dtf_i2i.large={large}",
        f"-Dtf_i2i.expected_large={tmp_path / 'large' / 'large.png'}",
        f"-Dtf_i2i.frame={tmp_path / 'frame.png'}",
        f"-Dtf_i2i.expected_frame={tmp_path / 'styled' / 'frame.png'}",
        f"-Dtf_i2i.screenshots={shots}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for report in project.rglob("surefire-reports/TEST-*.xml"):
        suite = ElementTree.parse(report).getroot()
        counts = {name: count + int(suite.get(name)) for name, count in counts.items()}
    assert counts["tests"] > 20 and counts["failures"] == counts["errors"] == counts["skipped"] == 0
    # The other flavour, against stubs of LiteRT.
    flavour = project / "target/compiled-model/classes/org/tf_i2i/demo/inference"
    assert (flavour / "CompiledModelEngineFactory.class").is_file()
    pictures_made = [np.asarray(Image.open(path)) for path in shots.glob("*.png")]
    assert pictures_made and all(picture.std() > 1 for picture in pictures_made)


@pytest.mark.parametrize("name", ["tiling", "brush"])
def test_shared_vectors_are_those_of_todays_python(name, tmp_path):
    folder = PROJECT / "test_vectors"
    script = f"make_{name}_vectors"
    spec = importlib.util.spec_from_file_location(script, folder / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path / "new.json")
    new = json.loads((tmp_path / "new.json").read_text())
    assert new == json.loads((folder / f"{name}.json").read_text())


def test_gradle_and_maven_name_the_same_versions():
    catalog = (PROJECT / "gradle" / "libs.versions.toml").read_text()
    gradle = dict(re.findall(r'^([\w-]+)\s*=\s*"([^"]+)"', catalog.split("[libraries]")[0], re.M))
    pom = ElementTree.parse(PROJECT / "pom.xml").getroot()
    space = {"": "http://maven.apache.org/POM/4.0.0"}
    maven = {tag(p).removesuffix(".version"): p.text for p in pom.find("properties", space)}
    both = gradle.keys() & maven.keys()
    assert {"kotlin", "junit", "robolectric", "minSdk", "targetSdk"} <= both
    assert {name: gradle[name] for name in both} == {name: maven[name] for name in both}
    build = (PROJECT / "app" / "build.gradle.kts").read_text()
    shown = {
        name: re.search(rf'{name} = "?([^"\s]+)"?', build)[1]
        for name in ("applicationId", "versionCode", "versionName")
    }
    own = {"versionName": pom.find("version", space).text}
    assert shown == {name: {**maven, **own}[name] for name in shown}


def tag(element) -> str:
    return element.tag.rpartition("}")[2]
