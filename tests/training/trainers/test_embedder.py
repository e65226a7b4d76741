"""training.embedder: synthetic people are told apart, held-out ones are none of those learnt, the
file serves as a face network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_people import draw_people
from PIL import Image

from tf_i2i.errors import UserError
from tf_i2i.metrics.identity_metrics import area_under_curve, best_threshold, verification_scores
from tf_i2i.pretrained.face_networks import load_face_network
from training.embedder import main
from training.options.face_options import EmbedderOptions
from training.trainers.face_trainer import load_people, split_people


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    return draw_people(tmp_path_factory.mktemp("faces"), 10, 4)


def test_scores_of_known_distances():
    embeddings = np.array([[0.0, 0], [0, 1], [5, 0], [5, 3]])
    scores = verification_scores(embeddings, np.array([0, 0, 1, 1]))
    assert (scores["auc"], scores["accuracy"], scores["same_pairs"], scores["other_pairs"]) == (
        1,
        1,
        2,
        4,
    )
    assert scores["threshold"] == (3 + 5) / 2 and scores["same_distance"] == 2
    assert area_under_curve(np.array([1.0, 4]), np.array([2.0, 3])) == 0.5
    assert best_threshold(np.array([1.0, 4]), np.array([2.0, 3])) == (1.5, 0.75)
    with pytest.raises(ValueError, match="pairs of one person"):
        verification_scores(embeddings, np.arange(4))


def test_people_are_split_not_pictures(faces):
    options = EmbedderOptions(faces=str(faces), size=32)
    people = load_people(options)
    assert len(people.names) == 10 and people.crops.shape == (40, 40, 40, 3)
    learnt, held_out = split_people(people, options)
    assert len(held_out.names) == 2 and set(learnt.names) | set(held_out.names) == set(people.names)
    assert not set(learnt.names) & set(held_out.names)
    for part in (learnt, held_out):
        for index, name in enumerate(part.names):
            whole = people.crops[people.of == people.names.index(name)]
            assert np.array_equal(part.crops[part.of == index], whole)


def test_strangers_are_told_apart(faces, tmp_path):
    out = tmp_path / "own.keras"
    arguments = f"--faces {faces} --out {out} --size 32 --width 4 --dimensions 8".split()
    assert (
        main([*arguments, "--steps", "40", "--held-out", "0.4", "--learning-rate", "0.003"]) is None
    )
    card = json.loads(Path(f"{out}.json").read_text())
    assert card["verification"]["auc"] > 0.8 and len(card["held_out_people"]) == 4
    network = load_face_network(str(out))
    assert (network.size, network.threshold) == ((32, 32), card["threshold"])
    pictures = np.stack([np.asarray(Image.open(path)) for path in sorted(faces.rglob("*.png"))[:8]])
    embeddings = network.embed(pictures.astype(np.float32) / 127.5 - 1).numpy()
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_what_can_not_be_learnt_from(tmp_path):
    with pytest.raises(UserError, match="--faces DIR is missing"):
        main([])
    few = draw_people(tmp_path / "few", 3, 2)
    with pytest.raises(UserError, match="3 people have two pictures or more, at least 4"):
        main(["--faces", str(few), "--size", "32"])
    with pytest.raises(UserError, match=r"must end in \.keras"):
        main(["--faces", str(few), "--out", str(tmp_path / "x.h5")])
    with pytest.raises(UserError, match="at least 4 are needed"):
        main(["--faces", str(few), "--size", "32", "--face-crop", "detected"])


@pytest.mark.parametrize(
    "module", ["training.embedder", "training.cyclegan", "benchmarks.guidance"]
)
def test_help_and_wrong_usage_need_no_heavy_import(module):
    script = (
        f"import sys, {module} as command\n"
        "try: command.main(sys.argv[1:])\n"
        "except SystemExit as end: print(end.code, 'tensorflow' in sys.modules)\n"
    )
    for arguments, status in ((["--help"], 0), (["--steps", "0"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == f"{status} False"
