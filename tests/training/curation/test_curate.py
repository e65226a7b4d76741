"""training.curate on folders with planted copies, small, grey and framed pictures and pages of
text, and the way back.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_pictures
from PIL import Image, ImageDraw, ImageFont

from tf_i2i.data.cartoon_styles import STYLES
from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.image_files import read_image, resize_short_side
from tf_i2i.data.screening import difference_hash
from tf_i2i.errors import UserError
from training.curate import main
from training.curation.decisions import Domain, distances_outside, match_features
from training.curation.file_moves import Rejects
from training.curation.near_copies import (
    View,
    crop_similarity,
    find_keypoints,
    near_copies,
    similarity,
    small_grey,
)
from training.curation.scans import Box, inner_box, text_share
from training.curation.tones import measure_tones
from training.options.curate_options import CurateOptions

PHOTOS = bundled_photographs()
IMAGES = [resize_short_side(PHOTOS.read(i), 300) for i in range(len(PHOTOS))]


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        p.relative_to(folder).as_posix(): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file()
    }


def page_of_text(size: tuple[int, int] = (600, 800)) -> Image.Image:
    picture = Image.new("RGB", size, (240, 235, 220))
    draw, letters = ImageDraw.Draw(picture), np.random.default_rng(1)
    for line in range(30):
        words = (
            "".join(letters.choice(list("aeimnorstuw"), letters.integers(2, 9))) for _ in range(12)
        )
        draw.text(
            (20, 20 + 25 * line),
            " ".join(words),
            fill=(40, 30, 30),
            font=ImageFont.load_default(18),
        )
    return picture


def framed(
    image: np.ndarray, *layers: tuple[tuple[int, int, int, int], tuple[int, int, int]]
) -> np.ndarray:
    """Layers of margin, inner ones first: (top, bottom, left, right), colour."""
    for (top, bottom, left, right), colour in layers:
        whole = np.empty(
            (image.shape[0] + top + bottom, image.shape[1] + left + right, 3), np.uint8
        )
        whole[:] = colour
        whole[top : top + image.shape[0], left : left + image.shape[1]] = image
        image = whole
    return image


WANTED = {
    "copies/smaller.jpg": "near-duplicate",
    "copies/recompressed.jpg": "near-duplicate",
    "copies/cut-all-sides.png": "near-duplicate",
    "copies/cut-two-sides.jpg": "near-duplicate",
    "copies/cut-one-side-and-smaller.webp": "near-duplicate",
    "grey.jpg": "near-grey",
    "tiny.png": "too small",
    "strip.png": "too small",
    "page.png": "page of text",
    "broken.jpg": "unreadable",
    "mat-around-tiny.png": "too small",
}
MARGINS = {"mat.jpg": (300, 300), "letterbox.bmp": (300, 452)}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """All bundled photographs, two of them with margins, drawn pictures, cartoons, and what is
    planted. Read only.
    """
    folder = draw_pictures(tmp_path_factory.mktemp("mixed") / "photos", 5, seed=3, size=(320, 280))
    for number, image in enumerate(IMAGES):
        if number not in (0, 7):
            Image.fromarray(image).save(folder / f"photo-{number}.png")
    for number in (3, 5):
        Image.fromarray(STYLES["cartoon"](IMAGES[number])[:, 40:-40]).save(
            folder / f"cartoon-{number}.png"
        )
    Image.fromarray(framed(IMAGES[0], ((40, 60, 30, 30), (250, 248, 245)))).save(
        folder / "mat.jpg", quality=95
    )
    Image.fromarray(framed(IMAGES[7], ((50, 50, 0, 0), (0, 0, 0)))).save(folder / "letterbox.bmp")
    (folder / "copies").mkdir()
    large = PHOTOS.read(5)
    Image.fromarray(large).resize((400, 267)).save(folder / "copies" / "smaller.jpg")
    Image.fromarray(large).save(folder / "photo-5.png")
    Image.fromarray(IMAGES[1]).save(folder / "copies" / "recompressed.jpg", quality=30)
    height, width = IMAGES[2].shape[:2]
    down, across = round(0.05 * height), round(0.05 * width)
    cut = IMAGES[2][down // 2 : height - down // 2, across // 2 : width - across // 2]
    Image.fromarray(cut).save(folder / "copies" / "cut-all-sides.png")
    Image.fromarray(IMAGES[6][down:, across:]).save(
        folder / "copies" / "cut-two-sides.jpg", quality=85
    )
    shorter = Image.fromarray(IMAGES[4][:, across:])
    shorter.resize((shorter.width * 9 // 10, shorter.height * 9 // 10)).save(
        folder / "copies" / "cut-one-side-and-smaller.webp"
    )
    Image.fromarray(PHOTOS.read(3)).convert("L").save(folder / "grey.jpg")
    Image.fromarray(IMAGES[5]).resize((120, 90)).save(folder / "tiny.png")
    Image.fromarray(IMAGES[5][:90]).save(folder / "strip.png")
    Image.fromarray(framed(IMAGES[5][:200, :200], ((60, 60, 60, 60), (245, 245, 240)))).save(
        folder / "mat-around-tiny.png"
    )
    page_of_text().save(folder / "page.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.fixture
def copied(mixed, tmp_path) -> Path:
    shutil.copytree(mixed, tmp_path / "photos")
    return tmp_path / "photos"


def left_out(shown: str, root: Path) -> dict[str, str]:
    begin = f"left out: {root}/"
    lines = [line.removeprefix(begin) for line in shown.splitlines() if line.startswith(begin)]
    return {line.split(": ")[0]: line.split(": ")[1].split(" (")[0] for line in lines}


def test_planted_pictures_are_found_and_no_other_and_everything_comes_back(copied, capsys):
    before = tree(copied)
    limits = ["--min-size", "240", "--workers", "2"]
    assert main([str(copied), *limits]) is None
    shown = capsys.readouterr().out
    assert left_out(shown, copied) == WANTED
    assert [
        line.split("/")[-1].split(":")[0]
        for line in shown.splitlines()
        if line.startswith("margins: ")
    ] == sorted(MARGINS)
    # Looking changes nothing.
    assert tree(copied) == before and "nothing was changed" in shown
    assert {p.name for p in copied.parent.iterdir()} == {"photos", "curate.html"}
    assert "Margins: before and after" in (copied.parent / "curate.html").read_text(
        encoding="utf-8"
    )

    main([str(copied), *limits, "--apply"])
    after = tree(copied)
    # A BMP without its margins becomes a PNG.
    assert after.keys() == (before.keys() - WANTED.keys() - {"letterbox.bmp"}) | {"letterbox.png"}
    assert all(after[name] == before[name] for name in after.keys() - {"mat.jpg", "letterbox.png"})
    for name, size in {
        "mat.jpg": MARGINS["mat.jpg"],
        "letterbox.png": MARGINS["letterbox.bmp"],
    }.items():
        shape = read_image(copied / name).shape[:2]
        assert all(0 <= wanted - found <= 4 for wanted, found in zip(size, shape, strict=True)), (
            name,
            shape,
        )
    rejected = tree(copied.parent / "photos.rejected")
    assert rejected.keys() - {"curate.jsonl"} == WANTED.keys() | MARGINS.keys()
    assert all(rejected[name] == before[name] for name in rejected if name != "curate.jsonl")
    capsys.readouterr()
    main([str(copied), *limits, "--apply"])
    assert tree(copied) == after

    main([str(copied), "--undo"])
    assert tree(copied) == before
    assert {p.name for p in copied.parent.iterdir()} == {"photos", "curate.html"}
    assert "13 pictures are back" in capsys.readouterr().out


def test_the_report_shows_both_domains_side_by_side(mixed, tmp_path, capsys):
    other = draw_pictures(tmp_path / "<paintings>", 6, seed=9, size=(300, 300))
    report = tmp_path / "page.html"
    match = ["--match", "features", "--features", "offline", "--neighbours", "3"]
    main([str(mixed), str(other), "--min-size", "240", "--report", str(report), *match])
    page = report.read_text(encoding="utf-8")
    for part in (
        "Counts",
        "Sizes",
        "Colours",
        "photos: what stays",
        "page of text: 1",
        "lightness L*",
        "not in both domains: ",
        "Matched by offline-bank-1, 3 neighbours.",
    ):
        assert part in page
    assert "&lt;paintings&gt;" in page and "<paintings>" not in page
    assert page.count("<img") > len(WANTED) and "http:" not in page and "https:" not in page
    table = dict(
        line.rsplit(maxsplit=2)[::2]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("pictures ")
    )
    assert table == {"pictures": "6"}


def test_a_killed_apply_can_be_undone(tmp_path):
    root = draw_pictures(tmp_path / "photos", 60, seed=4)
    before = tree(root)
    command = [sys.executable, "-m", "training.curate", str(root), "--apply", "--workers", "1"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = tmp_path / "photos.rejected" / "curate.jsonl"
    while child.poll() is None and not (
        journal.exists() and len(journal.read_bytes().splitlines()) > 3
    ):
        time.sleep(0.001)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert tree(root) != before
    main([str(root), "--undo"])
    assert tree(root) == before


@pytest.mark.parametrize(
    "moment", ["before the original leaves", "before the trimmed form arrives"]
)
def test_every_moment_of_a_trim_can_be_undone(moment, tmp_path, monkeypatch):
    root = draw_pictures(tmp_path / "d", 1, seed=1)
    before = tree(root)
    rename, replace = os.rename, os.replace

    def killed_before_leaving(source, target):
        raise KeyboardInterrupt

    def killed_before_arriving(source, target):
        if not str(target).endswith(".trimmed"):
            raise KeyboardInterrupt
        replace(source, target)

    if moment == "before the original leaves":
        monkeypatch.setattr(os, "rename", killed_before_leaving)
    else:
        monkeypatch.setattr(os, "replace", killed_before_arriving)
    rejects = Rejects(root)
    with pytest.raises(KeyboardInterrupt), rejects.locked():
        rejects.replace("00.png", np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(os, "replace", replace)
    # As a kill leaves it: with half of a line.
    with open(tmp_path / "d.rejected" / "curate.jsonl", "a") as journal:
        journal.write('{"name": "')
    main([str(root), "--undo"])
    assert tree(root) == before and not (tmp_path / "d.rejected").exists()


def test_undo_leaves_what_is_new_alone(tmp_path):
    root = draw_pictures(tmp_path / "d", 3, seed=1)
    before = tree(root)
    rejects = Rejects(root)
    with rejects.locked():
        rejects.move("00.png")
        rejects.replace("01.png", np.zeros((8, 8, 3), np.uint8))
    (root / "00.png").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"00\.png: another file has that name now"):
        main([str(root), "--undo"])
    assert (root / "00.png").read_bytes() == b"mine" and tree(root)["01.png"] == before["01.png"]
    (root / "00.png").unlink()
    main([str(root), "--undo"])
    assert tree(root) == before
    with pytest.raises(UserError, match="nothing was moved"):
        main([str(root), "--undo"])


def test_portraits_are_matched_by_the_size_of_their_faces(tmp_path, capsys):
    astronaut = PHOTOS.read(0)
    photos, paintings = tmp_path / "photos", tmp_path / "paintings"
    for folder in (photos, paintings):
        folder.mkdir()
    for number, (top, left, side) in enumerate([(0, 100, 256), (10, 90, 250), (0, 70, 300)]):
        part = astronaut[top : top + side, left : left + side]
        Image.fromarray(part).resize((280, 280)).save(photos / f"near-{number}.png")
        Image.fromarray(
            STYLES["cartoon"](np.array(Image.fromarray(part[:, ::-1]).resize((280, 280))))
        ).save(paintings / f"near-{number}.png")
    Image.fromarray(astronaut).save(photos / "whole.png")
    Image.fromarray(PHOTOS.read(1)[:, :400]).save(paintings / "cat.png")
    main(
        [str(photos), str(paintings), "--match", "portraits", "--keep-copies", "--min-face", "0.3"]
    )
    shown = capsys.readouterr().out
    assert left_out(shown, photos) == {"whole.png": "not in both domains"}
    assert left_out(shown, paintings) == {"cat.png": "not in both domains"}
    with pytest.raises(UserError, match=r"no face of 0\.3"):
        main(
            [
                str(photos),
                str(draw_pictures(tmp_path / "discs", 2, seed=1, size=(300, 300))),
                "--match",
                "portraits",
                "--min-face",
                "0.3",
            ]
        )


def test_features_find_what_only_one_domain_has():
    """Two clouds that differ by an offset (the style) and one point each far from everything."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 6)), rng.normal(size=(30, 6)) + 5
    a[7] += 12
    b[3, 0] -= 15
    outside = [np.flatnonzero(distances > 0) for distances in distances_outside(a, b, 5)]
    assert 7 in outside[0] and 3 in outside[1]
    assert len(outside[0]) <= 3 and len(outside[1]) <= 3
    domain = Domain(Path("c"), {"c0": Path()}, {"c0": None})
    with pytest.raises(UserError, match="1 pictures are left in c"):
        match_features([domain, domain], None, 5)


