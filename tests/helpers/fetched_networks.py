"""Networks that come from the npm registry; a test that needs one is skipped only where it can't be
had.
"""

from __future__ import annotations

import shutil

import pytest

from tf_i2i.errors import UserError


def fetched(load, *arguments, **named):
    """What `load` gives; skips where npm is missing or the registry does not answer."""
    if shutil.which("npm") is None:
        pytest.skip("missing tool: npm")
    try:
        return load(*arguments, **named)
    except UserError as error:
        if "npm pack" in str(error) and "failed" in str(error):
            pytest.skip(f"missing tool: network to the npm registry ({error})")
        raise
