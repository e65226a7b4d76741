"""Trainers: options, visible loops, run folders. Start one with `python -m training.cyclegan
--help`.
"""