def test_what_a_user_can_mend_is_one_line(mixed, tmp_path):
    draw_pictures(tmp_path / "small", 2, seed=1)
    cases = {
        "no such folder": [str(tmp_path / "none")],
        "give one of them": [str(mixed), "--apply", "--undo"],
        "3 folders were given": [str(mixed)] * 3,
        "give two folders": [str(mixed), "--match", "portraits"],
        "one folder is inside the other": [str(mixed), str(mixed / "copies")],
        "no pictures in this folder": [str(tmp_path / "empty")],
        "no picture is left": [str(tmp_path / "small")],
        "can't be written": [
            str(tmp_path / "small"),
            "--report",
            str(tmp_path / "small" / "00.png" / "x.html"),
        ],
    }
    (tmp_path / "empty").mkdir()
    for message, arguments in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            main(arguments)
        assert "\n" not in str(caught.value)


def view(image: np.ndarray, size: int = 1) -> View:
    return View(difference_hash(image), size, small_grey(image), 0, find_keypoints(image))


@pytest.mark.parametrize("number", range(len(IMAGES)))
def test_copies_are_told_from_other_photographs(number):
    image = IMAGES[number]
    height, width = image.shape[:2]
    down, across = round(0.05 * height), round(0.05 * width)
    small = resize_short_side(image, 90)
    cuts = [
        image[down:, across:],
        image[: height - down],
        image[:, across:],
        image[down:-down, across:-across],
    ]
    assert all(
        similarity(small_grey(small), small_grey(np.ascontiguousarray(cut))) > 0.94 for cut in cuts
    )
    others = [
        similarity(small_grey(image), small_grey(other))
        for i, other in enumerate(IMAGES)
        if i != number
    ]
    assert max(others) < 0.85
    assert similarity(small_grey(image), small_grey(image[:, ::-1])) < 0.85


