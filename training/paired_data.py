"""The pictures of a paired run: from the options to decoded caches in which the same place is the same scene."""

from __future__ import annotations

from collections.abc import Callable

from tf_i2i.errors import UserError
from tf_i2i.image_cache import ImageCache
from tf_i2i.paired_images import load_named_pairs, load_side_by_side, split_held_out_pairs
from tf_i2i.sources import open_source
from training.data import RunData


def load_paired(options, log: Callable[[str], None]) -> RunData:
    """Reads the pairs that the options name; without any, the bundled demo data. Domain A are inputs, B their targets.

    options: has input, target, pairs, val_input, val_target, val_pairs (SRC or None), direction, load_size, seed.

    Raises:
        UserError: options that do not go together, or pairs that can't be used.
    """
    _require_whole(options)
    if options.input is None and options.pairs is None:
        return _demo(options.load_size, log)
    train = _load(options, "", log)
    if options.val_input or options.val_pairs:
        held_out = _load(options, "val_", log)
        described = _described(options, "val_", "val_a", "val_b")
    else:
        option, count = "--pairs" if options.pairs else "--input", len(train[0])
        train, held_out = split_held_out_pairs(*train, options.seed)
        described = {"val_a": "held out of the inputs", "val_b": "held out of the targets"}
        if held_out[0] is train[0]:
            log(f"{option}: {count} pairs are too few to hold any out; validation shows training pairs")
        else:
            log(f"{option}: {len(held_out[0])} of {count} pairs are held out for validation")
    return RunData(*train, *held_out, True, _described(options, "", "domain_a", "domain_b") | described)


def _require_whole(options) -> None:
    for first, second in (("input", "target"), ("val_input", "val_target")):
        if bool(getattr(options, first)) != bool(getattr(options, second)):
            missing = second if getattr(options, first) else first
            raise UserError(f"--{missing.replace('_', '-')} is missing: these two go together")
    for pairs, folder in (("pairs", "input"), ("val_pairs", "val_input")):
        if getattr(options, pairs) and getattr(options, folder):
            flags = f"--{pairs.replace('_', '-')}", f"--{folder.replace('_', '-')}"
            raise UserError(f"{flags[0]} and {flags[1]}: name side-by-side pictures or two folders, not both")
    if (options.val_input or options.val_pairs) and not (options.input or options.pairs):
        raise UserError("validation pairs need --input and --target, or --pairs")


def _load(options, prefix: str, log) -> tuple[ImageCache, ImageCache]:
    pairs, flag = getattr(options, f"{prefix}pairs"), "--" + prefix.replace("_", "-")
    if not pairs:
        names = f"{flag}input", f"{flag}target"
        sources = (open_source(getattr(options, f"{prefix}{name}"), f"{flag}{name}") for name in ("input", "target"))
        return load_named_pairs(*sources, options.load_size, options=names, warn=log)
    left, right = load_side_by_side(
        open_source(pairs, f"{flag}pairs"), options.load_size, option=f"{flag}pairs", warn=log
    )
    return (left, right) if options.direction == "ab" else (right, left)


def _described(options, prefix: str, *keys: str) -> dict[str, str]:
    """Where inputs and targets came from, under these keys."""
    pairs = getattr(options, f"{prefix}pairs")
    if not pairs:
        return dict(zip(keys, (getattr(options, f"{prefix}input"), getattr(options, f"{prefix}target")), strict=True))
    sides = ("left", "right") if options.direction == "ab" else ("right", "left")
    return {key: f"{side} halves of {pairs}" for key, side in zip(keys, sides, strict=True)}


def _demo(load_size: int, log) -> RunData:
    from tf_i2i.demo_data import demo_pairs

    log("no data named: training on cartoons of the bundled demo photographs and these photographs")
    demo = demo_pairs(load_size)
    described = {"domain_a": "cartoons of bundled demo photographs", "domain_b": "the photographs themselves",
                 "val_a": "cartoons of held-out demo photographs", "val_b": "these photographs", "sources": demo.sources}  # fmt: skip
    return RunData(demo.domain_a, demo.domain_b, demo.val_a, demo.val_b, True, described)
