// The engine behind the playground, as WebAssembly under Node.js: that it answers what the program answers.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { evengrad, startEngine } from "./engine.mjs";

const program = { skip: process.env.EVENGRAD ? false : "EVENGRAD names no program to compare with" };
let ask;
before(async () => (ask = await startEngine()));

/** The error of a question that is refused. */
function refused(method, options) {
  try {
    ask(method, options);
  } catch (error) {
    return error;
  }
  assert.fail(`${method} took ${JSON.stringify(options)}`);
}

/** Numbers agree to so many digits, everything else exactly. */
function assertClose(actual, expected, tolerance, where = "") {
  if (typeof expected === "number" && typeof actual === "number") {
    const size = Math.max(Math.abs(expected), 1e-12);
    assert.ok(Math.abs(actual - expected) <= tolerance * size, `${where}: ${actual}, expected ${expected}`);
  } else if (expected && typeof expected === "object") {
    assert.deepEqual(Object.keys(actual), Object.keys(expected), where);
    for (const key of Object.keys(expected)) assertClose(actual[key], expected[key], tolerance, `${where}.${key}`);
  } else {
    assert.equal(actual, expected, where);
  }
}

test("lists what there is", () => {
  const lists = ask("list");
  assert.ok(lists.activations.length >= 25);
  const [slope] = lists.activations.find((a) => a.name === "leaky_relu").parameters;
  assert.ok(slope.value === 0.01 && slope.lowest < 0 && slope.highest > 1);
  assert.ok(lists.initializers.some((i) => i.name === "gaussian"));
  const spirals = lists.datasets.find((d) => d.name === "spirals");
  assert.deepEqual([spirals.features, spirals.classes], [2, 2]);
  assert.ok(!lists.datasets.some((d) => d.name === "mnist"), "images are not in the page");
});

test("a curve is the formula and its slope", () => {
  const { x, value, slope, kinks } = ask("curve", { activation: "x*tanh(x)", from: -3, to: 3, points: 61 });
  assert.ok(x instanceof Float64Array && x.length === 61);
  for (let i = 0; i < x.length; i++) {
    const t = Math.tanh(x[i]);
    assert.ok(Math.abs(value[i] - x[i] * t) < 1e-14);
    assert.ok(Math.abs(slope[i] - (t + x[i] * (1 - t * t))) < 1e-14);
  }
  assert.deepEqual(kinks, []);
  assert.deepEqual(ask("curve", { activation: "relu6", from: -1, to: 10, points: 3 }).kinks, [0, 6]);
});

test("shares of a normal input", () => {
  const relu = ask("shares", { activation: "relu", mean: 0.5, std: 2 });
  assert.ok(Math.abs(relu.negative - 0.4012936743170763) < 1e-12);
  assert.ok(Math.abs(relu.zero - relu.negative) < 1e-9);
  assert.ok(Math.abs(relu.saturated - relu.negative) < 1e-4);
  // |tanh'| < 1e-3 beyond 4.1469 = atanh(sqrt(0.999))
  const tanh = ask("shares", { activation: "tanh", mean: 0, std: 4 });
  assert.ok(Math.abs(tanh.saturated - 0.2998) < 2e-4, tanh.saturated);
  assert.equal(tanh.zero, 0);
});

test("a wrong formula carries its place", () => {
  assert.equal(refused("theory", { activation: "x*sgmoid(x)" }).at, 2);
  assert.match(refused("theory", { activation: "x*sgmoid(x)" }).message, /did you mean 'sigmoid'/);
  assert.equal(refused("curve", { activation: "  x +* 2" }).at, 5);
  assert.equal(refused("open", { data: "moons", hidden: "4,4", activation: "relu, x+)" }).at, 8);
  assert.equal(refused("theory", { activation: "" }).at, undefined);
  assert.equal(refused("theory", { activation: "x + é" }).at, 4);
});

