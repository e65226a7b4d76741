"""The variants of an exported file: each says what the converter may do to the numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """Attributes:
    name: in options, file names and export.json.
    weights: number type that weights are stored in.
    activations: number type between operations.
    io_dtype: number type of input and output: float32 is RGB in [-1, 1], uint8 a picture as is.
    """

    name: str
    weights: str
    activations: str
    io_dtype: str

    @property
    def calibrated(self) -> bool:
        """Whether ranges of activations are measured on pictures at export."""
        return self.activations in ("int8", "int16")


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("float32", weights="float32", activations="float32", io_dtype="float32"),
        Variant("float16", weights="float16", activations="float32", io_dtype="float32"),
        Variant("dynamic", weights="int8", activations="float32", io_dtype="float32"),
        Variant("int8", weights="int8", activations="int8", io_dtype="uint8"),
        Variant("int16", weights="int8", activations="int16", io_dtype="float32"),
    )
}