def test_of_copies_the_largest_stays_whatever_their_order():
    image = IMAGES[5]
    pictures = {
        "b": view(image, 9),
        "a": view(image[:, 16:], 4),
        "c": view(image[14:], 9),
        "x": view(IMAGES[6], 1),
    }
    for names in ("abcx", "xcba", "cxab"):
        found = near_copies({name: pictures[name] for name in names})
        assert {name: kept for name, (kept, _) in found.items()} == {"a": "b", "c": "b"}
    # Flat pictures correlate with anything: they are nobody's copy.
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert near_copies({"p": view(flat), "q": view(flat), "r": view(image)}) == {}


@pytest.mark.parametrize("share", [0.9, 0.75, 0.6])
def test_other_crops_are_copies_whatever_their_size_and_colours(share):
    """Windows at random places, resized, recompressed, and with other colours."""
    rng = np.random.default_rng(7)
    pictures = {f"photo {i}": view(image, 9) for i, image in enumerate(IMAGES)}
    cuts = {}
    for number, image in enumerate(IMAGES):
        height, width = (round(share * side) for side in image.shape[:2])
        top, left = (rng.integers(0, image.shape[i] - n + 1) for i, n in ((0, height), (1, width)))
        cut = image[top : top + height, left : left + width] * rng.uniform(0.9, 1.1, 3)
        cut = Image.fromarray((cut + rng.uniform(-10, 10, 3)).clip(0, 255).astype(np.uint8))
        file = BytesIO()
        cut.resize((round(width * 1.3), round(height * 1.3))).save(file, "JPEG", quality=60)
        cuts[f"cut {number}"] = view(np.asarray(Image.open(file)))
    found = near_copies(pictures | cuts)
    assert {name: kept for name, (kept, _) in found.items()} == {
        f"cut {number}": f"photo {number}" for number in range(len(IMAGES))
    }
    names = [*pictures | cuts]
    assert near_copies({name: (pictures | cuts)[name] for name in reversed(names)}) == found


