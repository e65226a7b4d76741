"""A run's pictures: from the options to decoded, split image caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tf_i2i.data.image_cache import ImageCache, load_images, split_held_out
from tf_i2i.data.paired_images import load_named_pairs, load_side_by_side
from tf_i2i.data.sources import ImageSource, open_source
from tf_i2i.data.splits import SPLITS, parse_split
from tf_i2i.errors import UserError
from training.runs.run_split import SplitPictures, split_pictures, told


@dataclass(frozen=True)
class RunData:
    """Training and validation pictures of both domains.

    Attributes:
        train_a, train_b, val_a, val_b: decoded pictures, shorter side at the load size.
        paired: val_b[i] is the true translation of val_a[i] (their names are equal).
        descriptions: where each came from, for config.json and the report.
        test_a, test_b: those of the test split, with `split`, what split.json holds; None in a run
            without --split.
        face_boxes: of the training pictures of both domains, float32 [N, 4] each, where a face loss
            needs them.
    """

    train_a: ImageCache
    train_b: ImageCache
    val_a: ImageCache
    val_b: ImageCache
    paired: bool
    descriptions: dict[str, str]
    test_a: ImageCache | None = None
    test_b: ImageCache | None = None
    split: dict | None = None
    face_boxes: tuple[np.ndarray, np.ndarray] | None = None

    def facts(self) -> dict:
        """What config.json records of the data."""
        caches = {
            "train_a": self.train_a,
            "train_b": self.train_b,
            "val_a": self.val_a,
            "val_b": self.val_b,
        }
        if self.split:
            caches |= {"test_a": self.test_a, "test_b": self.test_b}
        return {
            **self.descriptions,
            "counts": {name: len(cache) for name, cache in caches.items()},
            "fingerprint": {name: cache.fingerprint for name, cache in caches.items()},
            "paired_validation": self.paired,
            "skipped": [
                list(item)
                for item in dict.fromkeys(i for cache in caches.values() for i in cache.skipped)
            ],
        }


def load_unpaired(options, log: Callable[[str], None], stored_split: dict | None = None) -> RunData:
    """Reads the domains that the options name; without any, the bundled demo data.

    options: has domain_a, domain_b, val_a, val_b (SRC or None), load_size, seed; it may have split
        and what goes with it.
    stored_split: what split.json of the run holds, once it was started.

    Raises:
        UserError: only one domain is named, or one can't be used.
    """
    require_alone(options, ("domain_a", "domain_b"), ("val_a", "val_b"))
    if options.domain_a is None and options.domain_b is None:
        if options.val_a or options.val_b:
            raise UserError("--val-a and --val-b need --domain-a and --domain-b")
        return _demo_unpaired(options.load_size, log)
    if options.domain_a is None or options.domain_b is None:
        missing = "--domain-a" if options.domain_a is None else "--domain-b"
        raise UserError(f"{missing} is missing: unpaired training takes two sources of pictures")
    if asked_split(options):
        return _split_unpaired(options, log, stored_split)
    train_a, val_a = _domain("a", options.domain_a, options.val_a, options, log)
    train_b, val_b = _domain("b", options.domain_b, options.val_b, options, log)
    names = [_stem(name) for name in val_a.names]
    paired = bool(options.val_a and options.val_b) and names == [
        _stem(name) for name in val_b.names
    ]
    if paired:
        log("validation: file names are equal in --val-a and --val-b, so they are scored as pairs")
    described = {
        "domain_a": options.domain_a,
        "domain_b": options.domain_b,
        "val_a": options.val_a or "held out of domain A",
        "val_b": options.val_b or "held out of domain B",
    }
    return RunData(train_a, train_b, val_a, val_b, paired, described)


def _domain(
    letter: str, train: str, val: str | None, options, log
) -> tuple[ImageCache, ImageCache]:
    option = f"--domain-{letter}"
    cache = load_images(open_source(train, option), options.load_size, option=option, warn=log)
    if val:
        option = f"--val-{letter}"
        return cache, load_images(
            open_source(val, option), options.load_size, option=option, warn=log
        )
    (train_cache,), (held_out,) = split_held_out([cache], options.seed)
    if held_out is cache:
        log(
            f"{option}: {len(cache)} pictures are too few to hold any out; validation shows training pictures"
        )
    else:
        log(f"{option}: {len(held_out)} of {len(cache)} pictures are held out for validation")
    return train_cache, held_out


def _split_unpaired(options, log, stored: dict | None) -> RunData:
    """Both domains cut into training, validation and test pictures."""
    domains = {}
    for name in ("domain_a", "domain_b"):
        option = "--" + name.replace("_", "-")
        source = open_source(getattr(options, name), option)
        cache = load_images(source, options.load_size, option=option, warn=log)
        domains[name] = SplitPictures(option, [cache], [source])
    caches, record = split_pictures(domains, options, stored)
    for line in told(record):
        log(line)
    (train_a, val_a, test_a), (train_b, val_b, test_b) = (
        [caches[name][part][0] for part in SPLITS] for name in domains
    )
    described = {
        "domain_a": options.domain_a,
        "domain_b": options.domain_b,
        "val_a": f"split of domain A, {options.split}",
        "val_b": f"split of domain B, {options.split}",
    }
    return RunData(train_a, train_b, val_a, val_b, False, described, test_a, test_b, record)


def asked_split(options) -> str | None:
    """--split, which runs of older versions do not have among their options."""
    return getattr(options, "split", None)


def require_alone(options, sources: tuple[str, ...], validation: tuple[str, ...]) -> None:
    """Raises UserError where --split is malformed, has nothing to divide, or validation pictures
    are named as well.
    """
    if asked_split(options) is None:
        return
    parse_split(options.split)
    if not any(getattr(options, name) for name in sources):
        raise UserError(
            f"--split divides pictures of yours: name them with --{sources[0].replace('_', '-')}"
        )
    named = next((name for name in validation if getattr(options, name)), None)
    if named:
        raise UserError(
            f"--split and --{named.replace('_', '-')}: both name the validation pictures; leave one out"
        )


def _demo_unpaired(load_size: int, log) -> RunData:
    from tf_i2i.data.demo_data import demo_images

    log("no data named: training on the bundled demo photographs and cartoons of other photographs")
    demo = demo_images(load_size)
    described = {
        "domain_a": "bundled demo photographs",
        "domain_b": "cartoons of other bundled photographs",
        "val_a": "held-out demo photographs",
        "val_b": "their true cartoons",
        "sources": demo.sources,
    }
    return RunData(demo.domain_a, demo.domain_b, demo.val_a, demo.val_b, True, described)


def _stem(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]


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
        return _demo_pairs(options.load_size, log)
    if asked_split(options):
        return _split_pairs(options, log, stored_split)
    train, _ = _load(options, "", log)
    if options.val_input or options.val_pairs:
        held_out, _ = _load(options, "val_", log)
        described = _described(options, "val_", "val_a", "val_b")
    else:
        option, count = "--pairs" if options.pairs else "--input", len(train[0])
        train, held_out = split_held_out(train, options.seed)
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


def _split_pairs(options, log, stored: dict | None) -> RunData:
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


def _demo_pairs(load_size: int, log) -> RunData:
    from tf_i2i.data.demo_data import demo_pairs

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
