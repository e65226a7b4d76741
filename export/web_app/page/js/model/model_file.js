/** What a .tflite file of export.tflite says of itself, and the same network at another size. */
import { readAttachedFile } from "./attached_file.js";
import { FlatTable } from "./flat_table.js";

/** A file that is no network of ours. */
export class UnusableModel extends Error {}

const LARGEST_SIDE = 4096;
/** Numbers of the fields and values that are read, by TensorFlow Lite's schemas. */
const MODEL = { operatorCodes: 1, subgraphs: 2, buffers: 4, metadata: 6 };
const GRAPH = { tensors: 0, inputs: 1, outputs: 2, operators: 3 };
const TENSOR = { shape: 0, type: 1, buffer: 2, signature: 7 };
const OPERATOR = { code: 0, inputs: 1, outputs: 2 };
const OPERATOR_CODE = { deprecated: 0, builtin: 3 };
const BUFFER = { data: 0 };
const TYPES = { 0: "float32", 3: "uint8" };
const RESIZES = new Set([23, 97]);
const METADATA = { name: 0, buffer: 1 };
const ABOUT = { name: 0, description: 1, graphs: 3, author: 4, license: 5 };
const ABOUT_GRAPH = { inputs: 2, outputs: 3 };
const UNITS = 4;
const UNIT = { type: 0, options: 1 };
const NORMALIZATION = { type: 1, mean: 0, std: 1 };

/**
 * @typedef {object} ModelDescription
 * @property {number} size side of its square input and output in pixels.
 * @property {number} stride tiles' sides and margins are multiples of it.
 * @property {number | null} margin overlap of tiles in pixels; null for a network that must see a
 *   whole picture.
 * @property {number | null} workingSize long side in pixels at which photos are translated.
 * @property {boolean} brushstrokes photos that are reduced come back with brushstrokes.
 * @property {Coding} input how its input holds pixels; `output` likewise. Network value = (level -
 *   mean) / std; of uint8, the level itself.
 * @property {object} about facts for people; null where the file doesn't say.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<ModelDescription>}
 * @throws {UnusableModel} it is none, is damaged, or is not one of ours.
 */
export async function describe(bytes) {
  const model = bytes.length > 8 && FlatTable.root(bytes, "TFL3");
  if (!model) throw new UnusableModel("not a .tflite file");
  const text = await readAttachedFile(bytes, "model.json");
  if (text === null) throw new UnusableModel("no model.json in it");
  try {
    const facts = JSON.parse(text);
    const graph = model.tables(MODEL.subgraphs)[0];
    const tensors = graph.tables(GRAPH.tensors);
    const input = tensors[graph.ints(GRAPH.inputs)[0]];
    const output = tensors[graph.ints(GRAPH.outputs)[0]];
    const size = imageSide(input);
    if (imageSide(output) !== size) throw new UnusableModel("output of another size than the input");
    const metadata = readMetadata(model);
    const graphMetadata = metadata?.tables(ABOUT.graphs)[0];
    return {
      size,
      ...localFacts(facts),
      input: coding(input, graphMetadata?.tables(ABOUT_GRAPH.inputs)[0]),
      output: coding(output, graphMetadata?.tables(ABOUT_GRAPH.outputs)[0]),
      about: about(metadata, facts, bytes.length),
    };
  } catch (error) {
    if (error instanceof UnusableModel) throw error;
    throw new UnusableModel(`damaged: ${error.message}`);
  }
}

function localFacts({ halo_px: halo, stride = 1, working_size_px: workingSize, brushstrokes }) {
  const isCount = (value, least) => Number.isInteger(value) && value >= least && value <= LARGEST_SIDE;
  if (!isCount(stride, 1) || (halo !== null && !isCount(halo, 0))) {
    throw new UnusableModel(`halo ${halo}, stride ${stride}`);
  }
  return {
    stride,
    margin: halo === null ? null : Math.ceil(halo / stride) * stride,
    workingSize: isCount(workingSize, 1) ? workingSize : null,
    brushstrokes: brushstrokes === true,
  };
}

function imageSide(tensor) {
  const [batch, height, width, channels, ...more] = tensor.ints(TENSOR.shape);
  if (batch !== 1 || height !== width || !(height >= 1 && height <= LARGEST_SIDE) || channels !== 3 || more.length) {
    throw new UnusableModel("its input or output is not one square RGB picture");
  }
  return height;
}

