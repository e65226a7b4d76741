"""Option files: what each line means, that the command line wins, and that a wrong line is named."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tf_i2i.command_line import given_options, option, parse
from training.options.trainer_options import CycleGANOptions, DistillOptions, Pix2PixOptions

ROOT = Path(__file__).resolve().parents[2]


def parsed(argv, options_class=CycleGANOptions):
    return parse(options_class, argv, "test", "")


def file_with(folder: Path, text: str) -> str:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return str(path)


def test_the_command_line_wins(tmp_path):
    file = file_with(
        tmp_path,
        "# a recipe\nlambda-face: 5   # weight\nface_shift: -0.1\n\nflip: no\n"
        "segmentation-range: 0 255\nface-range: [-2, 2]\ndomain-a: 'my photos'\n"
        "face-model: face.keras\nlambda-segmentation: 1\n",
    )
    options = parsed(["--lambda-face", "1", "--options", file])
    assert (options.lambda_face, options.face_shift, options.flip) == (1.0, -0.1, False)
    assert (options.segmentation_range, options.face_range) == ((0.0, 255.0), (-2.0, 2.0))
    assert (options.domain_a, options.ngf) == ("my photos", 64)
    assert parsed(["--options", file, "--flip"]).flip is True
    assert given_options(CycleGANOptions, ["--options", file, "--seed", "3"]) == {
        "options",
        "seed",
        "lambda_face",
        "face_shift",
        "flip",
        "segmentation_range",
        "face_range",
        "domain_a",
        "face_model",
        "lambda_segmentation",
    }


def test_flags_that_may_be_repeated():
    @dataclasses.dataclass(frozen=True)
    class Options:
        all: tuple[str, ...] = option(("default",), "values", repeatable=True)
        last: tuple[int, ...] = option((0,), "values")

    words = ["--all", "a", "b", "--last", "1", "--all", "c", "--last", "2", "3"]
    assert parsed(words, Options) == Options(all=("a", "b", "c"), last=(2, 3))
    assert parsed([], Options) == Options()
    assert given_options(Options, words) == {"all", "last"}


def test_yaml_as_it_is_written(tmp_path):
    """A # within a word is part of it, a document may have a head and a mark of its encoding."""
    file = file_with(
        tmp_path, "\ufeff%YAML 1.1\n---\nrun: runs/take#2\ndomain-a: a b#c  # of May\n...\n"
    )
    options = parsed(["--options", file])
    assert (options.run, options.domain_a) == ("runs/take#2", "a b#c")


def test_one_word_for_the_steps_of_a_student(tmp_path, capsys):
    """What one command calls --student-steps the other does too; its former name is still taken."""
    assert parsed(["--student-steps", "7"], DistillOptions).steps == 7
    assert capsys.readouterr().err == ""
    for words in (["--steps", "7"], ["--options", file_with(tmp_path, "steps: 7\n")]):
        assert parsed(words, DistillOptions).steps == 7
        assert capsys.readouterr().err == "hint: --steps is called --student-steps now\n"
        assert "steps" in given_options(DistillOptions, words)
    assert (
        parsed(["--options", file_with(tmp_path, "student-steps: 7\n")], DistillOptions).steps == 7
    )


def test_one_length_replaces_another(tmp_path):
    """Of the ways to say how long, which exclude each other, the command line's alone counts."""
    file = file_with(tmp_path, "epochs: 200\nngf: 8\n")
    words = ["--options", file, "--steps=10"]
    options = parsed(words)
    assert (options.steps, options.epochs, options.ngf) == (10, None, 8)
    assert given_options(CycleGANOptions, words) == {"options", "steps", "ngf"}
    assert parsed(["--options", file]).epochs == 200


def test_home_folders(tmp_path, monkeypatch):
    """No shell expands a ~ after an = or in a file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    file_with(tmp_path, "domain-a: ~/photos\nval-a: tfds:~/x:train\n")
    options = parsed(["--options=~/recipe.yaml", "--run=~/run"])
    assert options.run == f"{tmp_path}/run" and options.domain_a == f"{tmp_path}/photos"
    assert options.val_a == "tfds:~/x:train"  # its own reader expands this one
    assert parsed(["--run", "~no-such-user/run"]).run == "~no-such-user/run"


@pytest.mark.parametrize("options_class", [CycleGANOptions, Pix2PixOptions, DistillOptions])
def test_every_trainer_reads_them(tmp_path, options_class):
    assert (
        parsed(["--options", file_with(tmp_path, "batch-size: 3\n")], options_class).batch_size == 3
    )


@pytest.mark.parametrize(
    "text, said",
    [
        (
            "seed: 2\nlambda-fase: 5\n",
            "line 2: unknown option lambda-fase; did you mean lambda-face?",
        ),
        ("quux: 1\n", "unknown option quux; --help lists"),
        ("options: other.yaml\n", "unknown option options"),
        ("seed: 1\nseed: 2\n", "line 2: seed is there twice"),
        ("seed 1\n", "not options; write `name: value` on each line"),
        ("seed:\n", "seed has no value"),
        ("seed: one\n", "argument --seed: invalid int value: 'one'"),
        ("flip: maybe\n", "flip is a switch"),
        ("run: 'half\n", "line 1: found unexpected end of stream"),
        ("seed: -1\n", "--seed must be at least 0"),
        ("seed: {a: 1}\n", "line 1: seed takes a value or a list of values"),
    ],
)
def test_wrong_lines_are_named(tmp_path, capsys, text, said):
    with pytest.raises(SystemExit) as stop:
        parsed(["--options", file_with(tmp_path, text)])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_files_that_are_none(tmp_path, capsys):
    (tmp_path / "picture.yaml").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "notepad.yaml").write_text("seed: 3\n", "utf-16")
    for name, said in (
        ("missing.yaml", "No such file"),
        ("picture.yaml", "not text in UTF-8"),
        ("notepad.yaml", "save it as UTF-8"),
        (".", "directory"),
    ):
        with pytest.raises(SystemExit) as stop:
            parsed(["--options", str(tmp_path / name)])
        assert stop.value.code == 2 and said in capsys.readouterr().err


def test_recipes_are_valid_and_yaml():
    import yaml

    recipes = sorted((ROOT / "recipes").glob("*.yaml"))
    assert {recipe.stem for recipe in recipes} >= {"klimt", "faces"}
    for recipe in recipes:
        options = parsed(["--options", str(recipe)])
        for name, value in yaml.safe_load(recipe.read_text()).items():
            assert getattr(options, name.replace("-", "_")) == value


def test_one_line_and_status_2(tmp_path):
    file = file_with(tmp_path, "lambda-fase: 5\n")
    done = subprocess.run(
        [sys.executable, "-m", "training.cyclegan", "--options", file],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("did you mean lambda-face?")