test("hostile options are refused with their name", () => {
  const train = { data: "moons", hidden: "4" };
  for (const [options, expected] of [
    [{ ...train, lr: "fast" }, /--lr.*'fast'/],
    [{ ...train, lr: -1 }, /rate/],
    [{ ...train, hidden: "0" }, /--hidden/],
    [{ ...train, hidden: "100000,100000" }, /--hidden/],
    [{ ...train, batch_size: 1.5 }, /--batch-size/],
    [{ ...train, batch_size: 1e9 }, /--batch-size/],
    [{ ...train, samples: 1e9 }, /--samples/],
    [{ ...train, seed: -1 }, /--seed/],
    [{ ...train, optimizer: "adamm" }, /did you mean 'adam'/],
    [{ ...train, init: "<img onerror=alert(1)>" }, /expected '\)'/],
    [{ ...train, schedule: "cosine" }, /--steps/],
    [{ ...train, learning_rate: 1 }, /unknown option 'learning_rate'/],
    [{ ...train, hidden: [8, 8] }, /--hidden/],
    [{ ...train, activation: { toString: 1 } }, /--activation/],
    [{ ...train, data: "mnist" }, /not in the page/],
    [{ ...train, data: "../secret.csv" }, /a page has no files/],
    [{ ...train, csv: "a,b\n1,\n" }, /'b' empty/],
    [{ ...train, dropout: 1 }, /dropout/],
    [{ hidden: "4" }, /--data is needed/],
  ]) {
    assert.match(refused("open", options).message, expected, JSON.stringify(options));
  }
  assert.match(refused("step", { session: 99 }).message, /no session 99/);
  assert.match(refused("nothing", {}).message, /unknown method/);
  assert.match(refused("propagate", { activation: "relu", init: "he", width: 4096, depth: 1000, inputs: 4096 }).message, /too much/);
  assert.equal(typeof ask("theory", { activation: "relu" }).formula, "string", "and it goes on");
});

test("theory and propagation are the program's documents", program, async () => {
  for (const activation of ["gelu", "leaky_relu(0.2)", "x*sigmoid(1.702*x)"]) {
    const { schema_version, provenance, ...document } = await evengrad("theory", activation, "--isa", "baseline");
    assertClose(ask("theory", { activation }), document, 1e-12, activation);
  }
  const options = { activation: "tanh", init: "xavier", width: 32, depth: 8, inputs: 16, nets: 3, seed: 4 };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { schema_version, provenance, ...document } = await evengrad("propagate", ...words, "--isa", "baseline");
  const answer = ask("propagate", options);
  assert.equal(answer.command, `evengrad propagate ${words.join(" ")}`);
  for (const bins of [answer.pre_activations, answer.gradients]) {
    assert.equal(bins.counts.length, bins.bins * options.depth);
    assert.equal(bins.counts.slice(0, bins.bins).reduce((a, b) => a + b), options.inputs * options.width * options.nets);
  }
  for (const extra of ["conclusion", "command", "pre_activations", "gradients"]) delete answer[extra];
  assertClose(answer, document, 1e-9, "propagate");
});

test("phases are those of the mean-field theory", () => {
  const { chi1, q, critical } = ask("phase", { activation: "tanh", sigma_w: [0.5, 2.5, 5], sigma_b: [0, 1, 3] });
  assert.equal(chi1.length, 15);
  assert.ok(chi1[0] < 1 && chi1[4] > 1, "ordered on the left, chaotic on the right");
  assert.equal(q[0], 0);
  assert.ok(Math.abs(critical.sigma_w2 - 1) < 1e-9 && critical.sigma_b2 === 0);
  const relu = ask("phase", { activation: "relu", sigma_w: [1, 2, 2], sigma_b: [0, 0, 1] });
  assert.ok(Math.abs(relu.chi1[0] - 0.5) < 1e-6 && Math.abs(relu.chi1[1] - 2) < 1e-6);
  assert.deepEqual([...relu.q], [0, Infinity]);
});

