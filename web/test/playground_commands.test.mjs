// Every "the same on the command line" is typed into the program, which gives what the page shows.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, unrolled, until, words } from "./browser.mjs";
import { evengrad, playground, test } from "./playground_page.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const command = (page, tab) => page.locator(`#tab-${tab} .footer code`).innerText();
const run = (line) => evengrad(...words(line).slice(1));
const settled = (page) => until(page, () => document.querySelector(".nets")?.getAttribute("aria-busy") === "false" && document.querySelector(".digest"));

test("Train: each preset's nets have the digests of their commands", async () => {
  const { page } = await playground(browser, "#train");
  await settled(page);
  const names = await page.locator(".stories .chip").allInnerTexts();
  assert.ok(names.length >= 6);
  for (const name of names) {
    const before = (await command(page, "train")).replace(/--steps \d+/g, "");
    await page.getByRole("button", { name, exact: true }).click();
    await until(page, (last) => {
      const shown = document.querySelector("#tab-train .footer code")?.textContent ?? last;
      return shown.replace(/--steps \d+/g, "") !== last && Number(shown.match(/--steps (\d+)/)[1]) > 8;
    }, before);
    await page.getByRole("button", { name: "Pause" }).click();
    await until(page, () => {
      const step = document.querySelector(".counter").textContent.match(/step (\d+)/)[1];
      return document.querySelector(".digest") && location.hash.includes(`steps=${step}`) && document.querySelector("#tab-train .footer code").textContent.includes(`--steps ${step} `);
    });
    await settled(page);
    const digests = await page.locator(".digest").allInnerTexts();
    const commands = unrolled(await command(page, "train"));
    assert.equal(commands.length, digests.length, name);
    for (const [i, line] of commands.entries()) assert.equal((await run(line)).weights_digest, digests[i], `${name}: ${line}`);
  }
  await page.context().close();
});

test("Map: the map's command takes its axes, the pixel's gives its digest", async () => {
  const small = "x=sigma_w%3D0.5:3:4&y=sigma_b%3D0:0.8:3&depth=3&steps=40&pixel=5";
  const { page } = await playground(browser, `#map?${small}`);
  await until(page, () => document.querySelector("#tab-map .same.yes"));
  const native = await run(await page.locator("#tab-map .network .command code").innerText());
  assert.ok((await page.locator("#tab-map .network .facts").innerText()).includes(native.weights_digest));
  const shown = Number(await page.locator("#tab-map .same").getAttribute("data-map"));
  const map = await run(await command(page, "map"));
  assert.equal(map.train_loss[1][1], shown);
  await page.context().close();
});

test("Learn: what each question measured is what its commands give", async () => {
  const { page } = await playground(browser, "#learn");
  for (const [story, question] of [["vanishing", 1], ["vanishing", 2], ["vanishing", 3], ["vanishing", 4], ["dying", 2], ["dying", 3], ["gelu", 2], ["gelu", 3]]) {
    await page.evaluate((hash) => (location.hash = hash), `#learn?story=${story}&question=${question}`);
    await until(page, (at) => document.querySelector("#tab-learn .steps [aria-current]")?.textContent === at && !document.querySelector("#tab-learn .outcome"), String(question));
    const radio = page.locator("#tab-learn input[type=radio]").first();
    if (await radio.count()) await radio.check();
    else await page.locator("#tab-learn input[type=range]").press("ArrowRight");
    await page.getByRole("button", { name: "Commit and run" }).click();
    await until(page, () => document.querySelector("#tab-learn .outcome"));
    const line = await command(page, "learn");
    const documents = [];
    for (const one of unrolled(line)) documents.push(await run(one));
    const said = (await page.locator("#tab-learn .reveal").innerText()).replaceAll("\u202f", "");
    if (line.startsWith("evengrad propagate")) {
      const [{ gradient_ratio: ratio }] = documents;
      const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
      const exponent = Math.floor(Math.log10(ratio));
      const power = `10${exponent < 0 ? "⁻" : ""}${[...String(Math.abs(exponent))].map((d) => digits[d]).join("")}`;
      assert.ok(said.includes(exponent < -3 ? power : String(Number(ratio.toPrecision(2)))), `${line}: ${ratio}`);
    } else {
      // The mean accuracy, or each seed's, of the last arm; of GELU the geometric mean of the test losses.
      const arm = documents.slice(-5).map((d) => d.final);
      const mean = (values) => values.reduce((a, b) => a + b) / values.length;
      const shown = story === "gelu" ? Math.exp(mean(arm.map((f) => Math.log(f.test_loss))))
        : question === 3 ? 100 * mean(arm.map((f) => f.train_accuracy)) : 100 * arm.at(-1).train_accuracy;
      assert.ok(said.includes(String(Number(shown.toPrecision(3)))), `${line}: ${shown} in ${said}`);
    }
  }
  await page.context().close();
});
