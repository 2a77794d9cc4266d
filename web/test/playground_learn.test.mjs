// The Learn tab in a real browser: a guess, then the measurement; and the claims of the bundled run.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before } from "node:test";
import { launch, until, words as shellWords } from "./browser.mjs";
import { evengrad, inaccessible, pictured, playground, test } from "./playground_page.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const revealed = (page) => until(page, () => document.querySelector("#tab-learn .outcome"));

test("nothing is measured before the guess; then guess, measurement and theory stand side by side", async () => {
  const { page, messages } = await playground(browser, "#learn");
  const run = page.getByRole("button", { name: "Commit and run" });
  assert.ok(await run.isDisabled());
  assert.equal(await page.locator(".ask + .map-bar .hint").innerText(), "Move the slider to your guess first.");
  assert.equal(await page.locator(".outcome").count(), 0);
  const slider = page.getByRole("slider", { name: /Your guess/ });
  await slider.fill("-3");
  await run.click();
  await revealed(page);
  const words = await page.locator(".guess-scale svg").getAttribute("aria-label");
  const [, guess, measured, theory] = /your guess (.*?), measured (.*?) \[.*\], theory (.*?) of/.exec(words);
  assert.equal(guess, "0.001");
  assert.ok(measured && theory);
  // The program says the same of the same net.
  const command = await page.locator("#tab-learn .footer code").innerText();
  assert.match(command, /^evengrad propagate .*sigmoid/);
  const native = await evengrad(...shellWords(command).slice(1));
  assert.ok((await page.locator(".outcome").innerText()).includes("measured"));
  const exponent = Math.floor(Math.log10(native.gradient_ratio));
  assert.ok(measured.includes(`10${[...String(exponent)].map((d) => (d === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[d])).join("")}`), `${measured} and ${native.gradient_ratio}`);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("every question of every story runs and says who was right", async () => {
  const { page, messages } = await playground(browser, "#learn");
  for (const [story, count] of [["vanishing", 4], ["dying", 3], ["gelu", 3]]) {
    for (let question = 1; question <= count; ++question) {
      await page.evaluate((hash) => (location.hash = hash), `#learn?story=${story}&question=${question}`);
      await until(page, (at) => document.querySelector("#tab-learn .steps [aria-current]")?.textContent === at && !document.querySelector("#tab-learn .outcome"), String(question));
      const radio = page.locator("#tab-learn input[type=radio]").first();
      if (await radio.count()) await radio.check();
      else await page.locator("#tab-learn input[type=range]").press("ArrowRight");
      await page.getByRole("button", { name: "Commit and run" }).click();
      await revealed(page);
      assert.match(await page.locator("#tab-learn .outcome").innerText(), /You said/);
      assert.match(await page.locator("#tab-learn .lesson").innerText(), /\d/);
      assert.doesNotMatch(await page.locator("#tab-learn .reveal").innerText(), /NaN|undefined|Infinity/);
      assert.match(await page.locator("#tab-learn .footer code").innerText(), /^(for \w+ in .* do )?evengrad (train|propagate|theory)/);
      // No interval of a loss reaches below 0, no share beyond 100 %.
      for (const [, low, high] of (await page.locator("#tab-learn .reveal").innerText()).matchAll(/loss [^[\n]*\[([^,]*), ([^\]]*)\]/g))
        assert.ok(!low.startsWith("−") && !high.startsWith("−"), `${low}, ${high}`);
      for (const [, share] of (await page.locator("#tab-learn .reveal").innerText()).matchAll(/(\d+(?:\.\d+)?) %/g)) assert.ok(Number(share) <= 100, share);
    }
  }
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("links lead to the other tabs with the state set, and none of it is refused", async () => {
  const { page } = await playground(browser, "#learn?guess=0.001");
  await page.getByRole("button", { name: "Commit and run" }).click();
  await revealed(page);
  await page.getByRole("button", { name: "Watch it travel" }).click();
  await until(page, () => location.hash.startsWith("#depth?"));
  assert.match(await page.evaluate(() => location.hash), /activation=sigmoid/);
  assert.equal(await page.locator("#tab-depth .notice").innerText(), "");
  await page.context().close();
});

test("the claims are the bundled run's, all of them, and can be filtered", async () => {
  const bundled = JSON.parse(await readFile(new URL("../src/playground/claims.json", import.meta.url), "utf8"));
  const claims = bundled.experiments.flatMap((e) => e.claims);
  const { page, messages } = await playground(browser, "#learn?story=claims");
  await page.getByRole("button", { name: /^Show all/ }).click();
  assert.equal(await page.locator("#tab-learn .claim-table tbody tr").count(), claims.length);
  for (const place of ["engineersofai.com", "prepgrind.xyz"]) assert.equal(await page.locator(`#tab-learn .opening a[href*="${place}"]`).count(), 1);
  assert.deepEqual(await page.locator("#tab-learn .claim-table th").allInnerTexts(), ["Verdict", "Claim", "Theory", "Measured"]);
  const refuted = claims.filter((c) => c.verdict === "refuted");
  await page.locator("#tab-learn .chip.refuted").click();
  assert.equal(await page.locator("#tab-learn .claim-table tbody tr").count(), refuted.length);
  await page.getByRole("link", { name: refuted[0].id, exact: true }).click();
  assert.ok((await page.locator("#tab-learn .one-claim").innerText()).includes(refuted[0].statement));
  assert.match(await page.evaluate(() => location.hash), /^#learn/);
  assert.equal(await page.locator("#tab-learn .footer code").innerText(), bundled.command);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("hostile addresses are refused with a message", async () => {
  for (const state of ["story=%3Cimg%3E", "question=9", "question=-1", "question=1e99", "story=nowhere&question=x"]) {
    const { page, messages } = await playground(browser, `#learn?${state}`);
    await until(page, () => document.querySelector("#tab-learn .notice")?.textContent);
    assert.deepEqual(messages, [], state);
    await page.context().close();
  }
});

for (const [width, height, scheme] of [[1280, 800, "light"], [1280, 800, "dark"], [390, 844, "light"], [390, 844, "dark"]]) {
  test(`${width} px, ${scheme}: fits and has no serious accessibility finding`, async () => {
    const { page, messages } = await playground(browser, "#learn?guess=0.01", { width, height, scheme });
    await page.getByRole("button", { name: "Commit and run" }).click();
    await revealed(page);
    for (const part of ["question", "claims"]) {
      if (part === "claims") await page.evaluate(() => (location.hash = "#learn?story=claims"));
      await until(page, (claims) => document.querySelector(claims ? "#tab-learn .claim-table" : "#tab-learn .outcome"), part === "claims");
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
      assert.deepEqual(await inaccessible(page), []);
      await pictured(page, `learn-${part}-${width}-${scheme}`);
    }
    assert.deepEqual(messages, []);
    await page.context().close();
  });
}
