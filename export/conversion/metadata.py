"""TensorFlow Lite metadata: what a file is, how its pixels are coded, and the facts in model.json.

Tables and slots are those of tflite-support's metadata_schema.fbs.
"""

import ctypes
import io
import json
import zipfile
from dataclasses import dataclass

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers.table import Table

from export.conversion.variants import Variant
from tf_i2i.litert.model_file import MODEL_FACTS, ModelFile, read_facts

_LICENSE = "The network's weights are derived from its training pictures; the code that made it is under Apache-2.0."
_FIELD, _IDENTIFIER = b"TFLITE_METADATA", b"M001"
# The oldest reader that knows all of these tables.
_MIN_PARSER = "1.0.0"
_RGB, _IMAGE_PROPERTIES, _NORMALIZATION_OPTIONS = 1, 2, 1


def with_metadata(data: bytes, variant: Variant, facts: dict) -> bytes:
    """The file with its description, and `facts` packed in as model.json.

    tflite-support reads both, any zip reader model.json. The same arguments give the same bytes.
    Raises RuntimeError when what is read back is not what was written.
    """
    described, packed = _described(variant, facts), json.dumps(facts, indent=2).encode()
    if support := tflite_support():
        populator = support.MetadataPopulator.with_model_buffer(bytearray(data))
        populator.load_metadata_buffer(bytearray(described))
        populator.load_associated_file_buffers({MODEL_FACTS: packed})
        populator.populate()
        complete = _with_fixed_dates(bytes(populator.get_model_buffer()))
    else:
        complete = populated(data, described, packed)
    if read_facts(complete) != facts or read_normalization(complete)[0] != _normalization(variant):
        raise RuntimeError("metadata read back from the file differs from what was written")
    return complete


def tflite_support():
    """Its module of metadata, which imports TensorFlow; None after Python 3.11, where it ends."""
    try:
        import libusb_package

        # It loads libusb-1.0 by name; the PyPI package brings that under another path.
        ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
        from tensorflow_lite_support.metadata.python import metadata
    except ImportError:
        return None
    return metadata


def populated(data: bytes, described: bytes, packed: bytes) -> bytes:
    """As tflite-support's MetadataPopulator, for a file without metadata."""
    file, buffer, field = ModelFile(data), schema.BufferT(), schema.MetadataT()
    buffer.data, field.name = np.frombuffer(described, np.uint8), _FIELD
    file.model.buffers.append(buffer)
    field.buffer = len(file.model.buffers) - 1
    file.model.metadata = [*(file.model.metadata or []), field]
    return _zipped(file.to_bytes(), {MODEL_FACTS: packed})


def read_normalization(data: bytes) -> list[tuple[float, float]]:
    """(mean, std) of the first input and output: network value = (pixel in 0..255 - mean) / std.

    Raises ValueError when the file has no metadata.
    """
    model = ModelFile(data).model
    numbers = [field.buffer for field in model.metadata or [] if field.name == _FIELD]
    if not numbers:
        raise ValueError("the file has no metadata")
    buffer = bytes(model.buffers[numbers[0]].data)
    (start,) = np.frombuffer(buffer[:4], "<u4")
    graph = _child(Table(buffer, int(start)), 3, 0)
    units = [_child(_child(graph, slot, 0), 4, 0) for slot in (2, 3)]
    return [tuple(_float(_child(unit, 1), slot) for slot in (0, 1)) for unit in units]


@dataclass(frozen=True)
class _Fields:
    """A table to write: number of its slots; values by slot: text, a byte (0: absent), floats, a
    table or tables.
    """

    slots: int
    values: dict


def _described(variant: Variant, facts: dict) -> bytes:
    """ModelMetadata of the file."""
    images = [
        _image_tensor(variant, "image", "RGB picture to translate"),
        _image_tensor(variant, "translated", "RGB picture of the other domain"),
    ]
    attached = "Direction, variant, halo, size, training data and version"
    model = {
        0: f"tf_i2i {facts['direction']} {facts['model']}",
        1: f"Image-to-image translation. Trained on: {facts['training_data']}",
        2: facts["version"],
        3: [_Fields(10, {2: images[:1], 3: images[1:]})],
        4: "tf_i2i",
        5: _LICENSE,
        6: [_Fields(5, {0: MODEL_FACTS, 1: attached})],
        7: _MIN_PARSER,
    }
    builder = flatbuffers.Builder(0)
    builder.Finish(_write(builder, _Fields(8, model)), _IDENTIFIER)
    return bytes(builder.Output())


def _image_tensor(variant: Variant, name: str, description: str) -> _Fields:
    mean, std = _normalization(variant)
    content = _Fields(3, {0: _IMAGE_PROPERTIES, 1: _Fields(2, {0: _RGB})})
    unit = _Fields(2, {0: _NORMALIZATION_OPTIONS, 1: _Fields(2, {0: [mean], 1: [std]})})
    stats = _Fields(2, {0: [(255 - mean) / std], 1: [(0 - mean) / std]})
    return _Fields(7, {0: name, 1: description, 3: content, 4: [unit], 5: stats})


def _write(builder: flatbuffers.Builder, table: _Fields) -> int:
    """Writes what a table refers to, then the table. Returns its offset."""
    offsets = {}
    for slot, value in table.values.items():
        if isinstance(value, str):
            offsets[slot] = builder.CreateString(value)
        elif isinstance(value, _Fields):
            offsets[slot] = _write(builder, value)
        elif isinstance(value, list) and isinstance(value[0], _Fields):
            parts = [_write(builder, part) for part in value]
            builder.StartVector(4, len(parts), 4)
            for part in reversed(parts):
                builder.PrependUOffsetTRelative(part)
            offsets[slot] = builder.EndVector()
        elif isinstance(value, list):
            offsets[slot] = builder.CreateNumpyVector(np.array(value, np.float32))
    builder.StartObject(table.slots)
    for slot, value in table.values.items():
        if slot in offsets:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
        else:
            builder.PrependUint8Slot(slot, value, 0)
    return builder.EndObject()


def _place(table: Table, slot: int) -> int:
    return int(table.Pos + table.Offset(4 + 2 * slot))


def _child(table: Table, slot: int, number: int | None = None) -> Table:
    """The table in a slot, or the one of that number in the slot's vector."""
    place = _place(table, slot)
    if number is not None:
        place = table.Vector(place - table.Pos) + 4 * number
    return Table(table.Bytes, int(table.Indirect(place)))


def _float(table: Table, slot: int) -> float:
    """The first of a slot's vector."""
    start = int(table.Vector(_place(table, slot) - table.Pos))
    return float(np.frombuffer(table.Bytes[start : start + 4], "<f4")[0])


def _normalization(variant: Variant) -> tuple[float, float]:
    return (0.0, 1.0) if variant.io_dtype == "uint8" else (127.5, 127.5)


def _with_fixed_dates(data: bytes) -> bytes:
    """The packed files with a constant date: the same export twice gives the same sha256."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        packed = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        start = min(entry.header_offset for entry in archive.infolist())
    return _zipped(data[:start], packed)


def _zipped(data: bytes, packed: dict[str, bytes]) -> bytes:
    """Files appended to the bytes of another, with the first date that the format knows."""
    result = io.BytesIO()
    result.write(data)
    with zipfile.ZipFile(result, "a") as archive:
        for name, content in packed.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return result.getvalue()
