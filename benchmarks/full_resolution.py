"""Times export.stylize on large photos against single tiles of 256 pixels: python -m
benchmarks.full_resolution
"""

from __future__ import annotations

import dataclasses

from tf_i2i.command_line import option, parse, run_command

SIDE = 256


@dataclasses.dataclass(frozen=True)
class FullResolutionOptions:
    """What is measured, and how often."""

    model: str | None = option(None, "file of a student that export.tflite wrote", metavar="FILE")
    run: str | None = option(
        None,
        "or a run that has one: its int8 file; default: random weights, as fast",
        metavar="RUN",
    )
    megapixels: tuple[int, ...] = option(
        (12, 100), "sizes of the photos; targets are judged at the first", minimum=1, maximum=300
    )
    threads: int = option(2, "of the CPU", minimum=1)
    repeats: int = option(5, "rounds, the photo and a block of single tiles in each", minimum=1)
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


@dataclasses.dataclass(frozen=True)
class Measured:
    """One photo size.

    Attributes:
        height, width: of the photo, in pixels.
        tiles: their number and sides as text.
        photo, tile: Timing of the photo's inference and of one tile of 256 pixels.
        photo_cpu, tile_cpu: the same in processor time of this process, which other processes
            disturb less.
        building: seconds to build the networks for the photo's tiles, which all photos of one size
            share.
        command: seconds of the whole command, start, decoding and encoding included.
        peak_bytes: memory of the whole command.
        levels: greatest difference from one inference on the whole photo, of 255; None where memory
            is short for that.
    """

    height: int
    width: int
    tiles: str
    photo: object
    tile: object
    photo_cpu: object
    tile_cpu: object
    building: float
    command: float
    peak_bytes: int
    levels: int | None

    @property
    def ratio(self):
        """Time a pixel of the photo to that of the single tile."""
        from benchmarks.timing import ratio

        return ratio(self.photo, self.tile, scale=SIDE**2 / (self.height * self.width))

    @property
    def cpu_ratio(self):
        """The same in processor time: what the overlap and larger tiles cost, without what threads
        wait.
        """
        from benchmarks.timing import ratio

        return ratio(self.photo_cpu, self.tile_cpu, scale=SIDE**2 / (self.height * self.width))


def main(argv: list[str] | None = None) -> None:
    options = parse(
        FullResolutionOptions,
        argv,
        prog="python -m benchmarks.full_resolution",
        description=__doc__,
    )
    import tempfile
    from pathlib import Path

    from benchmarks import results
    from benchmarks.full_resolution_run import measure, model_file
    from benchmarks.timing import OtherWork

    results.check_writable(options.json)
    machine = results.machine(("ai-edge-litert", "pillow"))
    with tempfile.TemporaryDirectory() as folder:
        model = model_file(options.model, options.run, Path(folder))
        others = OtherWork()
        measured = [
            measure(model, millions, options, Path(folder)) for millions in options.megapixels
        ]
        busy = others.cores()
    first = measured[0]
    targets = [
        results.Target(
            f"{options.megapixels[0]} MP: time a pixel to that of one {SIDE} px tile",
            first.ratio.value,
            1.15,
            at_most=True,
        ),
        *(
            results.Target(
                f"{millions} MP: peak memory of the command, MB",
                one.peak_bytes / 1e6,
                1000,
                at_most=True,
            )
            for millions, one in zip(options.megapixels, measured, strict=True)
        ),
        *(
            results.Target(
                f"{millions} MP: tiles to whole photo, levels of 255", one.levels, 1, at_most=True
            )
            for millions, one in zip(options.megapixels, measured, strict=True)
            if one.levels is not None
        ),
    ]
    print(f"{results.machine_line(machine)}; LiteRT with XNNPACK, {options.threads} threads")
    print(f"{results.other_work_line(busy)}\n")
    print(photo_table(measured), end="\n\n")
    print(results.targets_table(targets))
    results.write_results(
        options.json,
        {
            "machine": machine,
            "cores used by others": busy,
            "options": dataclasses.asdict(options),
            "photos": measured,
            "ratios": [one.ratio for one in measured],
            "cpu_ratios": [one.cpu_ratio for one in measured],
            "targets": targets,
        },
    )


def photo_table(measured: list[Measured]) -> str:
    from benchmarks.results import markdown_table

    rows = []
    for one in measured:
        pixels = one.height * one.width
        rows.append(
            (
                f"{one.width}x{one.height}",
                one.tiles,
                f"{1e6 * one.photo.median / pixels:.4f}",
                f"{1e6 * one.tile.median / SIDE**2:.4f}",
                one.ratio,
                one.cpu_ratio,
                f"{one.photo.median:.2f}",
                f"{one.building:.2f}",
                f"{one.command:.2f}",
                f"{one.peak_bytes / 1e6:.0f}",
                "-" if one.levels is None else one.levels,
            )
        )
    header = (
        "photo",
        "tiles",
        "us a pixel",
        f"{SIDE} px tile",
        "ratio",
        "ratio of CPU time",
        "inference s",
        "building s",
        "command s",
        "peak MB",
        "worst difference",
    )
    return markdown_table(header, rows)


if __name__ == "__main__":
    run_command(main)
