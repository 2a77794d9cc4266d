// The Practice tab: nothing is shown before an answer; progress stays in the browser and leaves as a file.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before } from "node:test";
import path from "node:path";
import { tmpdir } from "node:os";
import { launch, until } from "./browser.mjs";
import { bundled } from "./engine.mjs";
import { inaccessible, pictured, playground, test } from "./playground_page.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const revealed = (page) => until(page, () => document.querySelector("#tab-practice .rubric"));

test("every question asks first, runs the engine, then shows answer, rubric and measurement", async () => {
  const { page, messages } = await playground(browser, "#practice");
  for (const [part, count] of [["card", 4], ["problems", 4], ["flash", 15]]) {
    for (let item = 1; item <= count; ++item) {
      await page.evaluate((hash) => (location.hash = hash), `#practice?part=${part}&item=${item}`);
      await until(page, ([name, at]) => document.querySelector("#tab-practice .steps [aria-current]")?.getAttribute("aria-label").startsWith(`Question ${at} of`) &&
        document.querySelectorAll("#tab-practice .steps button").length === name && !document.querySelector("#tab-practice .rubric"), [count, item]);
      const run = page.getByRole("button", { name: "Commit and run" });
      assert.ok(await run.isDisabled());
      assert.equal(await page.locator("#tab-practice .reveal").innerText(), "");
      await page.getByLabel("Your answer").fill("I do not know");
      await run.click();
      await revealed(page);
      const shown = await page.locator("#tab-practice .reveal").innerText();
      assert.ok((await page.locator("#tab-practice .lesson").count()) >= 1, `${part} ${item}`);
      assert.doesNotMatch(shown, /NaN|undefined|Infinity/, `${part} ${item}`);
    }
  }
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("answers and marks stay, leave as a file, are forgotten and come back", async () => {
  const { page, messages } = await playground(browser, "#practice?part=problems&item=4");
  await page.getByLabel("Your answer").fill("divide by T");
  await page.getByRole("button", { name: "Commit and run" }).click();
  await revealed(page);
  // 0.659, 0.242, 0.099 at T = 1: worked out by hand.
  assert.ok((await page.locator("#tab-practice .reveal").innerText()).includes("T = 1: 0.659, 0.242, 0.099"));
  await page.locator("#tab-practice .rubric input").first().check();
  await until(page, () => document.querySelector("#tab-practice .keep .hint").textContent === "1 of 23 questions marked.");
  await page.reload();
  await until(page, () => document.querySelector("#tab-practice textarea")?.value === "divide by T");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save progress as a file" }).click()]);
  const text = await readFile(await download.path(), "utf8");
  assert.deepEqual(JSON.parse(text).marks, { "problem-4": [true, false, false] });
  await page.getByRole("button", { name: "Forget everything" }).click();
  await until(page, () => document.querySelector("#tab-practice textarea").value === "");
  const file = path.join(tmpdir(), `evengrad-practice-${process.pid}.json`);
  await writeFile(file, text);
  await page.locator("#tab-practice input[type=file]").setInputFiles(file);
  await until(page, () => document.querySelector("#tab-practice textarea").value === "divide by T");
  await writeFile(file, "[1, 2");
  await page.locator("#tab-practice input[type=file]").setInputFiles(file);
  await until(page, () => /is not JSON/.test(document.querySelector("#tab-practice .notice").textContent));
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("hostile progress is read without harm", async () => {
  const { readProgress } = await bundled("../src/playground/progress.ts");
  for (const wrong of ["", "null", "7", "[]", "{}"]) assert.throws(() => readProgress(wrong), /JSON|no practice progress/);
  const read = readProgress(JSON.stringify({ started: "yesterday", skills: { a: 9, b: 3, c: "5" }, answers: { a: 1, b: "x" }, marks: { a: "no", b: [true, 1] } }));
  assert.deepEqual([read.skills, read.answers, read.marks], [{ b: 3 }, { b: "x" }, { b: [true, false] }]);
  assert.match(read.started, /^\d{4}-\d\d-\d\d$/);
});

for (const [width, height, scheme] of [[1280, 800, "light"], [1280, 800, "dark"], [390, 844, "light"], [390, 844, "dark"]]) {
  test(`${width} px, ${scheme}: fits and has no serious accessibility finding`, async () => {
    const { page, messages } = await playground(browser, "#practice", { width, height, scheme });
    for (const part of ["assess", "flash"]) {
      await page.evaluate((hash) => (location.hash = hash), `#practice?part=${part}`);
      await until(page, (assess) => document.querySelector(assess ? "#tab-practice .assess" : "#tab-practice textarea"), part === "assess");
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
      assert.deepEqual(await inaccessible(page), []);
      await pictured(page, `practice-${part}-${width}-${scheme}`);
    }
    assert.deepEqual(messages, []);
    await page.context().close();
  });
}
