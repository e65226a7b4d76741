"""The search for student designs, on a tiny run: what it writes, what it keeps, what is on the
frontier.
"""

import json
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from export.search import main
from export.student_search.search_job import table
from tf_i2i.errors import UserError


@pytest.mark.timeout(600)
def test_candidates_are_trained_timed_scored_and_kept(tmp_path, tiny_run, capsys):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    arguments = [
        "--run",
        str(run),
        "--only",
        "narrow",
        "no-detail",
        "--steps",
        "4",
        "--size",
        "32",
        "--repeats",
        "3",
    ]
    assert main(arguments) == 0
    rows = json.loads((run / "search" / "search.json").read_text())["results"]
    assert {row["candidate"] for row in rows} == {"narrow", "no-detail"}
    assert [row["us_per_pixel"] for row in rows] == sorted(row["us_per_pixel"] for row in rows)
    assert rows[0]["on_frontier"] and all(
        0 < row["quality"] <= 1 and row["macs"] > 0 for row in rows
    )
    shown = capsys.readouterr().out
    assert all(f"{row['candidate']} " in shown for row in rows)
    files = {path: path.stat().st_mtime_ns for path in (run / "search").glob("*.tflite")}
    assert len(files) == 2
    svg = ElementTree.parse(run / "search" / "frontier.svg").getroot()
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in files} == files, (
        "finished candidates are not trained again"
    )
    assert (run / "student" / "ab" / "student.weights.h5").read_bytes() == (
        tiny_run / "student" / "ab" / "student.weights.h5"
    ).read_bytes(), "the run's own student is left alone"


def test_a_candidate_that_is_not_known(tiny_run):
    with pytest.raises(UserError, match="--only best: no such candidate; there are mobile, "):
        main(["--run", str(tiny_run), "--only", "best"])


def test_table_of_known_rows():
    rows = [
        {
            "candidate": "quick",
            "us_per_pixel": 0.02,
            "to_peer": None,
            "quality": 0.7,
            "on_frontier": True,
        },
        {
            "candidate": "poor",
            "us_per_pixel": 0.04,
            "to_peer": 0.2,
            "quality": 0.6,
            "on_frontier": False,
        },
        {
            "candidate": "fine & slow",
            "us_per_pixel": 0.1,
            "to_peer": 0.5,
            "quality": 0.8,
            "on_frontier": True,
        },
    ]
    assert [text.split()[0] for text in table(rows).splitlines()[1:]] == ["*", "poor", "*"]
