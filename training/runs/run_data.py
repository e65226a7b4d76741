"""A run's pictures: from the options to decoded, split image caches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tf_i2i.command_line import flag_of
from tf_i2i.data.demo_data import demo_images, demo_pairs
from tf_i2i.data.image_cache import ImageCache, load_images, split_held_out
from tf_i2i.data.paired_images import (
    case_mismatches,
    load_named_pairs,
    load_side_by_side,
    misfit,
    pair_name,
)
from tf_i2i.data.sources import open_source, require_distinct
from tf_i2i.data.splits import SPLITS, parse_split
from tf_i2i.errors import UserError, one_line
from training.options.trainer_options import TrainerOptions
from training.runs.run_split import PictureGroup, split_pictures, summary_lines

_DESCRIBED = ("domain_a", "domain_b", "val_a", "val_b")


@dataclass(frozen=True)
class RunData:
    """Training and validation pictures, shorter side at the load size; of pairs, A are the inputs
    and B the targets.

    Attributes:
        paired: val_b[i] is the true translation of val_a[i] (their names are equal).
        descriptions: where each came from, for config.json and the report.
        test_a, test_b, split: with --split, the test pictures, and what split.json holds.
        held_out: without, name and sum of the pictures that were held out, for config.json.
        face_boxes: of both domains' training pictures, float32 [N, 4] each, or None for one that
            needs none; where a face loss needs them.
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
    held_out: dict[str, list[dict]] = field(default_factory=dict)
    face_boxes: tuple[np.ndarray | None, np.ndarray | None] | None = None

    def facts(self) -> dict:
        """What config.json records of the data."""
        names = ("train_a", "train_b", "val_a", "val_b", "test_a", "test_b")
        caches = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        skipped = dict.fromkeys(item for cache in caches.values() for item in cache.skipped)
        return {
            **self.descriptions,
            "counts": {name: len(cache) for name, cache in caches.items()},
            "fingerprint": {name: cache.fingerprint for name, cache in caches.items()},
            "paired_validation": self.paired,
            "held_out": self.held_out,
            "skipped": [list(item) for item in skipped],
        }


def load_data(
    options: TrainerOptions,
    log: Callable[[str], None],
    stored_split: dict | None = None,
    held_out: dict[str, list[dict]] | None = None,
) -> RunData:
    """Reads the pictures that the options name; without any, the bundled demo data.

    stored_split: what split.json of the run holds, if the run exists; held_out: what its config.json
    holds of the data, from this version on. Raises UserError for options that do not go together,
    or pictures that can't be used.
    """
    names = ("input", "pairs") if options.paired else ("domain_a", "domain_b")
    validation = ("val_input", "val_pairs") if options.paired else ("val_a", "val_b")
    sources = _given(options, names)
    _check(options, sources, _given(options, validation))
    if not sources:
        return _demo_data(options, log)
    read = _read_pairs if options.paired else _read_domains
    groups = read(options, False, log)
    described = [text for group in groups.values() for text in group.descriptions]
    sides = {"domain_a": ["the inputs", "the targets"]}
    if not options.paired:
        sides = {"domain_a": ["domain A"], "domain_b": ["domain B"]}
    if options.split:
        parts, record = split_pictures(groups, options, stored_split)
        for line in summary_lines(record):
            log(line)
        train, val, test = (parts[name] for name in SPLITS)
        split_of = [f"split of {side}, {options.split}" for name in groups for side in sides[name]]
        described += split_of
        descriptions = dict(zip(_DESCRIBED, described, strict=True))
        return RunData(*train, *val, options.paired, descriptions, *test, record)
    named, train, val, record = read(options, True, log), [], [], {}
    for name, group in groups.items():
        if name in named:
            train += group.caches
            val += named[name].caches
            described += named[name].descriptions
        else:
            if held_out and name in held_out:
                kept, apart = group.held_out_again(held_out[name])
            else:
                kept, apart = split_held_out(group.caches, options.seed)
            train += kept
            val += apart
            described += [f"held out of {side}" for side in sides[name]]
            noun, count = "pairs" if options.paired else "pictures", len(group.names)
            if apart[0] is kept[0]:
                record[name] = []
                message = f"{count} {noun} are too few to hold any out; validation shows training"
                log(f"{group.option}: {message} {noun}")
            else:
                record[name] = group.held_out_entries(apart[0])
                held = len(apart[0])
                log(f"{group.option}: {held} of {count} {noun} are held out for validation")
    paired = options.paired
    if len(named) == 2:
        ours, theirs = (list(map(pair_name, cache.names)) for cache in val)
        place_of = {name: place for place, name in enumerate(theirs)}
        if len(place_of) == len(theirs) == len(ours) and set(ours) == place_of.keys():
            # Suffixes and two spellings of a letter may sort them differently.
            val[1] = val[1].subset([place_of[name] for name in ours])
            theirs = ours
        paired = ours == theirs
        if paired:
            paired = _keep_fitting(val, log)
        elif near := case_mismatches(val[0].names, val[1].names):
            pair = " and ".join(map(one_line, next(iter(near.items()))))
            log(f"validation: {len(near)} names differ in case alone, such as {pair}: no pairs")
    descriptions = dict(zip(_DESCRIBED, described, strict=True))
    return RunData(*train, *val, paired, descriptions, held_out=record)


