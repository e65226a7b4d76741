"""The work of training.curate: measure, judge, match, report, and move only with --apply."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from tf_i2i.console import say, text_table
from tf_i2i.data.image_files import UnreadableImage
from tf_i2i.data.screening import UNREADABLE, Dropped
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_errors
from tf_i2i.metrics.feature_networks import open_features
from training.curation import decisions
from training.curation.curation_report import write_report
from training.curation.decisions import Domain, picture_within
from training.curation.file_moves import Rejects
from training.options.curate_options import CurateOptions
from training.system.interruption import Interruption
from training.system.worker_pool import PicturePool


def curate(options: CurateOptions) -> int | None:
    """Returns None, or 130 or 143 when it was interrupted. Raises UserError for unusable folders, or
    where nothing is left in one.
    """
    roots = _roots(options)
    report = Path(options.report or roots[0].resolve().parent / "curate.html")
    rejects = [Rejects(root) for root in roots]
    with Interruption() as interruption, ExitStack() as locks:

        def stopped() -> bool:
            return interruption.signal is not None

        if options.apply:
            for folder in rejects:
                locks.enter_context(folder.locked())
        listed = [(root, open_source(str(root), "DIR").names) for root in roots]
        domains = [Domain(root, {name: root / name for name in names}) for root, names in listed]
        _measure(domains, options, stopped)
        if not stopped():
            note = _decide(domains, options)
            with write_errors(f"--report {one_line(report)}"):
                write_report(report, domains, options, note)
            if options.apply:
                for folder, domain in zip(rejects, domains, strict=True):
                    _apply(folder, domain, stopped)
    if stopped():
        state = "--undo brings back what was moved" if options.apply else "nothing was changed"
        say(f"interrupted; {state}; the same command starts again")
        return interruption.exit_status
    _print_summary(domains, report)
    fate = "nothing was changed; --apply moves them out of the way"
    if options.apply:
        fate = f"moved to {', '.join(one_line(folder.folder) for folder in rejects)}"
    print(f"{fate}, --undo brings them back")
    return None


def undo(options: CurateOptions) -> None:
    """Brings everything back. Raises UserError where there is nothing, or something in the way."""
    left = []
    for root in _roots(options):
        rejects = Rejects(root)
        if not rejects.folder.is_dir():
            folder = one_line(rejects.folder)
            raise UserError(f"--undo {one_line(root)}: nothing was moved; there is no {folder}")
        with rejects.locked():
            num_back, in_the_way = rejects.undo()
        print(f"{one_line(root)}: {num_back} pictures are back")
        left += [str(root / name) for name in in_the_way]
    if left:
        names = one_line(", ".join(left))
        raise UserError(f"--undo: {names}: another file has that name now; move it away first")


def _roots(options: CurateOptions) -> list[Path]:
    roots = [Path(name) for name in options.dirs]
    for root in roots:
        if not root.is_dir():
            raise UserError(f"DIR {one_line(root)}: no such folder; give a folder of pictures")
    first, last = roots[0].resolve(), roots[-1].resolve()
    if len(roots) == 2 and (first.is_relative_to(last) or last.is_relative_to(first)):
        raise UserError(f"DIR {one_line(roots[1])}: one folder is inside the other; give others")
    return roots


def _measure(domains: list[Domain], options: CurateOptions, stopped: Callable[[], bool]) -> None:
    files = [(domain, name, file) for domain in domains for name, file in domain.files.items()]
    jobs = [((domain, name), (file, options.trim)) for domain, name, file in files]
    with PicturePool(options.workers, stopped) as pool:
        measured = pool.results(decisions.measure_picture, jobs, "measuring", len(jobs))
        for (domain, name), result in measured:
            results = domain.rejects if isinstance(result, Dropped) else domain.measurements
            results[name] = result


def _decide(domains: list[Domain], options: CurateOptions) -> str:
    """Decides on all pictures; returns what the report says about the matching."""
    for domain in domains:
        decisions.judge(domain, options)
    if options.match == "portraits":
        low, high = decisions.match_portraits(domains, options.min_face)
        share = f"{low:.2f} to {high:.2f} of the shorter side"
        return f"Portraits: the largest face is {share}, as in both domains."
    if options.match == "features":
        features = open_features(options.features)
        decisions.match_features(domains, features, options.neighbours)
        return f"Matched by {features.name}, {options.neighbours} neighbours."
    return ""


def _apply(rejects: Rejects, domain: Domain, stopped: Callable[[], bool]) -> None:
    trims = domain.trims
    names = [*sorted(domain.rejects), *trims]
    for name in tqdm(names, f"moving out of {domain.root.name}", unit="picture", delay=1):
        if stopped():
            return
        if name not in trims:
            rejects.move(name)
            continue
        try:
            rejects.replace(name, picture_within(domain.files[name], domain.measurements[name]))
        except UnreadableImage as error:
            domain.rejects[name] = Dropped(UNREADABLE, error.reason)
            rejects.move(name)


def _print_summary(domains: list[Domain], report: Path) -> None:
    """Prints what is left out or trimmed, and counts; UserError where a folder has nothing left."""
    for domain in domains:
        for name, (reason, detail) in sorted(domain.rejects.items()):
            print(f"left out: {one_line(domain.root / name)}: {reason} ({one_line(detail)})")
        for name, box in domain.trims.items():
            width, height = domain.measurements[name].whole
            inner = f"{box.right - box.left}x{box.bottom - box.top}"
            print(f"margins: {one_line(domain.root / name)}: {width}x{height}, {inner} without")
    names = [one_line(domain.root.name) for domain in domains]
    rows = [("", names), *decisions.counts_of(domains)]
    print(text_table([[title, *map(str, cells)] for title, cells in rows]))
    print(f"report: {one_line(report)}")
    for domain in domains:
        if not domain.kept:
            fix = f"see {one_line(report)} and change the limits"
            raise UserError(f"DIR {one_line(domain.root)}: no picture is left; {fix}")
