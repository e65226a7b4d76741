"""What native code writes, and what of it reaches the user."""

import os

import pytest

from tf_i2i.console import chatter_left_out


def test_errors_pass_and_chatter_does_not(capfd):
    chatter = (
        b"2026-11-29 20:37: E external/cuda_dnn.cc:9261] Unable to register cuDNN factory: already\n"
        b"2026-11-29 20:37: E tensorflow/core/grappler/optimizers/meta_optimizer.cc:961] remapper "
        b"failed: INVALID_ARGUMENT: Mutation::Apply error\n"
    )
    with pytest.raises(ValueError), chatter_left_out():
        os.write(2, chatter + b"E tensorflow/core/x.cc:1] the disk is on fire\n")
        raise ValueError
    os.write(2, b"later\n")
    said = capfd.readouterr().err
    assert said == "E tensorflow/core/x.cc:1] the disk is on fire\nlater\n"
