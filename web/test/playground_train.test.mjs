// The tab Train in headless Chromium: it learns, says what goes wrong, and can be built again from its address.
import assert from "node:assert/strict";
import { after, before, test as nodeTest } from "node:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { downloaded, evengrad, launch, openMenus, until, words } from "./browser.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const built = process.env.PLAYGROUND ?? new URL("../dist/playground.html", import.meta.url);
const text = existsSync(built) ? await readFile(built, "utf8") : "";
const skip = text ? false : "dist/playground.html is not built (cmake --preset wasm)";
const test = (name, run) => nodeTest(name, { skip }, run);
let browser;
before(async () => text && (browser = await launch()));
after(() => browser?.close());

const settled = (page) => until(page, () => {
  const nets = document.querySelector(".nets");
  return nets?.getAttribute("aria-busy") === "false" && [...nets.querySelectorAll(".net")].length > 0;
});

/** The page at an address of the tab, when it stands still. */
async function open(address, options) {
  const { page, messages } = await browser.open(null, { text, ...options });
  await page.evaluate((hash) => history.replaceState(null, "", hash), `#train?${new URLSearchParams(address)}`);
  await page.reload();
  await settled(page);
  return { page, messages };
}
async function go(page, address) {
  const before = await page.locator(".summary").innerText();
  await page.evaluate((hash) => (location.hash = hash), `#train?${new URLSearchParams(address)}`);
  await until(page, (text) => document.querySelector(".summary").textContent !== text, before);
  await settled(page);
}
const state = async (page) => Object.fromEntries(new URLSearchParams((await page.evaluate(() => location.hash)).split("?")[1]));
/** The address is written a little later than what it says. */
const addressHas = (page, key, value) => until(page, ([key, value]) => (new URLSearchParams(location.hash.split("?")[1]).get(key) ?? "") === value, [key, value]);
const digests = (page) => page.locator(".digest").allInnerTexts();
const right = async (page) => Number((await page.locator(".summary").innerText()).match(/([\d.]+) % of the test samples/)[1]);
const chosen = (page, role, name) => page.getByRole(role, { name, exact: true }).inputValue();

