"""Times the making of pairs by one and by several processes: python -m benchmarks.cartoonize --photos SRC"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from training.options import option, parse, run_command

_WANTED = 1.7


@dataclasses.dataclass(frozen=True)
class CartoonizeBenchmarkOptions:
    """What is measured, and how often."""

    photos: str | None = option(None, "photos to draw; default the bundled photographs", metavar="SRC")
    pictures: int = option(80, "of them, the first", unit="photos", minimum=1)
    style: str = option("cartoon", "of the drawings", choices=("cartoon", "bold", "painting", "pencil", "poster"))
    size: int = option(286, "shorter side of the drawings", unit="pixels", minimum=16)
    workers: tuple[int, ...] = option((1, 2), "numbers of processes to compare", minimum=1)
    repeats: int = option(4, "rounds, all photos by each number of processes in every one", minimum=1)
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def block_runner(pool, source, options: CartoonizeBenchmarkOptions) -> Callable[[], Sequence[float]]:
    """A function that examines and draws all photos into a new folder and returns [seconds a photo].

    The pool's processes are started before; a whole command takes about a second more for that, once.
    """
    from tf_i2i.photo_pairs import Drawing, Limits
    from training.pair_folder import PairFolder
    from training.pair_making import PairMaking

    def run() -> Sequence[float]:
        with tempfile.TemporaryDirectory() as root, PairFolder(Path(root, "out"), "folders") as folder:
            making = PairMaking(source, folder, Drawing(options.style, (), options.size), {"layout": "folders"})
            making.take_over(redo=False)
            start = time.perf_counter()
            making.examine(pool, lambda: False)
            making.judge(Limits(), duplicate_bits=8)
            making.draw(pool, lambda: False)
            return [(time.perf_counter() - start) / len(source)]

    return run


def main(argv: list[str] | None = None) -> None:
    options = parse(CartoonizeBenchmarkOptions, argv, prog="python -m benchmarks.cartoonize", description=__doc__)
    from benchmarks import results
    from benchmarks.timing import OtherWork, interleave, ratio

    results.check_writable(options.json)
    from tf_i2i.demo_data import bundled_photographs
    from tf_i2i.sources import ImageSource, open_source
    from training.picture_pool import PicturePool

    everything = open_source(options.photos, "--photos") if options.photos else bundled_photographs()
    source = ImageSource(
        everything.description, everything.names[: options.pictures], everything.open, everything.in_files
    )
    machine = results.machine(("opencv-python-headless", "pillow", "numpy"))
    others = OtherWork()
    with ExitStack() as pools:
        runners = {}
        for workers in options.workers:
            pool = pools.enter_context(PicturePool(workers))
            runners[_label(workers)] = block_runner(pool, source, options)
            results.show_progress(f"starting {_label(workers)}")
            runners[_label(workers)]()
        timings = interleave(runners, options.repeats, results.show_progress)
    busy = others.cores()  # only now: the processes count as ours when they have ended
    rows = [
        (label, f"{1 / t.median:.1f}", f"{1 / t.all[-1]:.1f}", f"{1 / t.all[0]:.1f}") for label, t in timings.items()
    ]
    first = _label(options.workers[0])
    ratios = [
        (f"photos/s, {_label(workers)} / {first}", ratio(timings[first], timings[_label(workers)]))
        for workers in options.workers[1:]
    ]
    targets = [
        results.Target(name, one.value, _WANTED)
        for workers, (name, one) in zip(options.workers[1:], ratios, strict=True)
        if options.workers[0] == 1 and workers == 2
    ]
    print(f"{results.machine_line(machine)}\n{results.other_work_line(busy)}\n")
    print(f"{len(source)} photos of {source.description}, {options.style}, shorter side {options.size} px\n")
    print(results.markdown_table(("processes", "median photos/s", "slowest round", "fastest round"), rows), end="\n\n")
    print(results.ratios_table(ratios), end="\n\n")
    if targets:
        print(results.targets_table(targets))
    results.write_results(options.json, {
        "machine": machine, "cores used by others": busy, "options": dataclasses.asdict(options), "ratios": dict(ratios),
        "timings": timings, "targets": targets,
    })  # fmt: skip


def _label(workers: int) -> str:
    return f"{workers} process" if workers == 1 else f"{workers} processes"


if __name__ == "__main__":
    run_command(main)
