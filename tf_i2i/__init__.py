"""Image-to-image translation in TensorFlow: networks, losses, data and metrics.

Knows nothing of run folders or command lines, and imports no large package.
"""

__version__ = "0.1.0"