def _keep_fitting(val: list[ImageCache], log) -> bool:
    """Leaves pairs of two shapes out of both domains, as in training on pairs; False where that is
    half of them or more: then names are equal by chance, and all stay.
    """
    shapes = zip(val[0].names, val[0].shapes, val[1].shapes, strict=True)
    reasons = [(name, misfit(ours, theirs)) for name, ours, theirs in shapes]
    misfits = [(name, reason) for name, reason in reasons if reason]
    names = "validation: names are equal in --val-a and --val-b"
    if 2 * len(misfits) >= len(reasons):
        name, reason = misfits[0]
        log(f"{names}, shapes are not ({one_line(name)}: {reason}): no pairs")
        return False
    log(f"{names}, so they are scored as pairs")
    for name, reason in misfits:
        log(f"validation: left out {one_line(name)}: {reason}")
    if misfits:
        kept = [place for place, (_, reason) in enumerate(reasons) if not reason]
        val[:] = [cache.subset(kept) for cache in val]
    return True


def _check(options, sources: list[str], validation: list[str]) -> None:
    """sources, validation: the options that name training and validation pictures."""
    if options.paired:
        both, pairs = "these two go together", (("input", "target"), ("val_input", "val_target"))
    else:
        both, pairs = "unpaired training takes two sources of pictures", (("domain_a", "domain_b"),)
    for pair in pairs:
        missing = [name for name in pair if not getattr(options, name)]
        if len(missing) == 1:
            raise UserError(f"{flag_of(missing[0])} is missing: {both}")
    for name in ("pairs", "val_pairs") if options.paired else ():
        folder = name.replace("pairs", "input")
        if len(_given(options, (name, folder))) == 2:
            both = f"{flag_of(name)} and {flag_of(folder)}"
            raise UserError(f"{both}: name side-by-side pictures or two folders")
    for pair in (*pairs, *(() if options.paired else (("val_a", "val_b"),))):
        if len(_given(options, pair)) == 2:
            require_distinct(*((flag_of(name), getattr(options, name)) for name in pair))
    needed = "--input or --pairs" if options.paired else "--domain-a and --domain-b"
    if validation and not sources:
        raise UserError(f"{flag_of(validation[0])} needs {needed}")
    if options.split is None:
        return
    parse_split(options.split)
    if not sources:
        raise UserError(f"--split divides pictures of yours: name them with {needed}")
    if validation:
        both = f"--split and {flag_of(validation[0])}"
        raise UserError(f"{both}: both name the validation pictures; leave one out")


def _read_domains(options, validation: bool, log) -> dict[str, PictureGroup]:
    """The domains that are named, or their validation pictures."""
    groups = {}
    for letter in "ab":
        name = f"val_{letter}" if validation else f"domain_{letter}"
        src, option = getattr(options, name), flag_of(name)
        if src:
            alone = options.one_style and letter == "b"
            source = open_source(src, option, one_picture=alone)
            cache = load_images(
                source, options.load_size, option=option, warn=log, minimum=1 if alone else 2
            )
            groups[f"domain_{letter}"] = PictureGroup(option, (cache,), (source,), (src,))
    return groups


def _read_pairs(options, validation: bool, log) -> dict[str, PictureGroup]:
    """The pairs that are named, if any; they are split as domain A."""
    prefix = "val_" if validation else ""
    names = [f"{prefix}{name}" for name in ("pairs", "input", "target")]
    pairs, *folders = (getattr(options, name) for name in names)
    flags = tuple(flag_of(name) for name in names)
    if pairs:
        source = open_source(pairs, flags[0])
        caches = load_side_by_side(source, options.load_size, option=flags[0], warn=log)
        described = tuple(f"{side} halves of {pairs}" for side in ("left", "right"))
        if options.direction == "ba":
            caches, described = caches[::-1], described[::-1]
        return {"domain_a": PictureGroup(flags[0], caches, (source, source), described)}
    if not all(folders):
        return {}
    sources = tuple(open_source(src, flag) for src, flag in zip(folders, flags[1:], strict=True))
    caches = load_named_pairs(*sources, options.load_size, options=flags[1:], warn=log)
    return {"domain_a": PictureGroup(flags[1], caches, sources, tuple(folders))}


def _demo_data(options, log) -> RunData:
    if options.paired:
        photos = "the bundled demo photographs"
        log(f"no data named: training on cartoons of {photos} and these photographs")
        demo = demo_pairs(options.load_size)
        described = ("cartoons of bundled demo photographs", "the photographs themselves")
        described += ("cartoons of held-out demo photographs", "these photographs")
    else:
        drawn = "illustrations of other photographs"
        log(f"no data named: training on the bundled demo photographs and {drawn}")
        demo = demo_images(options.load_size)
        described = ("bundled demo photographs", "illustrations of other bundled photographs")
        described += ("held-out demo photographs", "their true illustrations")
    descriptions = dict(zip(_DESCRIBED, described, strict=True)) | {"sources": demo.sources}
    return RunData(demo.domain_a, demo.domain_b, demo.val_a, demo.val_b, True, descriptions)


def _given(options, names: Sequence[str]) -> list[str]:
    return [name for name in names if getattr(options, name)]
