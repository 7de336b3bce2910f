// What Brain publishes for a row, from an exported model and its card alone:
//   npm install onnxruntime-web
//   node score.mjs VIX_RETURNS5_v1 row.json          row.json: {"return_1": -0.02, ...} of the day as_of
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

const [name, rowFile] = process.argv.slice(2);
const card = JSON.parse(await readFile(`${name}.json`, "utf8"));
const row = JSON.parse(await readFile(rowFile, "utf8"));
const { input, output, head, has_skill: hasSkill } = card.usage;

// `preparation` of the card: as they are, or rounded to float32, where what is infinite then is NaN.
const prepared = (value) => {
  if (value === null) return NaN;
  if (card.preparation !== "float32") return value;
  return Number.isFinite(Math.fround(value)) ? Math.fround(value) : NaN;
};
const values = input.features.map((feature) => {
  if (!(feature in row)) throw new Error(`the row has no ${feature}`);
  return prepared(row[feature]);
});

const session = await ort.InferenceSession.create(new Uint8Array(await readFile(`${name}.onnx`)));
const array = input.type === "float64" ? Float64Array.from(values) : Float32Array.from(values);
const tensor = new ort.Tensor(input.type, array, [1, values.length]);
const answer = (await session.run({ [input.name]: tensor }))[output.name].data;

// `formula` of the card.
const clipped = (p) => Math.min(Math.max(p, 1e-6), 1 - 1e-6);
const logit = (p) => Math.log(p / (1 - p));
const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const raw = answer[answer.length - 1];
const blended = (h) =>
  clipped(sigmoid(logit(h.base_rate) + h.intercept + h.slope * (logit(clipped(raw)) - h.center)));

let published = raw;
if (head.kind === "blend") published = hasSkill === false ? head.base_rate : blended(head);
console.log(published);
