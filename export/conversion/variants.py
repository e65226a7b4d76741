"""The variants of an exported file: each says what the converter may do to the numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One variant.

    Attributes:
        variant: its name in options, file names and export.json.
        weights: number type that weights are stored in.
        activations: number type between operations.
        border: number type of the file's input and output; "uint8" means an image as it is, 0..255.
    """

    variant: str
    weights: str
    activations: str
    border: str

    @property
    def calibrated(self) -> bool:
        """Whether ranges of activations are measured on pictures at export."""
        return self.activations in ("int8", "int16")


RECIPES = {
    recipe.variant: recipe
    for recipe in (
        Recipe("float32", weights="float32", activations="float32", border="float32"),
        Recipe("float16", weights="float16", activations="float32", border="float32"),
        Recipe("dynamic", weights="int8", activations="float32", border="float32"),
        Recipe("int8", weights="int8", activations="int8", border="uint8"),
        Recipe("int16", weights="int8", activations="int16", border="float32"),
    )
}
