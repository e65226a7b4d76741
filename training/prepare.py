"""Makes pairs of cartoon and photo as a TensorFlow dataset, on one machine or many.

python -m training.prepare SRC --out DIR --name NAME [-- BEAM OPTIONS]
"""

import re
import sys

from tf_i2i.command_line import parse, run_command
from tf_i2i.errors import UserError
from training.options.pair_options import PrepareOptions

_EPILOG = """\
The pairs are those that training.cartoonize makes with the same options. Options after -- go to Apache Beam:
  -- --direct_running_mode=multi_processing --direct_num_workers=0    all cores of this machine
  -- --runner=FlinkRunner --flink_master=HOST:8081 ...                a cluster; see docs/cluster.md
DIR/NAME/1.0.0/prepare.json counts kept and dropped photos; photos-*.jsonl beside it have the reason for each photo.
To train on it: --input tfds:DIR/NAME:train:cartoon --target tfds:DIR/NAME:train:photo"""


def main(argv: list[str] | None = None) -> int | None:
    argv = sys.argv[1:] if argv is None else argv
    end = argv.index("--") if "--" in argv else len(argv)
    options = parse(PrepareOptions, argv[:end], "training.prepare", __doc__, _EPILOG)
    if options.out is None:
        raise UserError("--out is missing: name the folder for TensorFlow datasets")
    if not re.fullmatch("[a-z][a-z0-9_]*", options.name or ""):
        raise UserError("--name: give lower-case letters, digits and _, such as --name my_pairs")
    try:
        from training.cartoon_pairs.prepare_job import make_dataset
    except ModuleNotFoundError as error:
        if "apache_beam" not in str(error):
            raise
        fix = "run: pip install -e .[beam] (training.cartoonize makes pairs without it)"
        raise UserError(f"Apache Beam is not installed; {fix}") from error
    return make_dataset(options, argv[end + 1 :])


if __name__ == "__main__":
    run_command(main)
