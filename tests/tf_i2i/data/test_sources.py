from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tf_i2i
from tf_i2i.data.image_files import UnreadableImage
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError, one_line


def save(path, value: int, size=(20, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)


def test_folder_is_searched_recursively_and_sorted(tmp_path):
    for value, name in enumerate(
        ["b.PNG", "a/z.bmp", "a.webp", "c/d/e.png", ".hidden.png", "__MACOSX/x.png"]
    ):
        save(tmp_path / name, value)
    save(tmp_path / ".cache" / "y.png", 9)
    (tmp_path / "notes.txt").write_text("not a picture")
    source = open_source(str(tmp_path), "--domain-a")
    assert source.names == ["a.webp", "a/z.bmp", "b.PNG", "c/d/e.png"]
    assert [int(source.read(i)[0, 0, 0]) for i in range(len(source))] == [2, 1, 0, 3]
    assert source.description == str(tmp_path)


def test_what_pillow_reads_is_read_and_the_rest_is_counted(tmp_path, capsys):
    """Phones and scanners write more than JPEG; nothing is passed over without a word."""
    names = ["a.tif", "b.TIFF", "c.gif", "d.jfif", "e.avif", "f.jp2", "g.jpe"]
    for value, name in enumerate(names):
        kind = {".jfif": "jpeg", ".jpe": "jpeg"}.get(Path(name).suffix)
        (tmp_path / "p").mkdir(exist_ok=True)
        Image.new("RGB", (20, 24), (30 * value,) * 3).save(tmp_path / "p" / name, kind)
    for name in ("1.HEIC", "sub/2.heic", "notes.txt", "README", ".hidden.heic"):
        (tmp_path / "p" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "p" / name).write_bytes(b"x")
    for _ in range(2):  # as one command may
        source = open_source(str(tmp_path / "p"), "--domain-a")
    assert source.names == names
    for index in range(len(names)):
        assert abs(int(source.read(index).mean()) - 30 * index) < 4
    said = "4 other files are not read (.heic 2, .txt 1, no suffix 1)"
    assert capsys.readouterr().err == f"--domain-a {tmp_path / 'p'}: {said}\n"
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "1.heic").write_bytes(b"x")
    with pytest.raises(UserError, match=r"no pictures in this folder.*not read \(.heic 1\)"):
        open_source(str(tmp_path / "only"), "--domain-a")


def test_links_to_folders_are_followed_once(tmp_path):
    save(tmp_path / "real" / "a.png", 1)
    (tmp_path / "folder").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "folder" / "link")
    os.symlink(tmp_path / "folder", tmp_path / "folder" / "loop")
    assert open_source(str(tmp_path / "folder"), "--a").names == ["link/a.png"]


def test_list_file_paths_are_relative_to_the_list(tmp_path, monkeypatch):
    save(tmp_path / "data" / "x.png", 5)
    save(tmp_path / "y.png", 6)
    listing = tmp_path / "data" / "list.txt"
    listing.write_bytes(
        b"\xef\xbb\xbfx.png\r\n\r\n  ../y.png \n" + str(tmp_path / "gone.png").encode() + b"\n"
    )
    monkeypatch.chdir("/")
    source = open_source(str(listing), "--domain-b")
    assert [int(source.read(i)[0, 0, 0]) for i in (0, 1)] == [5, 6]
    with pytest.raises(UnreadableImage, match=r"gone\.png: no such file"):
        source.read(2)


def test_list_files_as_people_write_them(tmp_path, monkeypatch):
    """Quotes that shells and file managers put around a path, ~, and names of any letters."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    names = [
        "home/a b.png",
        "'q'.png",
        '"it\'s".png',
        "line\u2028end.png",
        "'own quotes'",
        "[1] *?.png",
    ]
    for value, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with open(tmp_path / name, "wb") as file:
            Image.new("RGB", (20, 24), (value,) * 3).save(file, "png")
    lines = [
        '"~/a b.png"',
        "'q'.png",
        '"it\'s".png',
        "line\u2028end.png",
        "'own quotes'",
        "'[1] *?.png'",
    ]
    (tmp_path / "list.txt").write_text("\r\n".join(lines), "utf-8")
    source = open_source(str(tmp_path / "list.txt"), "--domain-a")
    assert [int(source.read(i)[0, 0, 0]) for i in range(len(source))] == [0, 1, 2, 3, 4, 5]


def test_list_files_that_lead_nowhere(tmp_path):
    (tmp_path / "list.txt").write_text("photos/x.png\n")
    with pytest.raises(
        UserError, match=r"first .*/photos/x.png\); relative paths start at the list"
    ):
        open_source(str(tmp_path / "list.txt"), "--a")
    (tmp_path / "list.txt").write_text("x" * 300 + "\n")  # longer than any name may be
    with pytest.raises(UserError, match="none of the 1 files"):
        open_source(str(tmp_path / "list.txt"), "--a")
    for encoding in ("utf-16", "utf-16-le"):
        (tmp_path / "list.txt").write_text("photos/x.png\n", encoding)
        with pytest.raises(UserError, match="UTF-16; save it as UTF-8"):
            open_source(str(tmp_path / "list.txt"), "--a")


def test_errors_name_the_option_and_the_path(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "binary.dat").write_bytes(b"\0\1\2")
    save(tmp_path / "one.png", 1)
    for name in ("missing", "empty", "empty.txt", "binary.dat", "one.png"):
        with pytest.raises(UserError) as caught:
            open_source(str(tmp_path / name), "--domain-a")
        assert str(caught.value).startswith(f"--domain-a {tmp_path / name}: ")
        assert "\n" not in str(caught.value)


def test_odd_file_names_print_on_one_line():
    assert one_line("a\nb") == "a\\nb"
    assert one_line(os.fsdecode(b"caf\xe9.png")) == "caf\\xe9.png"
    assert one_line("café.png") == "café.png"


@pytest.mark.parametrize("src", ["tfds:", "tfds:horses", "tfds::train", "tfds:a:b:c:d"])
def test_malformed_tfds_source(src):
    with pytest.raises(UserError, match="write tfds:NAME:SPLIT"):
        open_source(src, "--domain-a")


BUILDER = """
import numpy as np
import tensorflow_datasets as tfds

