"""A small face network to be trained on people of one's own, where dlib's is not wanted."""

from __future__ import annotations

import keras


def build_face_embedder(size: int = 96, width: int = 32, dimensions: int = 128) -> keras.Model:
    """Residual network (He et al. 2016) that embeds faces on the unit sphere (Schroff et al. 2015,
    section 3).

    Args:
        size: side of the crops in pixels.
        width: channels after the first convolution; they double with each of three halvings.
        dimensions: of the embedding.

    Shapes: RGB float [N, size, size, 3] in [-1, 1] to float32 [N, dimensions] of length 1.
    """
    inputs = keras.Input((size, size, 3))
    x = _normalised(inputs, width, stride=2)
    for filters in (width, 2 * width, 4 * width, 8 * width):
        x = _block(x, filters, stride=1 if filters == width else 2)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(dimensions)(x)
    outputs = keras.layers.UnitNormalization(dtype="float32")(x)
    return keras.Model(inputs, outputs, name="face_embedder")


def _block(x, filters: int, stride: int):
    y = _normalised(x, filters, stride)
    y = _normalised(y, filters, activation=False)
    if stride > 1:
        x = keras.layers.AveragePooling2D(2, padding="same")(x)
    if x.shape[-1] != filters:
        x = keras.layers.Conv2D(filters, 1, use_bias=False)(x)
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def _normalised(x, filters: int, stride: int = 1, activation: bool = True):
    x = keras.layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.95)(x)
    return keras.layers.ReLU()(x) if activation else x
