"""The parts of training.curate: measuring, judging, moving with a way back, the report."""