class TinyPictures(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"image": tfds.features.Image(), "other": tfds.features.Image(), "label": np.int64}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, manager):
        return {"train": self._generate_examples(10)}

    def _generate_examples(self, count):
        for i in range(count):
            image = np.full((20, 30, 3), i, np.uint8)
            yield i, {"image": image, "other": image + 100, "label": i}
"""

CHECKS = """
import sys
from tiny.pictures import TinyPictures
from tf_i2i.errors import UserError
from tf_i2i.data.sources import open_source

def message(src):
    try:
        open_source(src, "--domain-a")
    except UserError as error:
        return str(error)

assert "download_and_prepare()" in message("tfds:tiny_pictures:train")
TinyPictures(data_dir=sys.argv[1]).download_and_prepare()
assert ":image, :other" in message("tfds:tiny_pictures:train")
assert "tiny_pictures has train" in message("tfds:tiny_pictures:test:image")
assert "knows no" in message("tfds:no_such_data_set:train")
whole = open_source("tfds:tiny_pictures:train:image", "--domain-a")
values = [int(whole.read(i)[0, 0, 0]) for i in range(10)]
assert sorted(values) == list(range(10)), values
assert [int(whole.read(i)[0, 0, 0]) for i in (7, 2, 3, 7)] == [values[i] for i in (7, 2, 3, 7)]
part = open_source("tfds:tiny_pictures:train[:40%]:other", "--domain-a")
assert len(part) == 4 and part.names[3] == "tiny_pictures/train[:40%]/000003"
assert [int(part.read(i)[0, 0, 0]) - 100 for i in range(4)] == values[:4]

from training.options.trainer_options import CycleGANOptions
from training.runs.run_data import load_data

def scored_as_pairs(*parts):
    names = [f"tfds:tiny_pictures:{part}" for part in ("train:image", "train:other", *parts)]
    fields = ("domain_a", "domain_b", "val_a", "val_b")
    return load_data(CycleGANOptions(**dict(zip(fields, names)), load_size=20), print).paired

# The same examples; others of equal number, whose places say nothing.
assert scored_as_pairs("train[:40%]:image", "train[:40%]:other")
assert not scored_as_pairs("train[:40%]:image", "train[60%:]:other")
"""


def test_prepared_tensorflow_dataset(tmp_path):
    # A process of its own: this one may never import TensorFlow. A package: the builder looks for
    # its folder.
    package, prepared = tmp_path / "tiny", tmp_path / "prepared"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "pictures.py").write_text(BUILDER)
    paths = os.pathsep.join([str(tmp_path), str(Path(tf_i2i.__file__).parents[1])])
    environment = {"TFDS_DATA_DIR": str(prepared), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": paths}
    command = [sys.executable, "-c", CHECKS, str(prepared)]
    run = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]


def test_data_modules_do_not_import_tensorflow():
    folder = Path(tf_i2i.__file__).parent / "data"
    modules = sorted({path.stem for path in folder.glob("*.py")} - {"__init__", "batches"})
    code = f"import sys, {', '.join(f'tf_i2i.data.{name}' for name in modules)}\n"
    code += "print([name for name in ('tensorflow', 'skimage', 'sklearn') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_read_is_its_own_array(tmp_path):
    save(tmp_path / "a.png", 3)
    source = open_source(str(tmp_path), "--a")
    image = source.read(0, max_side=12)
    assert image.shape == (12, 10, 3) and image.dtype == np.uint8 and image.flags.writeable


def test_one_picture_as_a_source(tmp_path):
    """Where one is enough; elsewhere the message says what to give."""
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a [1] %.png")
    source = open_source(str(tmp_path / "a [1] %.png"), "--domain-b", one_picture=True)
    assert source.names == ["a [1] %.png"] and source.read(0).shape == (40, 40, 3)
    with pytest.raises(UserError, match="give the folder that it is in"):
        open_source(str(tmp_path / "a [1] %.png"), "--domain-a")