test("fates of initializers", () => {
  const [he, wrong, constant] = ask("fates", { activation: "relu", inits: ["he", "hee", "constant(0.1)"], depth: 10 });
  assert.equal(he.gradient_log10.length, 10);
  assert.ok(Math.abs(he.gradient_log10[9]) < 0.1 && Math.abs(he.sigma_w2 - 2) < 1e-12);
  assert.match(wrong.refused, /did you mean 'he'/);
  assert.deepEqual([constant.sigma_w2, constant.bias_mean], [null, null]);
  const [equal, drawn] = ask("fates", { activation: "tanh", inits: ["playground", "pytorch"], depth: 2, width: 64 });
  assert.deepEqual([equal.sigma_b2, equal.bias_mean], [0, 0.1], "equal biases have a mean and no deviation");
  assert.ok(Math.abs(drawn.sigma_b2 - 1 / (3 * 64)) < 1e-12 && drawn.bias_mean === 0, "the variance of U(-1/8, 1/8)");
  const [narrow, wide] = [64, 256].map((width) => ask("fates", { activation: "tanh", inits: ["playground"], depth: 10, width })[0]);
  assert.ok(narrow.gradient_log10[9] < wide.gradient_log10[9], "U(-0.5, 0.5) does not scale with the width");
});

const spirals = { data: "spirals", hidden: "32,32", activation: "tanh", lr: 0.01, batch_size: 32, seed: 3 };

test("a session learns the spirals, and looks on", () => {
  const opened = ask("open", spirals);
  const { session } = opened;
  assert.deepEqual(opened.layers.map((l) => [l.inputs, l.outputs, l.activation]), [[2, 32, "tanh"], [32, 32, "tanh"], [32, 2, null]]);
  assert.equal(opened.parameters, 2 * 32 + 32 + 32 * 32 + 32 + 64 + 2);
  assert.equal(opened.train.size + opened.test.size, 1000);
  assert.equal(opened.train.inputs.length, 2 * opened.train.size);
  assert.equal(opened.command, "evengrad train --data spirals --hidden 32,32 --activation tanh --lr 0.01 --batch-size 32 --seed 3");
  const begun = ask("step", { session, steps: 5, measure: true });
  assert.deepEqual([begun.step, begun.losses.length, begun.broke, begun.finished], [5, 5, null, false]);
  const digest = ask("digest", { session });
  const later = ask("step", { session, steps: 2995, measure: true });
  assert.equal(later.step, 3000);
  assert.ok(later.test.accuracy > 0.97 && later.train.loss < begun.train.loss / 3, JSON.stringify(later.test));

  const look = ask("look", { session, grid: 20, units: true, weights: true });
  assert.equal(look.boundary.length, 20 * 20 * 2);
  for (let i = 0; i < look.boundary.length; i += 2) assert.ok(Math.abs(look.boundary[i] + look.boundary[i + 1] - 1) < 1e-5);
  assert.deepEqual(look.units.map((u) => u.length), [32 * 400, 32 * 400]);
  assert.ok(look.units[0].every((v) => v >= -1 && v <= 1));
  assert.deepEqual(look.weights.map((w) => [w.weight.length, w.bias.length]), [[64, 32], [1024, 32], [64, 2]]);
  assert.deepEqual(look.dead.map((d) => d.length), [32, 32]);
  assert.deepEqual(look.rows.map((r) => [r.step, r.name]), [[3000, "layers.0"], [3000, "layers.2"], [3000, "layers.4"]]);
  assert.ok(look.rows.every((r) => r.update_ratio > 0));

  const again = ask("restart", { session });
  assert.equal(again.session, session);
  ask("step", { session, steps: 5 });
  assert.equal(ask("digest", { session }), digest, "the same weights, the same steps");
  ask("restart", { session, seed: 4 });
  ask("step", { session, steps: 5 });
  assert.notEqual(ask("digest", { session }), digest);
  ask("close", { session });
  assert.match(refused("digest", { session }).message, /no session/);
});

test("however steps are asked for, and whoever looks, the weights are the same", () => {
  const all = ask("open", spirals).session, piecewise = ask("open", spirals).session;
  ask("step", { session: all, steps: 100 });
  for (let left = 100, steps = 1; left > 0; left -= steps, steps = Math.min(left, steps + 3)) {
    ask("step", { session: piecewise, steps, measure: true });
    ask("look", { session: piecewise, grid: 5, units: true });
  }
  assert.equal(ask("digest", { session: piecewise }), ask("digest", { session: all }));
});

