"""Times the int8 student on the CPU against its float32 self, the teacher and a public peer: python
-m benchmarks.phone_model
"""

from __future__ import annotations

import dataclasses

from tf_i2i.command_line import option, parse, run_command

PEER_SOURCE = (
    "android/app/src/main/ml/whitebox_cartoon_gan_int8.tflite in the repository margaretmz/Cartoonizer-with-TFLite "
    "on GitHub"
)
INT8, FLOAT, TEACHER, PEER = "student int8", "student float32", "teacher float32", "peer int8"


@dataclasses.dataclass(frozen=True)
class PhoneOptions:
    """What is measured, and how often."""

    run: str | None = option(
        None,
        "run whose student is taken; default: random weights, which are as fast",
        metavar="RUN",
    )
    peer: str | None = option(
        None, f"the public White-box Cartoonizer, {PEER_SOURCE}", metavar="FILE.tflite"
    )
    size: int = option(256, "side of the pictures", unit="pixels", minimum=32)
    threads: tuple[int, ...] = option(
        (2, 1), "thread counts; targets are judged at the first", minimum=1
    )
    repeats: int = option(10, "rounds, a block of each model in every one", minimum=1)
    block_ms: int = option(150, "a model runs at least so long in a block", unit="ms", minimum=1)
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def files_to_compare(options: PhoneOptions) -> dict[str, bytes]:
    """Bytes of the .tflite files by name."""
    from benchmarks.phone_files import peer_file, student_files, teacher_file
    from benchmarks.results import show_progress

    files = {}
    if options.peer:
        files[PEER] = peer_file(options.peer)
    else:
        show_progress(f"without --peer the public peer is left out; get it: {PEER_SOURCE}")
    show_progress("converting the student (int8, float32) and the teacher")
    files[INT8], files[FLOAT] = student_files(options.run, options.size)
    files[TEACHER] = teacher_file(options.size)
    return files


def compare(timings: dict, pixels: dict[str, int], int8_bytes: int) -> tuple[list, list]:
    """(named ratios, targets) of one thread count."""
    from benchmarks.results import Target
    from benchmarks.timing import ratio

    teacher, own = ratio(timings[TEACHER], timings[INT8]), ratio(timings[FLOAT], timings[INT8])
    ratios = [(f"{TEACHER} / {INT8}", teacher), (f"{FLOAT} / {INT8}", own)]
    targets = [
        Target("int8 student against the float32 teacher, times as fast", teacher.value, 35),
        Target("int8 student against its own float32, times as fast", own.value, 2),
        Target("int8 file, MB", int8_bytes / 1e6, 0.3, at_most=True),
    ]
    if PEER in timings:
        peer = ratio(timings[INT8], timings[PEER], scale=pixels[PEER] / pixels[INT8])
        ratios.append((f"{INT8} / {PEER}, time a pixel", peer))
        targets.append(
            Target("int8 student's time a pixel to the peer's", peer.value, 0.2, at_most=True)
        )
    return ratios, targets


def main(argv: list[str] | None = None) -> None:
    options = parse(
        PhoneOptions, argv, prog="python -m benchmarks.phone_model", description=__doc__
    )
    from tf_i2i.console import silence_tensorflow

    silence_tensorflow()
    from benchmarks import results
    from benchmarks.phone_files import TimedModel
    from benchmarks.timing import OtherWork, interleave

    results.check_writable(options.json)
    machine = results.machine(("tensorflow", "ai-edge-litert"))
    files = files_to_compare(options)
    models = {
        (threads, name): TimedModel(data, threads)
        for threads in options.threads
        for name, data in files.items()
    }
    runners = {
        f"{name}, {threads} threads": lambda model=model: model.run_block(options.block_ms / 1000)
        for (threads, name), model in models.items()
    }
    others = OtherWork()
    measured = interleave(runners, options.repeats, results.show_progress)
    busy = others.cores()
    pixels = {name: models[options.threads[0], name].pixels for name in files}

    print(
        f"{results.machine_line(machine)}; LiteRT with XNNPACK\n{results.other_work_line(busy)}\n"
    )
    saved = {}
    for threads in options.threads:
        timings = {name: measured[f"{name}, {threads} threads"] for name in files}
        ratios, targets = compare(timings, pixels, len(files[INT8]))
        print(f"### {threads} thread{'s' if threads > 1 else ''}\n")
        print(model_table(timings, pixels, files), end="\n\n")
        print(results.ratios_table(ratios), end="\n\n")
        if threads == options.threads[0]:
            print(results.targets_table(targets), end="\n\n")
        saved[threads] = {"timings": timings, "ratios": dict(ratios), "targets": targets}
    results.write_results(
        options.json,
        {
            "machine": machine,
            "cores used by others": busy,
            "options": dataclasses.asdict(options),
            "pixels": pixels,
            "bytes": {name: len(data) for name, data in files.items()},
            "threads": saved,
        },
    )


def model_table(timings: dict, pixels: dict[str, int], files: dict[str, bytes]) -> str:
    from benchmarks.results import markdown_table

    rows = []
    for name, timing in timings.items():
        side = round(pixels[name] ** 0.5)
        rows.append(
            (
                name,
                f"{side}x{side}",
                f"{1000 * timing.median:.2f}",
                f"{1000 * timing.percentile(90):.2f}",
                f"{1e6 * timing.median / pixels[name]:.4f}",
                f"{len(files[name]) / 1e6:.2f}",
            )
        )
    return markdown_table(("model", "pixels", "median ms", "p90 ms", "us a pixel", "MB"), rows)


if __name__ == "__main__":
    run_command(main)
