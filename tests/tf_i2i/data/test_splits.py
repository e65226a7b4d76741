"""--split: drawn by seed, disjoint by content and by person, stored in the run and used again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import PAIRED_TINY, TINY, draw_pictures
from PIL import Image

from tf_i2i.data.splits import draw_splits, folders_of, parse_split
from tf_i2i.errors import UserError


def draw(items, text, seed=1):
    (found,) = draw_splits([items], parse_split(text), seed, ["--domain-a"])
    return found


def test_numbers_are_met_and_the_draw_is_by_seed():
    items = [[f"file {number}"] for number in range(40)]
    found = draw(items, "20/8/5")
    assert [found.count(name) for name in ("train", "val", "test", None)] == [20, 8, 5, 7]
    backwards = draw(items[::-1], "20/8/5")[::-1]
    assert backwards == found, "the order of the files must not matter"
    assert draw(items, "20/8/5", seed=2) != found
    found = draw(items, "50%/25%/25%")
    assert [found.count(name) for name in ("train", "val", "test")] == [20, 10, 10]


def test_what_belongs_together_stays_together():
    # 30 people with 1 to 12 pictures; picture 0 of person 3 is also filed under person 4.
    rng = np.random.default_rng(5)
    items = [
        [f"file {p}-{k}", f"folder {p}"] for p in range(30) for k in range(rng.integers(1, 13))
    ]
    items.append(["file 3-0", "folder 4"])
    for text in ("60/20/20", "60%/20%/20%"):
        found = draw(items, text)
        splits: dict[str, set] = {}
        for keys, split in zip(items, found, strict=True):
            if split:
                for key in keys:
                    splits.setdefault(key, set()).add(split)
        assert all(len(of_key) == 1 for of_key in splits.values())
        assert splits.get("folder 3") == splits.get("folder 4")
    assert [draw(items, "60/20/20").count(name) for name in ("train", "val", "test")] == [
        60,
        20,
        20,
    ]


def test_a_person_in_both_domains_is_in_one_split():
    photos = [[f"photo {p}-{k}", f"folder {p}"] for p in range(8) for k in range(10)]
    drawings = [[f"drawing {p}-{k}", f"folder {p}"] for p in range(4, 12) for k in range(10)]
    of_photos, of_drawings = draw_splits(
        [photos, drawings], parse_split("50/20/10"), 1, ["--domain-a", "--domain-b"]
    )
    where = {keys[1]: split for keys, split in zip(photos, of_photos, strict=True)}
    for keys, split in zip(drawings, of_drawings, strict=True):
        assert where.get(keys[1]) is None or split in (None, where[keys[1]])
    assert [of_drawings.count(name) for name in ("train", "val", "test")] == [50, 20, 10]


def test_folders_are_those_below_what_all_share():
    assert folders_of(["Ann/1.jpg", "Ben/home/2.jpg"], "--domain-a") == ["Ann", "Ben"]
    assert folders_of(["/data/faces/Ann/1.jpg", "/data/faces/Ben/1.jpg"], "--domain-a") == [
        "Ann",
        "Ben",
    ]
    for names in (["1.jpg", "Ann/1.jpg"], ["Ann/1.jpg", "Ann/2.jpg"], ["1.jpg", "2.jpg"]):
        with pytest.raises(UserError, match=r"--domain-a: .* one folder for each person"):
            folders_of(names, "--domain-a")


@pytest.mark.parametrize(
    "text", ["", "5", "5/5", "5/5/x", "-1/2/3", "0/5/5", "80%/30%/10%", "80/10%/10%", "nan%/1%/1%"]
)
def test_other_forms_are_refused(text):
    with pytest.raises(UserError, match="--split"):
        parse_split(text)


def test_too_few_pictures():
    with pytest.raises(
        UserError, match="--domain-a has 10 pictures, 4 are left where 8 are required for train"
    ):
        draw([[f"file {number}"] for number in range(10)], "8/4/2")
    with pytest.raises(UserError, match="stay together"):
        draw([["file 1", "folder 1"], ["file 2", "folder 1"], ["file 3", "folder 1"]], "1/1/1")


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Path:
    """Two domains of 6 people with 3 pictures; a copy under another person, and one as another kind
    of file.
    """
    root = tmp_path_factory.mktemp("people")
    for domain in ("a", "b"):
        for person in range(6):
            draw_pictures(
                root / domain / f"person-{domain}{person}", 3, seed=10 * person + (domain == "b")
            )
    shutil.copy(root / "a/person-a0/00.png", root / "a/person-a1/copy.png")
    Image.open(root / "a/person-a2/01.png").save(root / "a/person-a3/same-pixels.bmp")
    return root


@pytest.fixture(scope="module")
def run(people, tmp_path_factory) -> Path:
    from training.cyclegan import main

    root = tmp_path_factory.mktemp("runs") / "split"
    assert main([*arguments(people, root), "--steps", "2"]) is None
    return root


def arguments(people: Path, run: Path) -> list[str]:
    return [
        *TINY,
        "--domain-a",
        str(people / "a"),
        "--domain-b",
        str(people / "b"),
        "--run",
        str(run),
        "--student",
        "none",
        "--split",
        "9/3/3",
        "--split-by",
        "folder",
    ]


def entries(record: dict, domain: str) -> list[tuple[str, dict]]:
    return [(split, entry) for split in ("train", "val", "test") for entry in record[domain][split]]


def test_the_run_stores_a_split_without_a_person_or_picture_in_two(run, people):
    record = json.loads((run / "split.json").read_text())
    for domain, folder in (("domain_a", "a"), ("domain_b", "b")):
        assert [len(record[domain][name]) for name in ("train", "val", "test")] == [9, 3, 3]
        persons, pixels = {}, {}
        for split, entry in entries(record, domain):
            path = people / folder / entry["name"]
            persons.setdefault(path.parent.name, set()).add(split)
            pixels.setdefault(np.asarray(Image.open(path)).tobytes(), set()).add(split)
        assert all(len(found) == 1 for found in (*persons.values(), *pixels.values()))
        for one, other in (("person-a0", "person-a1"), ("person-a2", "person-a3")):
            assert (
                persons.get(one) is None
                or persons.get(other) is None
                or persons[one] == persons[other]
            )
    config = json.loads((run / "config.json").read_text())
    assert config["data"]["counts"] == {
        "train_a": 9,
        "train_b": 9,
        "val_a": 3,
        "val_b": 3,
        "test_a": 3,
        "test_b": 3,
    }


def test_the_stored_split_is_used_again(run, people, tmp_path, capsys):
    import hashlib

    from training.cyclegan import main
    from training.runs.finished_run import FinishedRun

    record = json.loads((run / "split.json").read_text())
    data = FinishedRun(run).data()
    for name, cache in (("train", data.train_a), ("val", data.val_a), ("test", data.test_a)):
        assert [entry["name"] for entry in record["domain_a"][name]] == cache.names
    sums = {entry["name"]: entry["sha256"] for _, entry in entries(record, "domain_a")}
    name, stored = next(iter(sums.items()))
    assert hashlib.sha256((people / "a" / name).read_bytes()).hexdigest() == stored

    # Another hand may have chosen it: what is stored counts, not what would be drawn now. Later
    # pictures take no part.
    copy, moved = tmp_path / "run", tmp_path / "people"
    shutil.copytree(run, copy)
    shutil.copytree(people, moved)
    config = json.loads((copy / "config.json").read_text())
    config["options"] |= {
        "domain_a": str(moved / "a"),
        "domain_b": str(moved / "b"),
        "split_seed": 99,
    }
    (copy / "config.json").write_text(json.dumps(config))
    draw_pictures(moved / "a" / "person-later", 4, seed=77)
    assert main(["--resume", "--run", str(copy), "--steps", "3"]) is None
    assert json.loads((copy / "split.json").read_text()) == record
    assert FinishedRun(copy).data().test_a.names == data.test_a.names

    changed = moved / "a" / record["domain_a"]["test"][0]["name"]
    Image.open(changed).rotate(180).save(changed)
    with pytest.raises(
        UserError,
        match="--domain-a: 1 of the 15 pictures of the run's split are another picture now",
    ):
        FinishedRun(copy).data()
    changed.unlink()
    with pytest.raises(UserError, match="are missing"):
        FinishedRun(copy).data()
    (copy / "split.json").unlink()
    with pytest.raises(UserError, match=r"split\.json: can't be read"):
        FinishedRun(copy).data()


def test_pairs_are_split_as_pairs(pair_folders, tmp_path):
    from training.pix2pix import main
    from training.runs.finished_run import FinishedRun

    # One target under two names, as a copy has it: both must land in one split.
    root = tmp_path / "pairs"
    shutil.copytree(pair_folders, root)
    shutil.copy(root / "target/00.png", root / "target/01.png")
    run = tmp_path / "run"
    assert (
        main(
            [
                *PAIRED_TINY,
                "--input",
                str(root / "input"),
                "--target",
                str(root / "target"),
                "--run",
                str(run),
                "--steps",
                "1",
                "--student",
                "none",
                "--split",
                "50%/25%/25%",
            ]
        )
        is None
    )
    data = FinishedRun(run).data()
    parts = [(data.train_a, data.train_b), (data.val_a, data.val_b), (data.test_a, data.test_b)]
    assert sum(len(inputs) for inputs, _ in parts) == 14
    assert all(inputs.names == targets.names and len(inputs) >= 3 for inputs, targets in parts)
    assert sum({"00.png", "01.png"} <= set(inputs.names) for inputs, _ in parts) == 1


def test_what_does_not_go_with_a_split(people, tmp_path):
    from training.cyclegan import main

    cases = {
        "--split divides pictures of yours": ["--split", "5/1/1"],
        "--split and --val-a": [*arguments(people, tmp_path / "x"), "--val-a", "x", "--val-b", "y"],
        "--split 5: write TRAIN/VAL/TEST": [*arguments(people, tmp_path / "x"), "--split", "5"],
    }
    for message, given in cases.items():
        with pytest.raises(UserError, match=message) as error:
            main([*TINY, "--run", str(tmp_path / "x"), *given])
        assert "\n" not in str(error.value)