def test_what_crops_do_not_share_is_not_copied():
    """Neighbouring parts of a frieze, a caption in common, and a picture's mirror image."""
    frieze = IMAGES[6]
    width = frieze.shape[1]
    left, right = frieze[:, : round(0.58 * width)], frieze[:, round(0.42 * width) :]
    assert crop_similarity(view(left), view(right)) == 0
    caption = np.asarray(page_of_text((300, 60)))
    captioned = [np.vstack([resize_short_side(IMAGES[i], 300)[:, :300], caption]) for i in (0, 5)]
    assert near_copies({str(i): view(image) for i, image in enumerate(captioned)}) == {}
    mirrored = np.ascontiguousarray(frieze[:, ::-1])
    assert near_copies({"a": view(frieze), "b": view(mirrored)}) == {}


def test_text_is_told_from_pictures():
    assert text_share(np.asarray(page_of_text())) > 0.3
    assert text_share(255 - np.asarray(page_of_text((500, 700)))) > 0.2
    assert max(text_share(image) for image in IMAGES) < 0.08
    assert (
        text_share(np.zeros((1, 1, 3), np.uint8)) == 0
        and text_share(np.zeros((3, 900, 3), np.uint8)) == 0
    )


def grey_levels(image: np.ndarray) -> np.ndarray:
    """uint8 RGB [H, W, 3] to [H, W, 1], 0 to 1."""
    return np.asarray(Image.fromarray(image).convert("L"), np.float64)[..., None] / 255


