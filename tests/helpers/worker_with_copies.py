"""A trainer that also leaves every worker's own weights: python worker_with_copies.py FOLDER
trainer-options...
"""

import json
import os
import sys

from tf_i2i.command_line import run_command
from training import cyclegan
from training.runs import checkpoints

folder = sys.argv.pop(1)
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"] if os.environ.get("TF_CONFIG") else 0
plain_save = checkpoints.Checkpoints.save


def save(self, step, state):
    plain_save(self, step, state)
    self._objects.write(os.path.join(folder, f"worker{index}"))


checkpoints.Checkpoints.save = save
run_command(cyclegan.main)
