"""Image-to-image translation in TensorFlow: networks, losses, data and metrics.

Knows nothing of run folders or command lines (packages ``training`` and ``export``), and importing
it imports neither TensorFlow nor any other large package.
"""

from __future__ import annotations

__version__ = "0.1.0"