def between(image: np.ndarray, *tones: tuple[int, int, int]) -> np.ndarray:
    """The picture in grey, mapped to a line of colours from dark to light: uint8 [H, W, 3]."""
    grey, levels = grey_levels(image)[..., 0], np.linspace(0, 1, len(tones))
    return np.stack([np.interp(grey, levels, tone) for tone in np.array(tones).T], -1).astype(
        np.uint8
    )


def drawing_on(paper: tuple[int, int, int], image: np.ndarray) -> np.ndarray:
    """A pencil drawing with much paper around it and touches of colour."""
    ink = grey_levels(STYLES["pencil"](image))
    drawing = np.full((image.shape[0] + 120, image.shape[1] + 120, 3), paper, np.float64)
    part = drawing[60:-60, 60:-60]
    part *= ink
    for place, colour in ((90, (200, 60, 50)), (150, (60, 90, 190))):
        part[place : place + 50, place : place + 70] *= np.divide(colour, 255)
    grain = np.random.default_rng(5).normal(0, 4, drawing.shape)
    return (drawing + grain).clip(0, 255).astype(np.uint8)


SEPIA, DUOTONE = ((30, 16, 8), (238, 220, 185)), ((20, 30, 70), (130, 110, 120), (250, 230, 170))
PAPERS = {"white": (248, 246, 240), "buff": (205, 180, 140), "green": (178, 196, 170)}


