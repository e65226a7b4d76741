"""A run's pictures: from the options to decoded, split image caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tf_i2i.errors import UserError
from tf_i2i.image_cache import ImageCache, load_images, split_held_out
from tf_i2i.sources import open_source
from tf_i2i.splits import SPLITS, parse_split
from training.run_split import SplitPictures, split_pictures, told


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
        return _demo(options.load_size, log)
    if options.domain_a is None or options.domain_b is None:
        missing = "--domain-a" if options.domain_a is None else "--domain-b"
        raise UserError(f"{missing} is missing: unpaired training takes two sources of pictures")
    if asked_split(options):
        return _split(options, log, stored_split)
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
    train_cache, held_out = split_held_out(cache, options.seed)
    if held_out is cache:
        log(
            f"{option}: {len(cache)} pictures are too few to hold any out; validation shows training pictures"
        )
    else:
        log(f"{option}: {len(held_out)} of {len(cache)} pictures are held out for validation")
    return train_cache, held_out


def _split(options, log, stored: dict | None) -> RunData:
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


def _demo(load_size: int, log) -> RunData:
    from tf_i2i.demo_data import demo_images

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
