"""Times every operation of one .tflite file by LiteRT's own profiler: run as a process, prints one
JSON object.

python -m export.timing.native_profiler FILE.tflite THREADS REPEATS

The Python packages have no call for it, but libLiteRt.so of ai-edge-litert exports it in its C
interface (litert/c/litert_profiler.h). Unlike the interpreter's view, in which XNNPACK is one
opaque node, it lists what XNNPACK runs inside. A process of its own, since a slip in such calls, or
a damaged file, ends the process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import sys
from ctypes import byref, c_int, c_size_t, c_uint64, c_void_p
from pathlib import Path

_CPU = 1


# litert_profiler_event.h: operations of the runtime itself, and those that a delegate reports of
# its inside.
_OPERATIONS = (2, 8)


# Their time is that of the operations inside, which are listed themselves.
_CONTROL_FLOW = frozenset(
    {b"WHILE", b"IF", b"CALL", b"CALL_ONCE", b"STABLEHLO_WHILE", b"STABLEHLO_COMPOSITE"}
)


# The options travel as TOML text under these names (LrtGetOpaqueRuntimeOptionsData,
# LrtGetOpaqueCpuOptionsData).
_RUNTIME_OPTIONS, _CPU_OPTIONS = b"runtime_options_string", b"xnnpack"


class _Event(ctypes.Structure):
    """ProfiledEventData; memory: three size_t at its begin, three at its end."""

    _fields_ = [
        ("tag", ctypes.c_char_p),
        ("kind", c_int),
        ("start_us", c_uint64),
        ("elapsed_us", c_uint64),
        ("memory", c_size_t * 6),
        ("place", c_uint64),
        ("subgraph", c_uint64),
        ("source", c_int),
    ]


class Profiler:
    """A compiled network with LiteRT's profiler attached.

    Args:
        path: .tflite file.
        threads: of the CPU.

    Raises:
        OSError, AttributeError: there is no libLiteRt.so, or it lacks a call.
        RuntimeError: a call failed.
    """

    def __init__(self, path: str, threads: int):
        self._library = ctypes.CDLL(str(library()))
        environment, self._model, options = c_void_p(), c_void_p(), c_void_p()
        self._call("LiteRtCreateEnvironment", c_int(0), None, byref(environment))
        self._call("LiteRtCreateModelFromFile", environment, os.fsencode(path), byref(self._model))
        self._call("LiteRtCreateOptions", byref(options))
        self._call("LiteRtSetOptionsHardwareAccelerators", options, c_int(_CPU))
        self._add(options, _RUNTIME_OPTIONS, "enable_profiling = true\n")
        self._add(options, _CPU_OPTIONS, f"num_threads = {threads}\n")
        self._compiled, self._profiler = c_void_p(), c_void_p()
        self._call(
            "LiteRtCreateCompiledModel", environment, self._model, options, byref(self._compiled)
        )
        self._call("LiteRtCompiledModelGetProfiler", self._compiled, byref(self._profiler))
        if not self._profiler:
            raise RuntimeError("this libLiteRt.so does not know the option enable_profiling")
        self._inputs = self._buffers(environment, "Input")
        self._outputs = self._buffers(environment, "Output")

    def run(self) -> None:
        sizes = c_size_t(len(self._inputs)), c_size_t(len(self._outputs))
        self._call(
            "LiteRtRunCompiledModel",
            self._compiled,
            c_size_t(0),
            sizes[0],
            self._inputs,
            sizes[1],
            self._outputs,
        )

    def events(self, repeats: int) -> list[dict]:
        """Operations of `repeats` inferences as they ran: name, us."""
        found = []
        for _ in range(repeats):
            # One at a time: the profiler's buffer holds a fixed number of events and then forgets.
            self._call("LiteRtResetProfiler", self._profiler)
            self._call("LiteRtStartProfiler", self._profiler)
            self.run()
            self._call("LiteRtStopProfiler", self._profiler)
            found += self._recorded()
        return found

    def _recorded(self) -> list[dict]:
        count = c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, byref(count))
        events = (_Event * max(1, count.value))()
        if count.value:
            self._call("LiteRtGetProfilerEvents", self._profiler, count, events)
        return [
            {"name": (event.tag or b"?").decode("utf-8", "replace"), "us": event.elapsed_us}
            for event in events[: count.value]
            if event.kind in _OPERATIONS and event.tag not in _CONTROL_FLOW
        ]

    def _buffers(self, environment, side: str):
        """An array of buffers, as the network wants them, for all inputs or all outputs of the
        first signature.
        """
        signature, count = c_void_p(), c_size_t()
        self._call("LiteRtGetModelSignature", self._model, c_size_t(0), byref(signature))
        self._call(f"LiteRtGetNumSignature{side}s", signature, byref(count))
        buffers = (c_void_p * count.value)()
        for number in range(count.value):
            tensor, needed, buffer = c_void_p(), c_void_p(), c_void_p()
            # LiteRtRankedTensorType has some 80 bytes; it is only handed on.
            kind = (c_uint64 * 64)()
            self._call(
                f"LiteRtGetSignature{side}TensorByIndex", signature, c_size_t(number), byref(tensor)
            )
            self._call("LiteRtGetRankedTensorType", tensor, byref(kind))
            place = c_size_t(0), c_size_t(number)
            self._call(
                f"LiteRtGetCompiledModel{side}BufferRequirements",
                self._compiled,
                *place,
                byref(needed),
            )
            self._call(
                "LiteRtCreateManagedTensorBufferFromRequirements",
                environment,
                byref(kind),
                needed,
                byref(buffer),
            )
            # Zeros: what stands in fresh memory may be denormal numbers, which are slow.
            self._call("LiteRtClearTensorBuffer", buffer)
            buffers[number] = buffer.value
        return buffers

    def _add(self, options, name: bytes, text: str) -> None:
        libc, added = ctypes.CDLL(None), c_void_p()
        libc.strdup.restype = c_void_p
        copy, free = c_void_p(libc.strdup(text.encode())), ctypes.cast(libc.free, c_void_p)
        self._call("LiteRtCreateOpaqueOptions", name, copy, free, byref(added))
        self._call("LiteRtAddOpaqueOptions", options, added)

    def _call(self, name: str, *arguments) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name} failed ({status})")


def library() -> Path:
    """Where libLiteRt.so of the installed ai-edge-litert should lie; found without importing the
    package.
    """
    package = importlib.util.find_spec("ai_edge_litert")
    return Path(package.origin if package else "ai_edge_litert").parent / "libLiteRt.so"


def main(path: str, threads: str, repeats: str) -> None:
    # Native code prints to descriptor 1; the answer goes to a copy of it.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    profiler = Profiler(path, int(threads))
    for _ in range(2):
        profiler.run()
    json.dump(profiler.events(int(repeats)), answer)
    answer.flush()
    # Without the destructors of the library, which has threads of its own.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