test("a run that breaks says where", () => {
  const { session } = ask("open", { ...spirals, activation: "relu", optimizer: "sgd", lr: 1e20 });
  const { broke, step } = ask("step", { session, steps: 100, measure: true });
  assert.match(broke, /step \d+.*NaN|infinity/);
  assert.ok(step < 100);
  assert.ok(ask("look", { session, grid: 4 }).findings.some((f) => f.severity === "critical"));
  assert.equal(ask("step", { session, steps: 1 }).losses.length, 0, "it does not go on");
  ask("restart", { session });
  assert.equal(ask("step", { session, steps: 1 }).losses.length, 1);
});

test("dead units are those that the rows count", () => {
  const { session } = ask("open", { data: "moons", hidden: "16", activation: "relu", optimizer: "adam", lr: 3 });
  ask("step", { session, steps: 200 });
  const { dead, rows } = ask("look", { session });
  const silent = dead[0].filter((flags) => flags & 1).length;
  assert.ok(silent > 0, "a rate of 3 kills units");
  assert.ok(Math.abs(rows[0].silent - silent / 16) <= 1 / 16);
});

test("pasted data come back as they were", () => {
  const rows = ["u,v,kind"];
  for (let i = 0; i < 40; i++) rows.push(`${i / 7},${1 - i * i},${i % 2 ? "odd" : '"even, too"'}`);
  const opened = ask("open", { data: "drawn.csv", csv: rows.join("\n"), hidden: "3", test_fraction: 0 });
  assert.deepEqual([opened.features, opened.class_names, opened.classes], [["u", "v"], ["even, too", "odd"], 2]);
  assert.ok(opened.command.startsWith("evengrad train --data drawn.csv --hidden 3"));
  const back = ask("csv", { session: opened.session }).trimEnd().split("\r\n");
  assert.equal(back.length, 41);
  assert.deepEqual(back.slice(1).map((line) => line.split(",").slice(0, 2).map(Number)), [...Array(40).keys()].map((i) => [i / 7, 1 - i * i]));
  const bytes = ask("weights", { session: opened.session });
  const header = JSON.parse(new TextDecoder().decode(bytes.slice(8, 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)))));
  assert.deepEqual(header["layers.0.weight"].shape, [3, 2]);
});

// The browser's vectors have 128 bits and no fused multiply-add, as the program's baseline kernels.
const nets = (activations) => [
  ...activations.map((activation) => ({ data: "spirals", hidden: "24,17", activation, steps: 60 })),
  ...["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop"].map((optimizer) => ({ data: "moons", hidden: "16", optimizer, weight_decay: 0.01, steps: 60 })),
  ...["cross_entropy", "bce", "mse", "huber"].map((loss) => ({ data: "circles", hidden: "16", activation: "gelu", loss, steps: 60 })),
  { data: "sine", hidden: "32,32", activation: "sin", loss: "huber", steps: 60 },
  { data: "teacher", hidden: "16", activation: "tanh", schedule: "cosine", warmup_steps: 10, steps: 60 },
  { data: "blobs", hidden: "20", activation: "x*sigmoid(1.702*x)", label_smoothing: 0.1, clip_norm: 0.5, steps: 60 },
  { data: "xor", hidden: "8,8,8", activation: "relu", norm: "batch", dropout: 0.2, residual: true, steps: 60 },
  { data: "moons", hidden: "12,12", activation: "elu", norm: "layer", init: "orthogonal", steps: 60 },
  { data: "moons", hidden: "12,12", activation: "softplus", init: "lsuv", steps: 60 },
  { data: "moons", hidden: "12,12", activation: "tanh,relu", init: "critical", seed: 9, steps: 60 },
  { data: "moons", hidden: "12", activation: "mish", init: "xavier_truncated", schedule: "step", steps: 60 },
];

test("the weights after k steps are the program's, bit by bit", program, async () => {
  const { activations } = ask("list");
  const different = [];
  for (const net of nets(activations.map((a) => a.name))) {
    const words = Object.entries(net).flatMap(([name, value]) => [`--${name.replaceAll("_", "-")}`, ...(value === true ? [] : [String(value)])]);
    const { weights_digest } = await evengrad("train", ...words, "--isa", "baseline");
    const { session } = ask("open", net);
    ask("step", { session, steps: 60 });
    if (ask("digest", { session }) !== weights_digest) different.push(words.join(" "));
    ask("close", { session });
  }
  assert.deepEqual(different, []);
});
