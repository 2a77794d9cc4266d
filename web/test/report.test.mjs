// The report in a real browser: what is drawn, what reacts, what stays text.
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { after, before, test } from "node:test";
import Ajv from "ajv/dist/2020.js";
import { fill } from "../fill.mjs";
import { downloaded, drawn, example, inaccessible, launch, pictured, until, openMenus } from "./browser.mjs";

const kinds = ["run", "compare", "map", "train"];
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

for (const kind of kinds) {
  test(`${kind}: the example has the shape that docs/report.schema.json describes`, async () => {
    const schema = JSON.parse(await readFile(new URL("../../docs/report.schema.json", import.meta.url), "utf8"));
    const valid = new Ajv({ strict: false, allErrors: true }).compile(schema);
    const doc = await example(kind);
    assert.ok(valid(doc), JSON.stringify(valid.errors?.slice(0, 5)));
    delete doc.provenance;
    assert.ok(!valid(doc), "and it does not accept just anything");
  });

  test(`${kind}: opens without a message and draws every chart`, async () => {
    const { page, messages } = await browser.open(await example(kind));
    await drawn(page);
    await unfold(page, "main");
    const empty = await page.$$eval(".canvas svg", (charts) => charts.filter((chart) => !chart.querySelector("path, rect, circle")).length);
    assert.equal(empty, 0);
    assert.ok((await page.locator(".chart").count()) > (kind === "map" ? 0 : 3));
    assert.deepEqual(messages, []);
    assert.match(await page.title(), /evengrad/);
    await page.context().close();
  });

  for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [390, "light"], [390, "dark"]]) {
    test(`${kind}: ${width} px, ${scheme}: fits and has no serious accessibility finding`, async () => {
      const { page, messages } = await browser.open(await example(kind), { width, scheme });
      await drawn(page);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
      assert.deepEqual(await inaccessible(page), []);
      await unfold(page, "main");
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
      assert.deepEqual(await inaccessible(page), []);
      assert.deepEqual(messages, []);
      await pictured(page, `${kind}-${width}-${scheme}`);
      await page.context().close();
    });
  }
}

test("claims are filtered by verdict, experiment, words and surprise", async () => {
  const doc = await example("run");
  const { page } = await browser.open(doc);
  const claims = doc.experiments.flatMap((e) => e.claims.map((c) => ({ ...c, experiment: e.name })));
  const rows = page.locator(".claim-table tbody tr");
  const shown = async (expected) => {
    assert.ok(expected > 0);
    assert.equal(await rows.count(), expected);
    assert.match(await page.locator(".status").innerText(), new RegExp(`^${expected} of ${claims.length} `));
  };
  const surprising = claims.filter((c) => c.surprise).length;
  assert.equal(await page.locator(".claim-table .surprising").count(), Math.min(10, surprising));
  assert.match(await rows.first().innerText(), /Surprise:/);

  await page.getByRole("button", { name: `Show all ${claims.length} claims` }).click();
  await shown(claims.length);
  const refuted = page.locator(".chip.refuted");
  await refuted.click();
  assert.equal(await refuted.getAttribute("aria-pressed"), "true");
  await shown(claims.filter((c) => c.verdict === "refuted").length);
  await page.getByLabel("Experiment").selectOption("init-pairing");
  await shown(claims.filter((c) => c.verdict === "refuted" && c.experiment === "init-pairing").length);
  await page.getByLabel("Experiment").selectOption("");
  await refuted.click();
  await page.getByLabel("surprises only").check();
  await shown(surprising);
  await page.getByLabel("surprises only").uncheck();
  await page.getByLabel("Search claims").fill("xavier zzz");
  assert.equal(await rows.count(), 0);
  await page.getByLabel("Search claims").fill("XAVIER");
  await shown(claims.filter((c) => JSON.stringify([c.statement, c.source, c.condition, c.surprise]).toLowerCase().includes("xavier")).length);
  await page.context().close();
});

test("a claim's link leads to its card, drawn or not", async () => {
  const doc = await example("run");
  const { page } = await browser.open(doc);
  const id = doc.experiments.at(-1).claims.find((c) => !c.surprise).id;
  await page.evaluate((hash) => (location.hash = hash), `#claim-${id}`);
  await page.locator(`#claim-${id}`).waitFor({ state: "visible" });
  await until(page, (name) => {
    const box = document.getElementById(name).getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  }, `claim-${id}`);
  await page.context().close();
});

test("an address that leads nowhere does no harm", async () => {
  const { page, messages } = await browser.open(await example("compare"));
  await page.evaluate(() => (location.hash = "#%E0%A4%A"));
  await page.evaluate(() => (location.hash = '#"]'));
  await drawn(page);
  assert.deepEqual(messages, []);
  await page.context().close();
});

