"""Commands for data, training and evaluation: `python -m training.cyclegan --help`."""
