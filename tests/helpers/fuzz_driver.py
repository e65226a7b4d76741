"""Runs commands on files one after the other in this process: python tests/fuzz_driver.py JOBS.json
ANSWERS

JOBS.json is a list of [command, arguments]. ANSWERS gets one JSON object a line: {"job"} before a
job begins, and {"job", "status", "error"} once it has ended, with what was written to standard
error, natively too. A job without its second line has taken the process with it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
import traceback
from pathlib import Path

# What a damaged file asks for must not take the machine's memory from others.
_ADDRESSES = 8 * 2**30


def translate_by_evaluate(argv: list[str]) -> None:
    """What training.evaluate does with --model; the run's own networks take seconds to load, and
    are not damaged.
    """
    from exported_models import smooth_image

    from tf_i2i.data.pixels import centre_multiple
    from training.evaluation.evaluated_pictures import Pictures
    from training.evaluation.scoring import ExportedFile, score

    exported = ExportedFile(Path(argv[0]))
    photos = [centre_multiple(smooth_image(88, 72, seed), 4, exported.largest) for seed in range(2)]
    score({"file": exported}, Pictures("fuzz", ["a", "b"], photos, None))


def time_as_peer(argv: list[str]) -> None:
    """What benchmarks.phone_model does with --peer; it converts networks of its own for half a
    minute besides.
    """
    from benchmarks.phone_model import TimedModel, peer_file

    TimedModel(peer_file(argv[0]), 1).run_block(0)


_PARTS = {"evaluate --model": translate_by_evaluate, "phone_model --peer": time_as_peer}


def run(command: str, argv: list[str]) -> tuple[int, str]:
    """(exit status, standard error) of the command; an exception that it lets out is status 1, as
    Python has it.
    """
    from tf_i2i.command_line import run_command

    main = _PARTS.get(command) or importlib.import_module(command).main
    with tempfile.TemporaryFile() as error:
        saved = [os.dup(1), os.dup(2)]
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(error.fileno(), 2)
        try:
            run_command(lambda: main(argv))
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
            status = 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in enumerate(saved, 1):
                os.dup2(copy, descriptor)
                os.close(copy)
        error.seek(0)
        return status, error.read().decode("utf-8", "replace")


def _serve(jobs: list, answers) -> None:
    for number, (command, argv) in enumerate(jobs):
        print(json.dumps({"job": number}), file=answers, flush=True)
        status, error = run(command, argv)
        print(
            json.dumps({"job": number, "status": status, "error": error}), file=answers, flush=True
        )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with open(sys.argv[2], "w", encoding="utf-8") as stream:
        _serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), stream)
