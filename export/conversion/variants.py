"""The variants of an exported file: each says what the converter may do to the numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """What its number types are: of stored weights, between operations, and of input and output,
    where float32 is RGB in [-1, 1], uint8 a picture as is.
    """

    name: str
    weights: str
    activations: str
    io_dtype: str

    @property
    def calibrated(self) -> bool:
        """Whether ranges of activations are measured on pictures at export."""
        return self.activations in ("int8", "int16")


_VARIANTS = (
    Variant("float32", weights="float32", activations="float32", io_dtype="float32"),
    Variant("float16", weights="float16", activations="float32", io_dtype="float32"),
    Variant("dynamic", weights="int8", activations="float32", io_dtype="float32"),
    Variant("int8", weights="int8", activations="int8", io_dtype="uint8"),
    Variant("int16", weights="int8", activations="int16", io_dtype="float32"),
)
VARIANTS = {variant.name: variant for variant in _VARIANTS}
