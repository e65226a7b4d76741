"""Times .tflite files on an Android phone, through adb and the benchmark screen of our app.

The protocol, of which the app keeps the other half (all paths on the phone; PACKAGE is
org.tf_i2i.demo, FOLDER is /sdcard/Android/data/PACKAGE/files/benchmark, the app's own external
files, which need no permission):

1. The files are pushed to FOLDER under their own names, after what stood there before was removed.
2. am start -n PACKAGE/.BenchmarkActivity -a PACKAGE.BENCHMARK with the extras token (string),
   threads (string, "1,2"), repeats and warm_up (int).
3. The app times every .tflite in FOLDER, interleaved, and writes FOLDER/benchmark.json: first under
   another name, then renamed, so that it is never seen half-written. It is one object:
   - token: the one it was started with; a file with another one is a former run's;
   - device: what to call the phone, "Pixel 7";
   - results: a list of objects with file (name without folders), threads (null on an
     accelerator), median_ms, p90_ms, first_ms, peak_mb, as in our own benchmark.json; accelerator,
     "cpu", "gpu" or "npu"; and note, where something has to be said;
   - or, in place of results, error: why it could not.
"""

import json
import shutil
import subprocess
import time
import uuid
from pathlib import Path

from tf_i2i.command_line import command
from tf_i2i.errors import UserError, one_line

PACKAGE = "org.tf_i2i.demo"
FOLDER = f"/sdcard/Android/data/{PACKAGE}/files/benchmark"
_COMMAND_SECONDS = 120
_POLL_SECONDS = 1.0
_FIGURES = ("median_ms", "p90_ms", "first_ms", "peak_mb")


def benchmark_on_phone(
    paths: list[Path],
    threads: tuple[int, ...],
    repeats: int,
    warm_up: int,
    device: str | None,
    seconds: float = 900,
) -> list[dict]:
    """Lets the app time the files, for at most `seconds`; `device` as in `Phone.connect`.

    Returns rows: file (as in `paths`), device, threads, median_ms, p90_ms, first_ms, peak_mb, note.
    Raises UserError: no adb, phone, app or result in time, or the app reports a failure.
    """
    names = {path.name: path for path in paths}
    if len(names) < len(paths):
        raise UserError("--adb: two files have the same name; rename one")
    phone = ready_phone(device)
    phone.shell("rm", "-rf", FOLDER)
    phone.shell("mkdir", "-p", FOLDER)
    for path in names.values():
        phone.adb("push", str(path), f"{FOLDER}/{path.name}")
    token = uuid.uuid4().hex
    extras = f"--es token {token} --es threads {','.join(map(str, threads))}"
    extras += f" --ei repeats {repeats} --ei warm_up {warm_up}"
    activity = f"-n {PACKAGE}/.BenchmarkActivity -a {PACKAGE}.BENCHMARK"
    phone.shell("am", "start", *activity.split(), *extras.split())
    deadline = time.monotonic() + seconds
    while (text := phone.read(f"{FOLDER}/benchmark.json")) is None or _token(text) != token:
        if time.monotonic() > deadline:
            fix = "unlock the phone, or give fewer --repeats"
            raise UserError(f"--adb: no result from the app in {seconds:g} seconds; {fix}")
        time.sleep(_POLL_SECONDS)
    return read_answer(text, names)


def ready_phone(device: str | None) -> "Phone":
    """`Phone.connect`, and UserError when it does not have the app."""
    phone = Phone.connect(device)
    if f"package:{PACKAGE}" not in phone.shell("pm", "list", "packages", PACKAGE).split():
        install = command("export.android", install=True, device=device)
        raise UserError(f"--adb: no {PACKAGE} on phone {phone.serial}; install it: {install}")
    return phone


class Phone:
    """A phone that adb can reach, by its serial number."""

    def __init__(self, serial: str):
        self.serial = serial

    @classmethod
    def connect(cls, serial: str | None) -> "Phone":
        """The phone with that serial number, or the only one. Raises UserError when there is none."""
        lines = map(str.split, _run(["adb", "devices"]).splitlines()[1:])
        states = {words[0]: words[1] for words in lines if len(words) > 1}
        if serial is None and len(states) > 1:
            raise UserError(f"--adb: several phones; name one: --device {' or '.join(states)}")
        serial = serial or next(iter(states), None)
        fix = "unlock it, allow USB debugging and see: adb devices"
        if serial not in states:
            which = "no phone" if serial is None else f"no phone {one_line(serial)}"
            raise UserError(f"--adb: {which} is connected; plug it in, {fix}")
        if states[serial] != "device":
            raise UserError(f"--adb: phone {serial} is {states[serial]}; {fix}")
        return cls(serial)

    def shell(self, *words: str) -> str:
        return self.adb("shell", *words)

    def adb(self, *words: str) -> str:
        """Standard output of an adb command. Raises UserError when it fails."""
        return _run(["adb", "-s", self.serial, *words])

    def read(self, path: str) -> str | None:
        """A file on the phone, or None where there is none."""
        try:
            return self.adb("exec-out", "cat", path)
        except UserError:
            return None


def read_answer(text: str, names: dict[str, Path]) -> list[dict]:
    """The app's benchmark.json as rows; names: of the phone's files, with their paths here.

    Raises UserError when the app reports a failure or does not keep to the protocol.
    """
    try:
        answer = json.loads(text)
        if "error" in answer:
            raise UserError(f"--adb: the app reports: {one_line(answer['error'])}; see: adb logcat")
        rows = []
        for result in answer["results"]:
            accelerator = {"gpu": " GPU", "npu": " NPU"}.get(result.get("accelerator"), "")
            row = {
                "file": one_line(names[result["file"]]),
                "device": str(answer["device"]) + accelerator,
                "threads": None if accelerator else int(result["threads"]),
                "note": result.get("note"),
            }
            for key in _FIGURES:
                row[key] = None if result.get(key) is None else float(result[key])
            rows.append(row)
        return rows
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = one_line(f"{type(error).__name__}: {error}")
        raise UserError(
            f"--adb: the app's answer can't be read ({reason}); install the app of this version: "
            + command("export.android", install=True)
        ) from error


def _token(text: str) -> str | None:
    try:
        return json.loads(text).get("token")
    except (ValueError, AttributeError):
        return None


def _run(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        raise UserError("--adb: no adb on the PATH; install it (Debian: apt-get install adb)")
    try:
        options = {"capture_output": True, "text": True, "errors": "replace"}
        done = subprocess.run(command, timeout=_COMMAND_SECONDS, **options)
    except subprocess.TimeoutExpired as error:
        words = one_line(" ".join(command))
        raise UserError(f"--adb: no answer to {words} in {_COMMAND_SECONDS} s") from error
    if done.returncode:
        output = done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}"
        reason = one_line(output.splitlines()[-1])
        words = one_line(" ".join(command[:5]))
        raise UserError(f"--adb: {words} failed ({reason}); see: adb devices")
    return done.stdout
