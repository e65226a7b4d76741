"""The parts of training.collect: sources that list pictures, a polite fetcher, and the record of
what was collected.
"""
