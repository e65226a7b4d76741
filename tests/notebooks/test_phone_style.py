"""notebooks/phone_style.ipynb as a user runs it: cut off in the middle of the training, run again."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import signal
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from command_lines import options_of, require_parsed
from conftest import draw_pictures
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from test_help import ROOT
from test_suggested_commands import made_commands, written_commands
from training_processes import newest_checkpoint

from tf_i2i.command_line import build_parser

NOTEBOOK = ROOT / "notebooks" / "phone_style.ipynb"
TINY = "--steps 24 --load-size 80 --crop-size 64 --precision float32 --lambda-face-tone 0"
TINY += " --sample-every 24 --checkpoint-every 8"


def cells(kind: str) -> list:
    return [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == kind]


def test_it_has_no_outputs():
    notebook = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in cells("code"):
        assert not cell.outputs and cell.execution_count is None
        assert cell.metadata["cellView"] == "form", cell.id


def test_its_commands_are_ours():
    made = [pair for cell in cells("code") for pair in made_commands(ast.parse(cell.source))]
    assert {module for module, _ in made} == {
        "training.collect",
        "training.onesided",
        "export.tflite",
        "export.report",
    }
    for module, names in made:
        flags = build_parser(options_of(module))._option_string_actions
        assert {f"--{name.replace('_', '-')}" for name in names} <= flags.keys(), module
    flags = build_parser(options_of("training.onesided"))._option_string_actions
    prose = "\n".join(cell.source for cell in cells("markdown"))
    assert set(re.findall(r"(?<![\w-])--[a-z-]+", prose)) <= flags.keys()
    # What a field offers is what the option takes.
    for name in ("look", "colours"):
        (offered,) = re.findall(rf"^{name} = .*# @param (\[.*\])", cell_of("train").source, re.M)
        assert json.loads(offered) == list(flags[f"--{name}"].choices)


def cell_of(name: str, notebook=None):
    notebook = notebook or nbformat.read(NOTEBOOK, 4)
    return next(cell for cell in notebook.cells if cell.id == name)


def filled_in(**fields):
    """The notebook with values in its form's fields."""
    notebook = nbformat.read(NOTEBOOK, 4)
    for name, value in fields.items():
        count = 0
        for cell in notebook.cells:
            cell.source, found = re.subn(
                rf"^{name} = .*?(?=  # @param)",
                lambda _, name=name, value=value: f"{name} = {value!r}",
                cell.source,
                flags=re.M,
            )
            count += found
        assert count == 1, name
    return notebook


def said(cell) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def pictures(cell) -> list:
    return [o for o in cell.outputs if "image/png" in o.get("data", {})]


async def execute(notebook, folder: Path, when=lambda: False, number=signal.SIGKILL) -> None:
    """Runs all cells; as soon as `when` says so, sends a signal to the kernel and what it started,
    as Jupyter does: to its process group.
    """
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(folder)}})
    task = asyncio.create_task(client.async_execute())
    while not task.done() and not when():
        await asyncio.sleep(0.02)
    if not task.done():
        os.killpg(client.km.provisioner.pid, number)
    await task


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder beside which nothing is written: paths of the notebook, and IPython's history."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


SAVES = """
import signal, sys, time
received = []
signal.signal(signal.SIGINT, lambda *_: received.append(1))
print("ready")
while not received:
    time.sleep(0.05)
time.sleep(0.5)
print(f"saved after {len(received)} signal")
sys.exit(130)
"""


def test_stopping_a_cell_lets_the_command_end(place, tmp_path, monkeypatch):
    (tmp_path / "saves.py").write_text(SAVES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    cell = nbformat.v4.new_code_cell("run('python -m saves')")
    notebook = filled_in()
    notebook.cells = [cell_of("tools", notebook), cell]
    with pytest.raises(CellExecutionError, match="Run this cell again to go on"):
        asyncio.run(execute(notebook, place, lambda: "ready" in said(cell), signal.SIGINT))
    assert "saved after 1 signal\n" in said(cell)
    assert cell.outputs[-1].traceback == ["Stopped. Run this cell again to go on."]


@pytest.mark.timeout(900)
def test_cut_off_and_run_again(place, tmp_path):
    photos = draw_pictures(tmp_path / "a", 12, seed=1, size=(96, 80))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in photos.iterdir():
            archive.write(path, f"phone/{path.name}")
    paintings = draw_pictures(tmp_path / "b", 12, seed=2, size=(96, 80))
    fields = {"photos": str(tmp_path / "photos.zip"), "paintings": str(paintings), "size": 64}
    fields |= {"name": "my monet", "minutes": 0, "look": "bold", "options": TINY}
    run = place / "phone_style" / "my monet" / "run"

    cut, again = filled_in(**fields), filled_in(**fields)
    with pytest.raises(DeadKernelError):
        asyncio.run(execute(cut, place, lambda: newest_checkpoint(run / "checkpoints") > 0))
    step = newest_checkpoint(run / "checkpoints")
    assert 0 < step < 24
    assert not (run / "student").exists()

    asyncio.run(execute(again, place))
    text = said(cell_of("train", again))
    assert f"going on from its step {step}." in text
    assert f"resuming at step {step} of 24" in text
    assert "training on" in text  # the device
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 8, 16, 20, 24]
    assert json.loads((run / "config.json").read_text())["options"]["look"] == "bold"

    assert len(pictures(cell_of("pictures", again))) == 2
    assert len(pictures(cell_of("look", again))) == 1
    assert "<iframe" in cell_of("export", again).outputs[-1].data["text/html"]
    (link,) = re.findall("href='(.*?)'", cell_of("download", again).outputs[0].data["text/html"])
    model = place / link
    assert model == run / "export" / "ab-64-int8.tflite"
    for cell in again.cells:
        if cell.cell_type == "code":
            for words in written_commands(said(cell)):
                require_parsed(words)

    interpreter = Interpreter(str(model))
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    photo = np.random.default_rng(0).integers(0, 256, taken["shape"], np.uint8)
    interpreter.set_tensor(taken["index"], photo)
    interpreter.invoke()
    painted = interpreter.get_tensor(given["index"])
    assert painted.shape == photo.shape == (1, 64, 64, 3)
    assert painted.dtype == np.uint8 and painted.std() > 1