function coding(tensor, metadata) {
  const type = TYPES[tensor.byte(TENSOR.type)];
  if (type === "uint8") return { type, mean: 0, std: 1 };
  if (type !== "float32") throw new UnusableModel(`pixels of type ${tensor.byte(TENSOR.type)}`);
  const unit = metadata?.tables(UNITS)[0];
  if (unit?.byte(UNIT.type) !== NORMALIZATION.type) throw new UnusableModel("no normalisation in its metadata");
  const [[mean], [std]] = [NORMALIZATION.mean, NORMALIZATION.std].map((field) => unit.table(UNIT.options).floats(field));
  if (!Number.isFinite(mean) || !Number.isFinite(std) || std === 0) throw new UnusableModel(`mean ${mean}, std ${std}`);
  return { type, mean, std };
}

function readMetadata(model) {
  const entry = model.tables(MODEL.metadata).find((table) => table.text(METADATA.name) === "TFLITE_METADATA");
  const bytes = entry && model.tables(MODEL.buffers)[entry.int(METADATA.buffer)]?.bytes(BUFFER.data);
  return bytes ? FlatTable.root(bytes, "M001") : null;
}

function about(metadata, facts, bytes) {
  const text = (field) => metadata?.text(field) ?? null;
  const names = ["direction", "variant", "size", "training_data", "version", "weights_sha256", "working_size_px"];
  return {
    name: text(ABOUT.name),
    description: text(ABOUT.description),
    author: text(ABOUT.author),
    license: text(ABOUT.license),
    ...Object.fromEntries(names.map((name) => [name, facts[name] ?? null])),
    bytes,
  };
}

/**
 * A copy of a network of local operations whose input is [1, height, width, 3]; the counterpart of
 * tf_i2i/litert/model_resizing.py, which says why this is right. Every size has its place in the
 * file already, so that they are changed where they stand.
 *
 * @throws {RangeError} a map would get a side that is no whole number.
 */
export function resizedModel(bytes, height, width) {
  const copy = bytes.slice();
  const model = FlatTable.root(copy, "TFL3");
  const graph = model.tables(MODEL.subgraphs)[0];
  const tensors = graph.tables(GRAPH.tensors);
  const buffers = model.tables(MODEL.buffers);
  const operators = graph.tables(GRAPH.operators);
  const [, oldHeight, oldWidth] = tensors[graph.ints(GRAPH.inputs)[0]].ints(TENSOR.shape);
  if (oldHeight === height && oldWidth === width) return copy;
  const done = new Set();
  const scale = (sizes, firstSide) => {
    if (!sizes || done.has(sizes.start)) return;
    done.add(sizes.start);
    [[height, oldHeight], [width, oldWidth]].forEach(([to, from], i) => {
      const side = sizes.get(firstSide + i);
      if (side === -1) return;
      if ((side * to) % from) throw new RangeError(`a map of ${side} at input ${from} does not fit input ${to}`);
      sizes.set(firstSide + i, (side * to) / from);
    });
  };
  const constant = constants(tensors, buffers, operators);
  tensors.forEach((tensor, number) => {
    if (constant.has(number)) return;
    for (const field of [TENSOR.shape, TENSOR.signature]) {
      const sizes = tensor.writableInts(field);
      if (sizes?.length === 4) scale(sizes, 1);
    }
  });
  const codes = model.tables(MODEL.operatorCodes).map((code) => code.int(OPERATOR_CODE.builtin, 0) || code.byte(OPERATOR_CODE.deprecated));
  for (const operator of operators) {
    if (!RESIZES.has(codes[operator.int(OPERATOR.code)])) continue;
    const target = tensors[operator.ints(OPERATOR.inputs)[1]];
    scale(buffers[target.int(TENSOR.buffer)].writableInts(BUFFER.data, 1), 0);
  }
  return copy;
}

/** Tensors that no input reaches: weights, and what is computed from weights alone. */
function constants(tensors, buffers, operators) {
  const constant = new Set();
  tensors.forEach((tensor, number) => {
    if (buffers[tensor.int(TENSOR.buffer)]?.bytes(BUFFER.data)?.length) constant.add(number);
  });
  for (const operator of operators) {
    const inputs = operator.ints(OPERATOR.inputs);
    if (!inputs.every((number) => number < 0 || constant.has(number))) continue;
    for (const number of operator.ints(OPERATOR.outputs)) constant.add(number);
  }
  return constant;
}
