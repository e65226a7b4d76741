// Embeddings by face-api's own JavaScript: node face_api.mjs PACKAGE_FOLDER < pictures.json
// pictures.json: {"side": 150, "pictures": [[R, G, B of each pixel, row by row], ...]}, values 0..255.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const folder = path.resolve(process.argv[2]);
const { side, pictures } = JSON.parse(fs.readFileSync(0, "utf8"));
globalThis.window = { document: {} }; // what it takes for Node needs a require() that modules don't have
const faceapi = await import(pathToFileURL(path.join(folder, "dist", "face-api.esm.js")));
const tf = faceapi.tf;
await tf.setBackend("cpu");
const manifest = JSON.parse(fs.readFileSync(path.join(folder, "model", "face_recognition_model-weights_manifest.json")));
const bytes = fs.readFileSync(path.join(folder, "model", "face_recognition_model.bin"));
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
const net = faceapi.nets.faceRecognitionNet;
net.loadFromWeightMap(tf.io.decodeWeights(buffer, manifest[0].weights));

// The package divides by 255 what dlib's network was trained to see divided by 256.
const mean = tf.tensor1d([122.782, 117.001, 104.298]);
const embeddings = [];
for (const picture of pictures) {
  const pixels = tf.tensor4d(picture, [1, side, side, 3]);
  const moved = pixels.sub(mean).mul(255 / 256).add(mean);
  embeddings.push(Array.from(await net.forwardInput(await faceapi.toNetInput(moved)).data()));
}
console.log(JSON.stringify(embeddings));