/** Opens all that a section has folded away, and waits until it is drawn. */
async function unfold(page, section) {
  await page.evaluate((id) => document.querySelectorAll(`${id} details.fold`).forEach((fold) => (fold.open = true)), section);
  await until(page, (id) => [...document.querySelectorAll(`${id} details.fold`)].every((fold) => fold.lastElementChild.childElementCount), section);
  await until(page, () => [...document.querySelectorAll(".canvas")].every((canvas) => canvas.querySelector("svg")));
}

test("before anything is unfolded the page is short; a claim's link and a print open what holds it", async () => {
  const doc = await example("run");
  const { page, messages } = await browser.open(doc);
  await drawn(page);
  assert.ok((await page.evaluate(() => document.documentElement.scrollHeight)) < 8000);
  assert.equal(await page.locator(".claim blockquote").count(), 0);
  const id = doc.experiments.at(-1).claims[0].id;
  await page.evaluate((hash) => (location.hash = hash), `#claim-${id}`);
  await until(page, (claim) => document.getElementById(claim)?.checkVisibility(), `claim-${id}`);
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.equal(await page.locator("details.fold:not([open])").count(), 0);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("the legend shows and hides lines, the readout tells values by pointer and by key", async () => {
  const doc = await example("run");
  const { page, messages } = await browser.open(doc);
  await drawn(page);
  const chart = page.locator("#vanishing-gradients .chart").first();
  const lines = () => chart.locator('svg [data-mark="line"] path').count();
  const before = await lines();
  const button = chart.locator(".legend button").first();
  const series = doc.experiments[1].series[0];
  assert.equal(await button.innerText(), series.name);
  await button.click();
  assert.equal(await button.getAttribute("aria-pressed"), "false");
  assert.equal(await lines(), before - 2, "the line and its theory");
  await button.click();
  assert.equal(await lines(), before);
  await chart.getByRole("button", { name: "theory" }).click();
  assert.equal(await lines(), before / 2);

  const surface = chart.locator(".surface");
  await surface.focus();
  await page.keyboard.press("End");
  const tip = chart.locator(".tip");
  assert.match(await tip.innerText(), new RegExp(`layer ${series.x.at(-1)}`));
  await page.keyboard.press("ArrowLeft");
  assert.match(await tip.innerText(), new RegExp(`layer ${series.x.at(-2)}`));
  assert.ok((await tip.innerText()).includes(series.name));
  await page.keyboard.press("Escape");
  assert.ok(await tip.isHidden());
  const box = await surface.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  assert.match(await tip.innerText(), /layer \d+/);

  await unfold(page, "#init-pairing");
  const map = page.locator("#init-pairing .chart", { has: page.locator('[data-mark="cell"]') }).first();
  await map.locator(".surface").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  const heat = doc.experiments[2].heat_maps[0];
  assert.ok((await map.locator(".tip").innerText()).startsWith(`${heat.rows[1]}, ${heat.columns[0]}`));
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("a chart gives its data as a table, as CSV and as an SVG that stands alone", async () => {
  const doc = await example("run");
  const { page, messages } = await browser.open(doc);
  await drawn(page);
  const chart = page.locator("#vanishing-gradients .chart").first();
  const series = doc.experiments[1].series.filter((s) => s.chart === doc.experiments[1].series[0].chart);
  const points = series.reduce((n, s) => n + s.x.length, 0);

  await openMenus(page);
  const csv = await downloaded(page, () => chart.getByRole("button", { name: /^CSV/ }).click());
  assert.match(csv.name, /^vanishing-gradients.*\.csv$/);
  const lines = csv.text.trimEnd().split("\r\n");
  assert.equal(lines[0], `line,${series[0].x_label},${series[0].y_label},low,high,theory`);
  assert.equal(lines.length, points + 1);
  assert.equal(lines[1].split(",").at(-1), String(series[0].theory[0]));

  await chart.locator("summary", { hasText: "Data" }).click();
  assert.equal(await chart.locator("tbody tr").count(), Math.min(200, points));
  await chart.getByRole("button", { name: "rms gradient" }).click();
  assert.equal(await chart.locator("th[aria-sort=ascending]").count(), 1);

  const svg = await downloaded(page, () => chart.getByRole("button", { name: /^SVG/ }).click());
  assert.match(svg.name, /\.svg$/);
  assert.ok(!/var\(|currentColor|color-mix|oklab|<style|class=/.test(svg.text), "nothing that needs the page");
  await page.goto("about:blank");
  await page.setContent(svg.text);
  assert.ok((await page.locator("svg svg path").count()) >= series.length);
  assert.ok((await page.locator("svg").first().innerHTML()).includes(series[0].name));
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("the explorer follows the activations, their parameters and the initializer", async () => {
  const doc = await example("run");
  const { page, messages } = await browser.open(doc);
  await drawn(page);
  await unfold(page, "#explorer");
  const explorer = page.locator(".explorer");
  const curves = explorer.locator(".chart").first();
  const lines = () => curves.locator('svg [data-mark="line"] path').count();
  const before = await lines();
  await explorer.getByRole("button", { name: "leaky_relu", exact: true }).click();
  assert.equal(await lines(), before + 2, "f and its slope");
  const card = doc.explorer.activations.find((a) => a.name === "leaky_relu");
  const facts = explorer.locator(".activation", { hasText: "leaky_relu" });
  assert.ok((await facts.innerText()).includes(String(Number(card.variants.find((v) => v.value === 0.01).gains.second_moment.toPrecision(5)))));
  const slider = explorer.getByRole("slider", { name: "leaky_relu" });
  await slider.focus();
  await page.keyboard.press("End");
  const last = card.variants.at(-1);
  assert.equal(await slider.getAttribute("aria-valuetext"), String(last.value));
  assert.ok((await facts.innerText()).includes(String(Number(last.gains.second_moment.toPrecision(5)))));
  assert.equal(await facts.locator("math").count() > 2, true, "formulas are mathematics");
  await explorer.getByLabel("Initializer").selectOption("xavier");
  assert.match(await explorer.locator(".chart").nth(1).locator(".kicker").innerText(), /xavier/);
  await explorer.getByLabel("Initializer").selectOption("critical");
  await explorer.getByRole("button", { name: "sigmoid", exact: true }).click();
  assert.match(await explorer.locator(".chart").nth(1).innerText(), /cannot be drawn/);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("a finding jumps to its step", async () => {
  const doc = await example("train");
  const { page, messages } = await browser.open(doc);
  await drawn(page);
  const rules = () => page.locator('.chart [data-mark="rule"]').count();
  const before = await rules();
  await page.getByRole("button", { name: `Show step ${doc.findings[0].since_step}` }).first().click();
  assert.equal(await rules(), before + 11, "loss, accuracy, eight statistics of layers, silent units");
  await until(page, () => Math.abs(document.getElementById("layers").getBoundingClientRect().top) < innerHeight);
  await page.getByLabel("Tensor").selectOption("weight");
  assert.match(await page.locator("#histograms .kicker").innerText(), /^weight of /);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("light and dark follow the switch", async () => {
  const { page } = await browser.open(await example("compare"), { scheme: "dark" });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await paper();
  const button = page.locator(".theme");
  await button.click();
  const light = await paper();
  assert.notEqual(light, dark);
  await button.click();
  assert.equal(await paper(), dark);
  await page.context().close();
});

test("prints all of it", async () => {
  const { page } = await browser.open(await example("run"));
  const pdf = await page.pdf();
  assert.ok(pdf.length > 50_000);
  await drawn(page);
  await page.context().close();
});

const hostile = [
  "<script>alert(1)</script>",
  "</script><script>alert(2)</script>",
  "<img src=x onerror=alert(3)>",
  "\u2028 line \u2029 end",
  `quotes " ' \` \\ {{document}} $& $1`,
  "control \u0001\u0008\u001b \u0000 end",
  "javascript:alert(4)",
  "<!-- <script> <svg onload=alert(5)>",
  "broken \ud800 half",
  "__proto__",
];

/** The document with every text replaced, one after the other, but for what selects the page. */
function poisoned(value, key, next) {
  if (typeof value === "string") return ["kind", "verdict"].includes(key) ? value : `${hostile[next.i++ % hostile.length]}${next.i}`;
  if (Array.isArray(value)) return value.map((v) => poisoned(v, key, next));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, poisoned(v, k, next)]));
  return value;
}

for (const kind of kinds) {
  test(`${kind}: hostile strings stay text`, async () => {
    const { page, messages } = await browser.open(poisoned(await example(kind), "", { i: 0 }));
    await drawn(page);
    assert.deepEqual(messages, []);
    assert.equal(await page.locator("body img, body iframe, #page script").count(), 0);
    assert.equal(await page.evaluate(() => document.scripts.length), 2);
    assert.ok((await page.locator("body").innerText()).includes("<img src=x onerror=alert(3)>"));
    await page.context().close();
  });
}

test("a text of a megabyte is shown", async () => {
  const doc = await example("run");
  doc.experiments[0].answer = "lengthy ".repeat(131_072);
  const { page, messages } = await browser.open(doc);
  await drawn(page);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("data that it cannot read are said so", async () => {
  for (const text of ["{{document}}", '{"schema_version": 99}', "null"]) {
    const page_ = (await fill({})).replace("{}", () => text);
    const { page, messages } = await browser.open(null, { text: page_ });
    assert.match(await page.locator("h1").innerText(), /cannot be shown/);
    assert.deepEqual(messages, []);
    await page.context().close();
  }
});

test("the page is small, and the policy names no exception", async () => {
  const page = new URL("../dist/report.html", import.meta.url);
  assert.ok((await stat(page)).size < 600_000);
  const text = await readFile(page, "utf8");
  assert.equal(text.split("{{document}}").length, 2);
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(text)[1];
  assert.ok(policy.startsWith("default-src 'none'; script-src 'sha256-"));
  assert.ok(!/unsafe|https?:|\*/.test(policy));
  assert.ok(!/(?:src|href)="(?!data:)/.test(text.slice(0, text.indexOf("<body>"))));
});
