"""Measurements behind the project's claims of speed: each module is a command that prints its
table.
"""
