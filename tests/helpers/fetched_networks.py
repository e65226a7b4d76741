"""Networks from the npm registry; a test that needs one is skipped only where it is out of reach."""

from __future__ import annotations

import pytest

from tf_i2i.errors import UserError


def fetched(load, *arguments, **named):
    """What `load` returns; skips where npm is missing or the registry does not answer."""
    try:
        return load(*arguments, **named)
    except UserError as error:
        if "npm is missing" in str(error) or "is the npm registry reachable" in str(error):
            pytest.skip(f"missing tool: npm, or the network to its registry ({error})")
        raise
