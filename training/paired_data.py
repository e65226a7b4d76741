"""The pictures of a paired run: from the options to decoded caches in which the same place is the
same scene.
"""

from __future__ import annotations

from collections.abc import Callable

from tf_i2i.errors import UserError
from tf_i2i.image_cache import ImageCache
from tf_i2i.paired_images import load_named_pairs, load_side_by_side, split_held_out_pairs
from tf_i2i.sources import ImageSource, open_source
from tf_i2i.splits import SPLITS
from training.data import RunData, asked_split, require_alone
from training.run_split import SplitPictures, split_pictures, told


def load_paired(options, log: Callable[[str], None], stored_split: dict | None = None) -> RunData:
    """Reads the pairs that the options name; without any, the bundled demo data. Domain A are
    inputs, B their targets.

    options: has input, target, pairs, val_input, val_target, val_pairs (SRC or None), direction,
    load_size, seed; it may have split and what goes with it. stored_split: what split.json of the
    run holds, once it was started.

    Raises:
        UserError: options that do not go together, or pairs that can't be used.
    """
    _require_whole(options)
    require_alone(options, ("input", "pairs"), ("val_input", "val_pairs"))
    if options.input is None and options.pairs is None:
        return _demo(options.load_size, log)
    if asked_split(options):
        return _split(options, log, stored_split)
    train, _ = _load(options, "", log)
    if options.val_input or options.val_pairs:
        held_out, _ = _load(options, "val_", log)
        described = _described(options, "val_", "val_a", "val_b")
    else:
        option, count = "--pairs" if options.pairs else "--input", len(train[0])
        train, held_out = split_held_out_pairs(*train, options.seed)
        described = {"val_a": "held out of the inputs", "val_b": "held out of the targets"}
        if held_out[0] is train[0]:
            log(
                f"{option}: {count} pairs are too few to hold any out; validation shows training pairs"
            )
        else:
            log(f"{option}: {len(held_out[0])} of {count} pairs are held out for validation")
    return RunData(
        *train, *held_out, True, _described(options, "", "domain_a", "domain_b") | described
    )


def _require_whole(options) -> None:
    for first, second in (("input", "target"), ("val_input", "val_target")):
        if bool(getattr(options, first)) != bool(getattr(options, second)):
            missing = second if getattr(options, first) else first
            raise UserError(f"--{missing.replace('_', '-')} is missing: these two go together")
    for pairs, folder in (("pairs", "input"), ("val_pairs", "val_input")):
        if getattr(options, pairs) and getattr(options, folder):
            flags = f"--{pairs.replace('_', '-')}", f"--{folder.replace('_', '-')}"
            raise UserError(
                f"{flags[0]} and {flags[1]}: name side-by-side pictures or two folders, not both"
            )
    if (options.val_input or options.val_pairs) and not (options.input or options.pairs):
        raise UserError("validation pairs need --input and --target, or --pairs")


def _load(options, prefix: str, log) -> tuple[tuple[ImageCache, ImageCache], list[ImageSource]]:
    """(inputs, targets), and the sources that either was read from."""
    pairs, flag = getattr(options, f"{prefix}pairs"), "--" + prefix.replace("_", "-")
    if not pairs:
        names = f"{flag}input", f"{flag}target"
        sources = [
            open_source(getattr(options, f"{prefix}{name}"), f"{flag}{name}")
            for name in ("input", "target")
        ]
        return load_named_pairs(*sources, options.load_size, options=names, warn=log), sources
    source = open_source(pairs, f"{flag}pairs")
    left, right = load_side_by_side(source, options.load_size, option=f"{flag}pairs", warn=log)
    return (left, right) if options.direction == "ab" else (right, left), [source, source]


def _split(options, log, stored: dict | None) -> RunData:
    """The pairs cut into training, validation and test pairs."""
    caches, sources = _load(options, "", log)
    pairs = SplitPictures("--pairs" if options.pairs else "--input", caches, sources)
    cut, record = split_pictures({"domain_a": pairs}, options, stored)
    for line in told(record):
        log(line)
    train, val, test = (cut["domain_a"][name] for name in SPLITS)
    described = {
        "val_a": f"split of the inputs, {options.split}",
        "val_b": f"split of the targets, {options.split}",
    }
    return RunData(
        *train,
        *val,
        True,
        _described(options, "", "domain_a", "domain_b") | described,
        *test,
        record,
    )


def _described(options, prefix: str, *keys: str) -> dict[str, str]:
    """Where inputs and targets came from, under these keys."""
    pairs = getattr(options, f"{prefix}pairs")
    if not pairs:
        return dict(
            zip(
                keys,
                (getattr(options, f"{prefix}input"), getattr(options, f"{prefix}target")),
                strict=True,
            )
        )
    sides = ("left", "right") if options.direction == "ab" else ("right", "left")
    return {key: f"{side} halves of {pairs}" for key, side in zip(keys, sides, strict=True)}


def _demo(load_size: int, log) -> RunData:
    from tf_i2i.demo_data import demo_pairs

    log("no data named: training on cartoons of the bundled demo photographs and these photographs")
    demo = demo_pairs(load_size)
    described = {
        "domain_a": "cartoons of bundled demo photographs",
        "domain_b": "the photographs themselves",
        "val_a": "cartoons of held-out demo photographs",
        "val_b": "these photographs",
        "sources": demo.sources,
    }
    return RunData(demo.domain_a, demo.domain_b, demo.val_a, demo.val_b, True, described)
