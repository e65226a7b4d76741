"""Times the making of pairs by one and by several processes: python -m benchmarks.cartoonize
--photos SRC
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command

_WANTED = 1.7
_LOOPS = 48


@dataclasses.dataclass(frozen=True)
class CartoonizeBenchmarkOptions:
    """What is measured, and how often."""

    photos: str | None = option(
        None, "photos to draw; default the bundled photographs", metavar="SRC"
    )
    pictures: int = option(80, "of them, the first", unit="photos", minimum=1)
    style: str = option(
        "cartoon", "of the drawings", choices=("cartoon", "bold", "painting", "pencil", "poster")
    )
    size: int = option(286, "shorter side of the drawings", unit="pixels", minimum=16)
    workers: tuple[int, ...] = option((1, 2), "numbers of processes to compare", minimum=1)
    repeats: int = option(
        4, "rounds, all photos by each number of processes in every one", minimum=1
    )
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def block_runner(
    pool, source, options: CartoonizeBenchmarkOptions
) -> Callable[[], Sequence[float]]:
    """A function that examines and draws all photos into a new folder and returns [seconds a
    photo].

    The pool's processes are started before; a whole command takes about a second more for that,
    once.
    """
    from tf_i2i.data.screening import Limits
    from training.cartoon_pairs.cartoonize_job import PairMaking
    from training.cartoon_pairs.pair_folder import PairFolder
    from training.cartoon_pairs.photo_pair import Drawing

    def run() -> Sequence[float]:
        with (
            tempfile.TemporaryDirectory() as root,
            PairFolder(Path(root, "out"), "folders") as folder,
        ):
            making = PairMaking(
                source, folder, Drawing(options.style, (), options.size), {"layout": "folders"}
            )
            making.take_over(redo=False)
            start = time.perf_counter()
            making.examine(pool, lambda: False)
            making.judge(Limits(), duplicate_bits=8)
            making.draw(pool, lambda: False)
            return [(time.perf_counter() - start) / len(source)]

    return run


def loop_runner(pool) -> Callable[[], Sequence[float]]:
    """A function that counts in Python, a fixed number of times in all, and returns [its seconds].

    What several processes gain here is all that the machine has to give just now: on a shared one
    less than its cores.
    """

    def run() -> Sequence[float]:
        start = time.perf_counter()
        for _ in pool.map(_count, ((number, ()) for number in range(_LOOPS)), lambda: False):
            pass
        return [time.perf_counter() - start]

    return run


def _count() -> None:
    for _ in range(2_000_000):
        pass


def main(argv: list[str] | None = None) -> None:
    options = parse(
        CartoonizeBenchmarkOptions,
        argv,
        prog="python -m benchmarks.cartoonize",
        description=__doc__,
    )
    from benchmarks import results
    from benchmarks.timing import OtherWork, interleave, ratio

    results.check_writable(options.json)
    from tf_i2i.data.demo_data import bundled_photographs
    from tf_i2i.data.sources import ImageSource, open_source
    from training.system.worker_pool import PicturePool

    everything = (
        open_source(options.photos, "--photos") if options.photos else bundled_photographs()
    )
    source = ImageSource(
        everything.description,
        everything.names[: options.pictures],
        everything.open,
        everything.in_files,
    )
    machine = results.machine(("opencv-python-headless", "pillow", "numpy"))
    others = OtherWork()
    with ExitStack() as pools:
        runners = {}
        for workers in options.workers:
            pool = pools.enter_context(PicturePool(workers))
            runners[_label(workers)] = block_runner(pool, source, options)
            runners[_loop(workers)] = loop_runner(pool)
            results.show_progress(f"starting {_label(workers)}")
            runners[_label(workers)]()
        timings = interleave(runners, options.repeats, results.show_progress)
    busy = others.cores()  # only now: the processes count as ours when they have ended
    rows = [
        (
            _label(workers),
            *(f"{1 / seconds:.1f}" for seconds in (timing.median, timing.all[-1], timing.all[0])),
        )
        for workers in options.workers
        for timing in [timings[_label(workers)]]
    ]
    first, others_than_first = options.workers[0], options.workers[1:]
    ratios = [
        (
            f"{what}, {_label(workers)} / {_label(first)}",
            ratio(timings[name(first)], timings[name(workers)]),
        )
        for what, name in (("photos/s", _label), ("counting in Python", _loop))
        for workers in others_than_first
    ]
    targets = [
        results.Target(name, one.value, _WANTED)
        for workers, (name, one) in zip(
            others_than_first, ratios[: len(others_than_first)], strict=True
        )
        if (first, workers) == (1, 2)
    ]
    print(f"{results.machine_line(machine)}\n{results.other_work_line(busy)}\n")
    print(
        f"{len(source)} photos of {source.description}, {options.style}, shorter side {options.size} px\n"
    )
    print(
        results.markdown_table(
            ("processes", "median photos/s", "slowest round", "fastest round"), rows
        ),
        end="\n\n",
    )
    print(results.ratios_table(ratios), end="\n\n")
    if targets:
        print(results.targets_table(targets))
    results.write_results(
        options.json,
        {
            "machine": machine,
            "cores used by others": busy,
            "options": dataclasses.asdict(options),
            "ratios": dict(ratios),
            "timings": timings,
            "targets": targets,
        },
    )


def _label(workers: int) -> str:
    return f"{workers} process" if workers == 1 else f"{workers} processes"


def _loop(workers: int) -> str:
    return f"counting, {_label(workers)}"


if __name__ == "__main__":
    run_command(main)
