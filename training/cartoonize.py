"""Makes pairs of cartoon and photo for paired training.

python -m training.cartoonize SRC --out DIR
"""

from tf_i2i.command_line import parse, run_command
from tf_i2i.errors import UserError
from training.options.pair_options import CartoonizeOptions

_EPILOG = """\
Photos outside the limits are dropped, the others are drawn. DIR/cartoonize.json records the measurements of each photo and
why it was dropped; DIR/contact-sheet.png shows some of the pairs. After an interruption, the same command resumes; a second
run makes only what is missing. With other limits for the same DIR, pairs are added or removed. Another style, size or layout
needs another DIR, or --redo."""


def main(argv: list[str] | None = None) -> int | None:
    options = parse(CartoonizeOptions, argv, "training.cartoonize", __doc__, _EPILOG)
    if options.out is None:
        raise UserError("--out is missing: name the folder for the pairs")
    from training.cartoon_pairs.cartoonize_job import make_pairs

    return make_pairs(options)


if __name__ == "__main__":
    run_command(main)