test("the default net learns the spirals", async () => {
  const { page, messages } = await open({ steps: 0 });
  assert.ok((await right(page)) < 80, "before training it can only guess");
  await go(page, { steps: 1000 });
  assert.match(await page.locator(".summary").innerText(), /^After 1000 steps/);
  assert.ok((await right(page)) >= 97);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("play, pause, step and reset", async () => {
  const { page } = await open({});
  const step = async () => Number((await page.locator(".counter").innerText()).match(/step ([\d\s]+)/)[1].replace(/\s/g, ""));
  await page.getByRole("button", { name: "Step" }).click();
  await addressHas(page, "steps", "1");
  await settled(page);
  const [first] = await digests(page);
  await page.getByRole("button", { name: "Play" }).click();
  await until(page, () => Number(document.querySelector(".counter").textContent.match(/step (\d+)/)[1]) > 20);
  await page.getByRole("button", { name: "Pause" }).click();
  await until(page, () => {
    const shown = document.querySelector(".counter").textContent.match(/step ([\d\s]+)/)[1].replace(/\s/g, "");
    return new URLSearchParams(location.hash.split("?")[1]).get("steps") === shown;
  });
  await settled(page);
  await page.getByRole("button", { name: "Reset" }).click();
  await addressHas(page, "steps", "");
  await settled(page);
  assert.equal(await step(), 0);
  await page.getByRole("button", { name: "Step" }).click();
  await addressHas(page, "steps", "1");
  await settled(page);
  assert.deepEqual(await digests(page), [first], "the same weights again");
  await page.getByRole("button", { name: "New weights" }).click();
  await addressHas(page, "seed", "2");
  await settled(page);
  assert.notDeepEqual(await digests(page), [first]);
  await page.context().close();
});

/** What the page does in each of some frames while it plays, in counts: no clock has a say. */
const workOfFrames = (page, frames) => page.evaluate(async (frames) => {
  const work = [];
  const count = (prototype, method, key) => {
    const plain = prototype[method];
    prototype[method] = function (...values) {
      if (work.length) ++work.at(-1)[key];
      return plain.apply(this, values);
    };
  };
  count(Worker.prototype, "postMessage", "questions");
  count(CanvasRenderingContext2D.prototype, "putImageData", "pictures");
  count(CanvasRenderingContext2D.prototype, "bezierCurveTo", "wires");
  const charts = [...document.querySelectorAll(".live-surface")];
  new MutationObserver((records) => {
    const changed = new Set(records.map(({ target }) => charts.find((chart) => chart.contains(target))));
    if (work.length) work.at(-1).charts += [...changed].filter(Boolean).length;
  }).observe(document.querySelector(".nets"), { subtree: true, attributes: true, childList: true });
  while (work.length < frames) {
    work.push({ questions: 0, pictures: 0, wires: 0, charts: 0 });
    await new Promise(requestAnimationFrame);
  }
  const of = (key) => work.map((frame) => frame[key]);
  const keys = Object.keys(work[0]);
  const sum = (list) => list.reduce((a, b) => a + b);
  return {
    most: Object.fromEntries(keys.map((key) => [key, Math.max(...of(key))])),
    mean: Object.fromEntries(keys.map((key) => [key, sum(of(key)) / frames])),
  };
}, frames);

for (const [name, address, nets] of [["the default net", {}, 1], ["two nets", { compare: 1, "b.activation": "relu" }, 2]]) {
  test(`a frame of ${name} has little work to do`, async () => {
    const { page } = await open(address, { motion: "no-preference" });
    await page.getByRole("button", { name: "Play" }).click();
    await until(page, () => Number(document.querySelector(".counter").textContent.match(/step (\d+)/)[1]) > 100);
    const frames = 120;
    const { most, mean } = await workOfFrames(page, frames);
    const [columns, edges] = [5, 2 * 8 + 8 * 8 + 8 * 8 + 8 * 2];
    assert.ok(mean.pictures > 0 && mean.wires > 0 && mean.charts > 0, "it plays");
    assert.ok(most.questions <= 2 * nets, "a net is asked to train and shown, once a frame");
    // Of each column but the inputs, which stand still, and of the answer over the plane; two nets take turns.
    assert.ok(most.pictures <= columns * (nets === 1 ? 1 : 2) && mean.pictures <= columns * 1.1, `${mean.pictures} pictures a frame`);
    // Every fourth picture of a net comes with its edges, and the first may be one of these.
    const drawings = nets * (1 + Math.ceil(frames / (4 * nets)));
    assert.ok(mean.wires * frames <= edges * drawings, `${mean.wires} edges a frame`);
    assert.ok(most.charts <= 2 && mean.charts <= 0.3 * nets, `${mean.charts} charts a frame`);
    await page.context().close();
  });
}

test("on the way to the address's step it says how far it is, and can be stopped there", async () => {
  const far = 200_000;
  const { page, messages } = await browser.playground(`#train?steps=${far}`);
  const button = page.locator(".transport .play");
  await until(page, () => Number(document.querySelector(".counter")?.textContent.match(/^training to step 200\s000: (\d+) %$/)?.[1]) > 0);
  await until(page, () => [...document.querySelectorAll("[aria-live=polite]")].some((live) => /^Training to step 200\s000\.$/.test(live.textContent)));
  assert.match(await button.innerText(), /Pause/);
  await button.click();
  await until(page, (asked) => !location.hash.endsWith(asked), `steps=${far}`);
  await settled(page);
  const { steps } = await state(page);
  assert.ok(Number(steps) > 0 && Number(steps) < far, steps);
  assert.equal(await button.innerText(), "▶ Play");
  const stopped = await digests(page);
  await go(page, { steps: 0 });
  await go(page, { steps });
  assert.deepEqual(await digests(page), stopped, "the step that the address has now");
  await page.evaluate((hash) => (location.hash = hash), `#train?steps=${far}`);
  await until(page, () => document.querySelector(".counter").textContent.startsWith("training to"));
  await page.getByRole("button", { name: "Reset" }).click();
  await addressHas(page, "steps", "");
  await settled(page);
  assert.match(await page.locator(".counter").innerText(), /^step 0 /);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("a large rate kills ReLU units, the finding names them, and its button mends it", async () => {
  const { page } = await open({ activation: "relu", optimizer: "sgd", lr: "1", init: "he", steps: 400 });
  const summary = await page.locator(".summary").innerText();
  assert.ok(Number(summary.match(/(\d+) of 24 units silent/)[1]) > 4, summary);
  assert.ok(Number(summary.match(/(\d+) fell silent so far/)[1]) > 0, summary);
  const finding = page.locator(".finding", { hasText: "silent units" });
  assert.match(await finding.innerText(), /of the units of hidden layer \d/);
  const remedy = finding.getByRole("button").first();
  const [, key, value] = (await remedy.innerText()).match(/--(\S+) (\S+)/);
  await remedy.click();
  await addressHas(page, key, value);
  await page.context().close();
});

test("a loss that stands still near guessing is a finding; a share just below a rule's is told; Try plays", async () => {
  const { page } = await open({ activation: "sigmoid", init: "xavier", optimizer: "sgd", lr: "0.1", hidden: "8,8", steps: 1000 });
  const finding = page.locator(".finding", { hasText: "plateau" });
  assert.match(await finding.innerText(), /the loss has stood at 0\.\d+ since step \d+, \d+(\.\d+)? % of guessing/);
  await finding.getByRole("button", { name: "Try --optimizer adam" }).click();
  await addressHas(page, "optimizer", "");  // the default
  await until(page, () => Number(document.querySelector(".counter").textContent.match(/step (\d+)/)?.[1]) > 10);
  assert.match(await page.locator(".transport .play").innerText(), /Pause/);
  await page.context().close();
});

test("a preset says what to watch and plays; the command counts along while it plays", async () => {
  const { page } = await open({});
  assert.equal(await page.locator(".watch").innerText(), "");
  const chip = page.getByRole("button", { name: "Equal weights stay equal" });
  await chip.click();
  await until(page, () => document.querySelector(".watch").textContent.startsWith("Watch the pictures of one layer"));
  assert.equal(await chip.getAttribute("aria-pressed"), "true");
  for (let i = 0; i < 3; ++i) {
    await until(page, () => {
      const steps = document.querySelector("#tab-train .footer code")?.textContent.match(/--init 'constant\(0\.5\)' .*--steps (\d+) --isa baseline$/)?.[1];
      const shown = document.querySelector(".counter").textContent.match(/step (\d+)/)[1];
      return Number(steps) > 3 && steps === shown;
    });
  }
  await page.context().close();
});

test("a unit is killed, revived and its weights are edited; then no command is promised, and Reset undoes it", async () => {
  const { page, messages } = await open({ activation: "relu", init: "he", steps: 5 });
  const [before] = await digests(page);
  await page.locator(".units button").nth(2).click();
  const card = page.locator(".unit-card");
  assert.equal(await card.locator("h3").innerText(), "Layer 1, unit 3");
  assert.equal(await card.getByRole("slider").count(), 3, "two weights and the bias");
  const weight = () => card.getByRole("slider", { name: "from x1" }).getAttribute("aria-valuetext");
  const first = await weight();
  await card.getByRole("button", { name: "Kill" }).click();
  await until(page, () => /unit 3: silent/.test(document.querySelectorAll(".units button")[2].getAttribute("aria-label")));
  assert.match(await page.locator(".summary").innerText(), /^After 5 steps/);
  assert.equal(await page.locator("#tab-train .footer code").count(), 0);
  assert.match(await page.locator(".proof").innerText(), /changed by hand at step 5/);
  await card.getByRole("button", { name: "Revive" }).click();
  await until(page, () => document.querySelector(".unit-card [aria-label='from x1']").getAttribute("aria-valuetext") !== "0");
  const slider = card.getByRole("slider", { name: "bias" });
  await slider.press("End");
  await until(page, () => {
    const bias = document.querySelector(".unit-card [aria-label=bias]");
    return Math.abs(Number(bias.getAttribute("aria-valuetext")) / Number(bias.max) - 1) < 0.006;
  });
  await page.getByRole("button", { name: "Reset" }).click();
  await addressHas(page, "steps", "");
  await go(page, { activation: "relu", init: "he", steps: 5 });
  assert.deepEqual(await digests(page), [before]);
  await page.locator(".units button").nth(2).click();
  assert.equal(await weight(), first);
  await page.keyboard.press("Escape");
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("features of x1 and x2 are inputs: circles need no hidden layer then, and the file with them gives the command's net", async () => {
  const { page, messages } = await open({ data: "circles", hidden: "none", lr: "0.1", steps: 200 });
  const without = await right(page);
  await page.getByLabel("x1²").check();
  await addressHas(page, "features", "x1^2");
  await page.getByLabel("x2²").check();
  await addressHas(page, "features", "x1^2,x2^2");
  await go(page, { data: "circles", hidden: "none", lr: "0.1", features: "x1^2,x2^2", steps: 200 });
  assert.ok(without < 70 && (await right(page)) > 97, `${without} without, ${await right(page)} with`);
  const [digest] = await digests(page);
  const file = await downloaded(page, () => page.getByRole("button", { name: "Data as CSV" }).click());
  assert.equal(file.name, "features.csv");
  assert.match(file.text, /^x1,x2,x1\^2,x2\^2,class\r\n/);
  const folder = await mkdtemp(path.join(tmpdir(), "evengrad-features-"));
  await writeFile(path.join(folder, file.name), file.text);
  const command = words(await page.locator("#tab-train .footer code").innerText());
  const native = await evengrad(...command.slice(1).map((word) => (word === file.name ? path.join(folder, word) : word)));
  assert.equal(native.weights_digest, digest);
  await page.evaluate(() => (location.hash = "#train?features=x3"));
  await until(page, () => /no input feature “x3”/i.test(document.querySelector(".net .notice").textContent));
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("two nets of one seed and equal settings have equal weights, others differ", async () => {
  const { page } = await open({ compare: 1, steps: 60 });
  const [a, b] = await digests(page);
  assert.match(a, /^[0-9a-f]{16,}$/);
  assert.equal(a, b);
  await go(page, { compare: 1, steps: 60, "b.init": "he" });
  const [c, d] = await digests(page);
  assert.equal(c, a);
  assert.notEqual(d, a);
  assert.equal(await page.locator("[data-side=b] .differs select").inputValue(), "he");
  assert.match(await page.locator("[data-side=a] .differs-text").innerText(), /initializer/);
  await page.getByRole("button", { name: "Make equal to A" }).click();
  await addressHas(page, "b.init", "");
  await page.context().close();
});

test("the address restores everything", async () => {
  const address = {
    data: "moons", samples: "300", noise: "0.2", hidden: "5,3", activation: "relu,x*sigmoid(2*x)", init: "lecun", optimizer: "momentum",
    lr: "0.03", "batch-size": "16", "weight-decay": "0.001", dropout: "0.1", norm: "layer", seed: "7", steps: "40",
  };
  const { page, messages } = await open(address);
  const before = await digests(page);
  assert.deepEqual(await state(page), address);
  assert.equal(await chosen(page, "combobox", "Initializer"), "lecun");
  assert.equal(await chosen(page, "combobox", "Learning rate"), "0.03");
  assert.equal(await chosen(page, "textbox", "Layer 2: f(x) ="), "x*sigmoid(2*x)");
  assert.equal(await page.locator("[aria-label='Layer 1: units']").innerText(), "5");
  await page.reload();
  await settled(page);
  assert.deepEqual(await digests(page), before);
  const command = await page.locator("#tab-train .footer code").innerText();
  for (const part of ["--data moons", "--hidden 5,3", "--optimizer momentum", "--steps 40", "--seed 7"]) assert.ok(command.includes(part), command);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("what is wrong in the address is refused with a reason and does no harm", async () => {
  const { page, messages } = await open({});
  const wrong = [
    [{ hidden: "9999" }, /hidden is “9999”/],
    [{ hidden: "<img src=x>" }, /hidden is/],
    [{ lr: "-1" }, /learning rate .* got -1/],
    [{ activation: "nonsense" }, /nonsense/],
    [{ init: "he(", steps: "3" }, /he\(/],
    [{ data: "mnist" }, /mnist/i],
    [{ data: "teacher" }, /8 inputs/],
    [{ samples: "1e9" }, /samples/],
    [{ data: "drawn", points: "AAAB!AAA" }, /drawn point 2 .*“!”/],
    [{ data: "drawn", points: "AAA" }, /was cut/],
    [{ data: "drawn" }, /at least 4 points/],
  ];
  for (const [address, reason] of wrong) {
    await page.evaluate((hash) => (location.hash = hash), `#train?${new URLSearchParams(address)}`);
    await until(page, (source) => new RegExp(source, "i").test(document.querySelector(".net .notice")?.textContent), reason.source);
    await settled(page);
  }
  await page.evaluate(() => (location.hash = "#train?steps=1e99&nonsense=1"));
  await until(page, () => /steps is|no setting/.test(document.querySelector("#tab-train > .notice").textContent));
  await go(page, { steps: 5 });
  assert.match(await page.locator(".summary").innerText(), /^After 5 steps/);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("layers and units come and go with a click", async () => {
  const { page } = await open({});
  await page.getByRole("button", { name: "Layer 2: one unit more" }).click();
  await addressHas(page, "hidden", "8,9,8");
  await page.getByRole("button", { name: "Network A: add a layer" }).click();
  await addressHas(page, "hidden", "8,9,8,8");
  await settled(page);
  assert.equal(await page.locator(".units button").count(), 33);
  await page.getByRole("button", { name: "Layer 1: remove" }).click();
  await addressHas(page, "hidden", "9,8,8");
  await page.getByLabel("Layer 3: activation").selectOption("relu");
  await addressHas(page, "activation", "gelu,gelu,relu");
  await settled(page);
  await page.getByLabel("Layer 1: activation").selectOption("formula…");
  const box = page.getByLabel("Layer 1: f(x) =");
  await box.fill("x*$");
  await until(page, () => document.querySelector(".pointer pre")?.textContent === "  ^");
  await box.fill("x*sigmoid(x)");
  await box.press("Enter");
  await addressHas(page, "activation", "x*sigmoid(x),gelu,relu");
  await page.context().close();
});

test("data are drawn by hand, kept in the address and given back as CSV", async () => {
  const { page, messages } = await open({ data: "drawn" });
  const sheet = page.locator(".sheet");
  const stroke = async (from, to) => {
    const box = await sheet.boundingBox();
    const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
    await page.mouse.move(...at(from));
    await page.mouse.down();
    await page.mouse.move(...at(to), { steps: 20 });
    await page.mouse.up();
  };
  await stroke([0.1, 0.3], [0.9, 0.3]);
  await page.getByRole("button", { name: "Class b" }).click();
  await stroke([0.1, 0.7], [0.9, 0.7]);
  await until(page, () => new URLSearchParams(location.hash.split("?")[1]).get("points")?.length > 100);
  await settled(page);
  const { points } = await state(page);
  const count = points.length / 4;
  assert.match(await page.locator(".pen-box .note").innerText(), new RegExp(`^${count} points, 2 classes`));
  await go(page, { data: "drawn", points, steps: 400 });
  assert.equal(await right(page), 100);
  const { name, text: csv } = await downloaded(page, () => page.getByRole("button", { name: "Data as CSV" }).click());
  assert.equal(name, "drawn.csv");
  assert.equal(csv.trim().split("\n").length, count + 1);
  await sheet.focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await until(page, (length) => new URLSearchParams(location.hash.split("?")[1]).get("points")?.length > length, points.length);
  await page.getByRole("button", { name: "Undo stroke" }).click();
  await addressHas(page, "points", points);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("a CSV is pasted, or refused with its line, its column and the reason; what is there goes on", async () => {
  const { page, messages } = await open({ steps: 20 });
  const [before, address] = [await digests(page), await page.evaluate(() => location.hash)];
  await page.getByRole("button", { name: "pasted" }).click();
  const box = page.getByLabel(/Rows of a CSV file/);
  const says = (reason) => until(page, (source) => new RegExp(source).test(document.querySelector(".paste .problem").textContent), reason.source);
  const use = async (rows) => {
    await box.fill(rows);
    await page.getByRole("button", { name: "Use these rows" }).click();
  };
  const wrong = [
    ["", /^Paste the rows/],
    ["x1,x2,label\n", /line 1: there is no row below the header/],
    ["x1,x2,label\n0,1,a\n1,0\n1,1,b\n", /line 3: it has 2 cells, the header 3/],
    ["x1,x2,label\n0,1,a\n1,0,b\n1,oops,b\n", /4 inputs, and a plane has two/],
    ["x1,x2,label\n0,1,a\n1,0,a\n1,1,a\n", /all labels in column 'label' are 'a'/],
    ["x,label\n0,a\n1,b\n", /1 input, and a plane has two/],
  ];
  for (const [rows, reason] of wrong) {
    await use(rows);
    await says(reason);
    assert.equal(await box.getAttribute("aria-invalid"), "true");
  }
  const many = `x1,x2,label\n${"0,1,a\n1,0,b\n".repeat(50_000)}`;
  const typed = await box.inputValue();
  await page.evaluate((rows) => navigator.clipboard.writeText(rows), many);
  await box.press("Control+a");
  await box.press("Control+v");
  await says(new RegExp(`^The CSV has ${String(many.length).replace(/(?=...$)/, "\\s")} characters, at most 20\\s000 fit`));
  assert.equal(await box.inputValue(), typed);
  assert.equal(await page.evaluate(() => location.hash), address);
  assert.deepEqual(await digests(page), before);
  await use(`u,v,label\n${Array.from({ length: 40 }, (_, i) => `${i % 7},${i % 5},${i % 7 > 3 ? "high" : "low"}`).join("\n")}\n`);
  await addressHas(page, "data", "pasted");
  await settled(page);
  assert.equal(await box.getAttribute("aria-invalid"), "false");
  await go(page, { ...(await state(page)), steps: 300 });
  assert.equal(await right(page), 100);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("weights, data and charts are files", async () => {
  const { page } = await open({ steps: 30 });
  const weights = await downloaded(page, () => page.getByRole("button", { name: "Weights as safetensors" }).click());
  assert.match(weights.name, /^network-a-step-30\.safetensors$/);
  assert.match(weights.text, /"layers\.0\.weight"/);
  await openMenus(page);
  const chart = await downloaded(page, () => page.getByRole("button", { name: "SVG of: Loss" }).click());
  assert.match(chart.text, /^<svg .*<path/s);
  const numbers = await downloaded(page, () => page.getByRole("button", { name: "CSV of: Loss" }).click());
  assert.match(numbers.text, /^step,training,test\r\n0,/);
  const network = await downloaded(page, () => page.getByRole("button", { name: "SVG of: Network A" }).click());
  assert.equal(network.name, "a.network.svg");
  assert.equal(network.text.match(/<image /g).length, 2 + 24 + 2, "a picture a unit");
  const weights30 = await downloaded(page, () => page.getByRole("button", { name: "CSV of: Network A" }).click());
  assert.equal(weights30.text.trim().split("\r\n").length, 1 + (2 + 1) * 8 + 2 * 9 * 8 + 9 * 2);
  const sheet = await downloaded(page, () => page.getByRole("button", { name: "SVG of: What Network A answers" }).click());
  assert.match(sheet.text, /<image [^>]*href="data:image\/png;base64,/);
  assert.ok(sheet.text.match(/<circle /g).length > 100, "the samples");
  await page.context().close();
});

test("the keyboard plays, and reads units", async () => {
  const { page } = await open({ steps: 20 });
  const unit = page.locator(".units button").first();
  await unit.focus();
  assert.match(await page.locator(".unit-text").innerText(), /^Layer 1, unit 1: /);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  assert.match(await page.locator(".unit-text").innerText(), /^Layer 2, unit 2: /);
  assert.match(await page.locator(".units button:focus").getAttribute("aria-label"), /^Layer 2, unit 2: alive/);
  const chart = page.locator(".live-surface").first();
  await chart.focus();
  await page.keyboard.press("End");
  assert.match(await page.locator(".live .tip:not([hidden])").first().innerText(), /step 20/);
  await page.context().close();
});

for (const [width, height] of [[1280, 800], [390, 844]]) {
  for (const scheme of ["light", "dark"]) {
    for (const [name, address] of Object.entries({
      one: { steps: 300 },
      two: { compare: 1, activation: "relu", "b.activation": "sigmoid", "b.lr": "0.3", "b.optimizer": "sgd", steps: 200 },
      "a deep one": { hidden: Array(12).fill(8).join(), activation: "tanh", steps: 20 },
    })) {
      test(`nothing to complain about for ${name} at ${width} px, ${scheme}`, async () => {
        const { page, messages } = await open(address, { width, height, scheme });
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
        assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).slice(0, 3)}`), []);
        assert.deepEqual(messages, []);
        if (process.env.SCREENSHOTS) {
          await mkdir(process.env.SCREENSHOTS, { recursive: true });
          await page.screenshot({ path: `${process.env.SCREENSHOTS}/train-${name}-${width}-${scheme}.png` });
          await page.screenshot({ path: `${process.env.SCREENSHOTS}/train-${name}-${width}-${scheme}-all.png`, fullPage: true });
        }
        await page.context().close();
      });
    }
  }
}
