"""The work of training.curate: measure, judge, match, report, and only if asked for move."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from tf_i2i.data.image_files import UnreadableImage
from tf_i2i.data.screening import Dropped, Limits
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError, one_line
from training.curation.curation_report import write_report
from training.curation.decisions import UNREADABLE, Domain, counts_of, judge
from training.curation.file_moves import Rejects
from training.curation.measures import look_at, picture_within
from training.options.curate_options import CurateOptions
from training.system.interruption import Interruption
from training.system.worker_pool import PicturePool


def curate(options: CurateOptions) -> int | None:
    """Returns None, or 130 or 143 when it was interrupted.

    Raises:
        UserError: unusable folders, or nothing is left in one.
    """
    roots = _roots(options)
    report = (
        Path(options.report).expanduser()
        if options.report
        else roots[0].resolve().parent / "curate.html"
    )
    with Interruption() as interruption, ExitStack() as held:
        rejects = [held.enter_context(Rejects(root)) for root in roots] if options.apply else []
        domains = [_domain(root) for root in roots]

        def stopped() -> bool:
            return interruption.signal is not None

        _measure(domains, options, stopped)
        if not stopped():
            said = _judge(domains, options)
            _write(report, domains, options, said)
            for folder, domain in zip(rejects, domains, strict=False):
                _apply(folder, domain, stopped)
    if interruption.signal is not None:
        done = (
            "what was moved can be undone with --undo" if options.apply else "nothing was changed"
        )
        print(f"interrupted; {done}, the same command starts again", file=sys.stderr)
        return interruption.exit_status
    _tell(domains, options, report)
    return None


def undo(options: CurateOptions) -> int | None:
    """Brings everything back.

    Raises:
        UserError: there is nothing to undo, or something is in the way.
    """
    left = []
    for root in _roots(options):
        if not Rejects(root).folder.is_dir():
            raise UserError(
                f"--undo {one_line(root)}: nothing was moved; there is no {one_line(Rejects(root).folder)}"
            )
        with Rejects(root) as rejects:
            try:
                back, in_the_way = rejects.undo()
            except OSError as error:
                raise rejects.unwritable(error) from error
        print(f"{one_line(root)}: {back} pictures are back")
        left += [str(root / name) for name in in_the_way]
    if left:
        raise UserError(
            f"--undo: {one_line(', '.join(left))}: another file has that name now; move it away, then --undo again"
        )
    return None


def _roots(options: CurateOptions) -> list[Path]:
    roots = [Path(name).expanduser() for name in options.dirs]
    for root in roots:
        if not root.is_dir():
            raise UserError(f"DIR {one_line(root)}: no such folder; give a folder of pictures")
    whole = [root.resolve() for root in roots]
    if len(whole) == 2 and (whole[0].is_relative_to(whole[1]) or whole[1].is_relative_to(whole[0])):
        raise UserError(
            f"DIR {one_line(roots[1])}: one folder lies in the other; give two that lie side by side"
        )
    return roots


def _domain(root: Path) -> Domain:
    source = open_source(str(root), "DIR")
    return Domain(root, {name: root / name for name in source.names})


def _measure(domains: list[Domain], options: CurateOptions, stopped: Callable[[], bool]) -> None:
    jobs = [
        ((number, name), (file, options.trim))
        for number, domain in enumerate(domains)
        for name, file in domain.files.items()
    ]
    with PicturePool(options.workers) as pool:
        found = pool.map(look_at, jobs, stopped)
        for (number, name), look in tqdm(found, "looking", len(jobs), unit="picture", delay=1):
            domains[number].take(name, look)
    # They come as they are finished; what follows, and the report, go by name.
    for domain in domains:
        domain.looks = {name: domain.looks[name] for name in domain.files if name in domain.looks}


def _judge(domains: list[Domain], options: CurateOptions) -> str:
    """Decides on all pictures; returns what the report says about the matching."""
    for domain in domains:
        judge(
            domain, Limits(options.min_size, options.min_chroma), options.max_text, options.copies
        )
    if options.match == "portraits":
        from training.curation.decisions import match_portraits

        low, high = match_portraits(domains, options.min_face)
        return f"Portraits: the largest face is {low:.2f} to {high:.2f} of the shorter side, as in both domains."
    if options.match == "features":
        from tf_i2i.metrics.feature_networks import open_features
        from training.curation.decisions import match_features

        features = open_features(options.features)
        match_features(
            domains,
            features,
            options.neighbours,
            lambda all_of_them: tqdm(all_of_them, "matching", unit="picture", delay=1),
        )
        return f"Matched by {features.name}, {options.neighbours} neighbours."
    return ""


def _apply(rejects: Rejects, domain: Domain, stopped: Callable[[], bool]) -> None:
    trims = list(domain.trims)
    steps = [(name, False) for name in domain.rejects] + [(name, True) for name in trims]
    try:
        for name, trim in tqdm(steps, f"moving out of {domain.root.name}", unit="picture", delay=1):
            if stopped():
                return
            if trim:
                try:
                    rejects.replace(name, picture_within(domain.files[name], domain.looks[name]))
                except UnreadableImage as error:
                    domain.rejects[name] = Dropped(UNREADABLE, error.reason)
                    rejects.move(name)
            else:
                rejects.move(name)
    except OSError as error:
        raise rejects.unwritable(error) from error


def _write(report: Path, domains: list[Domain], options: CurateOptions, said: str) -> None:
    try:
        write_report(report, domains, options, said)
    except OSError as error:
        raise UserError(
            f"--report {one_line(report)}: can't be written ({error.strerror or error}); name another file"
        ) from error


def _tell(domains: list[Domain], options: CurateOptions, report: Path) -> None:
    """Prints every picture that is left out, and the counts.

    Raises:
        UserError: nothing is left in a folder.
    """
    for domain in domains:
        for name, dropped in sorted(domain.rejects.items()):
            print(
                f"left out: {one_line(domain.root / name)}: {dropped.reason} ({one_line(dropped.detail)})"
            )
        for name, box in domain.trims.items():
            width, height = domain.looks[name].whole
            print(
                f"margins: {one_line(domain.root / name)}: {width}x{height}, {box.right - box.left}x{box.bottom - box.top} without"
            )
    heads = ["", *(one_line(domain.root.name) for domain in domains)]
    print(
        "".join(head.rjust(24) if number else head.ljust(24) for number, head in enumerate(heads))
    )
    for title, counts in counts_of(domains):
        print(title.ljust(24) + "".join(str(count).rjust(24) for count in counts))
    print(f"report: {one_line(report)}")
    for domain in domains:
        if not domain.kept:
            raise UserError(
                f"DIR {one_line(domain.root)}: no picture is left; see {one_line(report)} and change the limits"
            )
    if not options.apply:
        print("nothing was changed; --apply moves them out of the way, --undo brings them back")
    else:
        print(
            "moved to "
            + ", ".join(one_line(Rejects(domain.root).folder) for domain in domains)
            + "; --undo brings them back"
        )