@pytest.mark.parametrize("number", range(len(IMAGES)))
def test_one_tint_is_told_from_faint_and_similar_colours(number):
    image, limit = IMAGES[number], CurateOptions(dirs=()).min_colours
    for tones in (SEPIA, DUOTONE, ((0, 0, 0), (255, 255, 255)), ((10, 30, 28), (200, 240, 230))):
        assert measure_tones(between(image, *tones)).stray_98 < 0.9 * limit
    # At a third of its saturation it still has colours of its own, as has a sepia print with a
    # touch of a second colour.
    grey = grey_levels(image) * 255
    assert measure_tones((grey + 0.33 * (image - grey)).astype(np.uint8)).stray_98 > limit
    tinted = between(image, *SEPIA)
    tinted[100:160, 100:160, 2] = 160
    assert measure_tones(tinted).stray_98 > limit
    assert measure_tones(np.zeros((1, 1, 3), np.uint8)) == (0, 0, 0)


@pytest.mark.parametrize("paper", PAPERS)
def test_drawings_on_any_paper_are_told_from_pictures(paper, tmp_path, capsys):
    """Names as hostile as files may have them; --keep-drawings and --min-colours 0 keep them."""
    folder = tmp_path / "絵 画"
    folder.mkdir()
    drawn = {f"{number} 素描 \n(x).png": IMAGES[number] for number in (0, 1, 5)}
    for name, image in drawn.items():
        Image.fromarray(drawing_on(PAPERS[paper], image)).save(folder / name)
        Image.fromarray(image).save(folder / f"{name[0]}.png")
    Image.fromarray(between(IMAGES[2], *SEPIA)).save(folder / "sépia.jpg")
    # The drawings and photographs show the same.
    others = ["--no-trim", "--keep-copies"]
    assert main([str(folder), *others]) is None
    shown = left_out(capsys.readouterr().out, folder)
    names = {name.replace("\n", "\\n"): "drawing on paper" for name in drawn}
    assert shown == {**names, "sépia.jpg": "monochrome"}
    assert main([str(folder), "--keep-drawings", "--min-colours", "0", *others]) is None
    assert left_out(capsys.readouterr().out, folder) == {}


def test_margins_are_told_from_skies_and_studios():
    for image in IMAGES:
        assert inner_box(image) == (0, 0, *image.shape[:2])
    image, size = IMAGES[6], IMAGES[6].shape[:2]
    for layers, box in (
        ([((30, 30, 30, 30), (250, 248, 245))], (30, 30)),
        ([((20, 40, 30, 25), (200, 180, 150))], (20, 30)),
        ([((50, 50, 0, 0), (0, 0, 0))], (50, 0)),
        ([((0, 0, 60, 60), (255, 255, 255))], (0, 60)),
        ([((12, 0, 10, 10), (0, 0, 0))], (12, 10)),
        ([((30, 30, 30, 30), (245, 245, 240)), ((20, 20, 20, 20), (20, 20, 20))], (50, 50)),
    ):
        top, left = box
        assert inner_box(framed(image, *layers)) == Box(top, left, top + size[0], left + size[1])
    # Even bars of a colour on two sides may be a wall; a whole even picture has nothing within its
    # margin.
    assert inner_box(framed(image, ((40, 40, 0, 0), (90, 140, 200))))[0] == 0
    for odd in (
        np.full((50, 60, 3), 255, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((2, 5000, 3), np.uint8),
    ):
        assert inner_box(odd) == (0, 0, *odd.shape[:2])
