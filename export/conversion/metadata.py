"""TensorFlow Lite metadata: what a file is, how its pixels are coded, and the facts in model.json."""

import ctypes
import io
import json
import zipfile

import flatbuffers
import libusb_package

from export.conversion.variants import Variant
from tf_i2i.litert.model_file import MODEL_FACTS, read_facts

# tflite-support loads libusb-1.0 by name; the PyPI package brings it under another path.
ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
from tensorflow_lite_support.metadata import metadata_schema_py_generated as schema  # noqa: E402
from tensorflow_lite_support.metadata.python import metadata as support  # noqa: E402

_LICENSE = "The network's weights are derived from its training pictures; the code that made it is under Apache-2.0."


def with_metadata(data: bytes, variant: Variant, facts: dict) -> bytes:
    """The file with its description, and `facts` packed in as model.json.

    tflite-support reads both, any zip reader model.json. The same arguments give the same bytes.
    Raises RuntimeError when what is read back is not what was written.
    """
    populator = support.MetadataPopulator.with_model_buffer(bytearray(data))
    populator.load_metadata_buffer(_metadata_buffer(variant, facts))
    populator.load_associated_file_buffers({MODEL_FACTS: json.dumps(facts, indent=2).encode()})
    populator.populate()
    complete = _with_fixed_dates(bytes(populator.get_model_buffer()))
    if read_facts(complete) != facts or read_normalization(complete)[0] != _normalization(variant):
        raise RuntimeError("metadata read back from the file differs from what was written")
    return complete


def read_normalization(data: bytes) -> list[tuple[float, float]]:
    """(mean, std) of the first input and output: network value = (pixel in 0..255 - mean) / std.

    Raises ValueError when the file has no metadata.
    """
    buffer = support.MetadataDisplayer.with_model_buffer(bytearray(data)).get_metadata_buffer()
    graph = schema.ModelMetadataT.InitFromPackedBuf(buffer, 0).subgraphMetadata[0]
    tensors = [graph.inputTensorMetadata[0], graph.outputTensorMetadata[0]]
    options = [tensor.processUnits[0].options for tensor in tensors]
    return [(float(o.mean[0]), float(o.std[0])) for o in options]


def _metadata_buffer(variant: Variant, facts: dict) -> bytearray:
    described = schema.ModelMetadataT()
    described.name = f"tf_i2i {facts['direction']} {facts['model']}"
    described.description = f"Image-to-image translation. Trained on: {facts['training_data']}"
    described.version, described.author, described.license = facts["version"], "tf_i2i", _LICENSE
    graph = schema.SubGraphMetadataT()
    source = _image_tensor(variant, "image", "RGB picture to translate")
    result = _image_tensor(variant, "translated", "RGB picture of the other domain")
    graph.inputTensorMetadata, graph.outputTensorMetadata = [source], [result]
    described.subgraphMetadata = [graph]
    attached = schema.AssociatedFileT()
    attached.name = MODEL_FACTS
    attached.description = "Direction, variant, halo, size, training data and version"
    described.associatedFiles = [attached]
    builder = flatbuffers.Builder(0)
    builder.Finish(described.Pack(builder), support.MetadataPopulator.METADATA_FILE_IDENTIFIER)
    return builder.Output()


def _image_tensor(variant: Variant, name: str, description: str):
    mean, std = _normalization(variant)
    tensor, content = schema.TensorMetadataT(), schema.ContentT()
    tensor.name, tensor.description, tensor.content = name, description, content
    content.contentPropertiesType = schema.ContentProperties.ImageProperties
    content.contentProperties = schema.ImagePropertiesT()
    content.contentProperties.colorSpace = schema.ColorSpaceType.RGB
    unit = schema.ProcessUnitT()
    unit.optionsType = schema.ProcessUnitOptions.NormalizationOptions
    unit.options = schema.NormalizationOptionsT()
    unit.options.mean, unit.options.std = [mean], [std]
    tensor.processUnits, tensor.stats = [unit], schema.StatsT()
    tensor.stats.min, tensor.stats.max = [(0 - mean) / std], [(255 - mean) / std]
    return tensor


def _normalization(variant: Variant) -> tuple[float, float]:
    return (0.0, 1.0) if variant.io_dtype == "uint8" else (127.5, 127.5)


def _with_fixed_dates(data: bytes) -> bytes:
    """The packed files with a constant date: the same export twice gives the same sha256."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        packed = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
        start = min(entry.header_offset for entry in archive.infolist())
    result = io.BytesIO()
    result.write(data[:start])
    with zipfile.ZipFile(result, "a") as archive:
        for name, content in packed:
            archive.writestr(zipfile.ZipInfo(name), content)
    return result.getvalue()
