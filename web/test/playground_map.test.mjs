// The Map tab in a real browser: every pixel is a network that was trained once, and the same one alone.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before } from "node:test";
import { downloaded, launch, until, words } from "./browser.mjs";
import { evengrad, inaccessible, pictured, playground, test } from "./playground_page.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Small enough to be trained at once. */
const small = "x=sigma_w%3D0.4:3:12&y=lr%3D0.01:100:9:log&depth=2&width=6&data=blobs&samples=60&batch_size=16&steps=30&init=gaussian(sigma_w%3D1,+sigma_b%3D0)";
const open = (state = small, options) => playground(browser, `#map?${state}`, options);
const trained = (page) => until(page, () => {
  const { trained, size } = document.querySelector("#tab-map .plane")?.dataset ?? {};
  return size > 0 && trained === size;
});
const box = (page) => page.locator("#tab-map .pixels").boundingBox();
const status = (page) => page.locator("#tab-map .map-bar .status").first().innerText();

test("all pixels are trained, each once, and the words count them", async () => {
  const { page, messages } = await open();
  await trained(page);
  const [, all, learned, diverged, neither] = /^(\d+) networks\. (\d+) learned, (\d+) diverged, (\d+) did neither/.exec(await status(page)).map(Number);
  assert.equal(all, 108);
  assert.equal(learned + diverged + neither, 108);
  assert.ok(learned > 10 && diverged > 3, `${learned} learned, ${diverged} diverged`);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("a click on a pixel shows its network, which alone ends at the same loss, here and on the command line", async () => {
  const { page, messages } = await open();
  await trained(page);
  const at = await box(page);
  for (const [x, y] of [[3.5 / 12, 6.5 / 9], [6.5 / 12, 2.5 / 9]]) {
    await page.mouse.click(at.x + x * at.width, at.y + y * at.height);
    await until(page, () => document.querySelector("#tab-map .same.yes, #tab-map .same.no"));
    const same = page.locator("#tab-map .same");
    assert.equal(await same.getAttribute("data-solo"), await same.getAttribute("data-map"));
    const command = await page.locator("#tab-map .network .command code").innerText();
    assert.match(command, /^evengrad train /);
    const shown = Number(await same.getAttribute("data-map"));
    const native = await evengrad(...words(command).slice(1));
    assert.match(command, / --isa baseline$/);
    assert.equal(native.final.train_loss, shown, "to the last bit");
    await page.getByRole("button", { name: "Close" }).click();
  }
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("a box zooms, Back returns, the address keeps the view and restores it", async () => {
  const { page } = await open();
  await trained(page);
  const before = await page.evaluate(() => location.hash);
  const at = await box(page);
  await page.mouse.move(at.x + at.width * 0.25, at.y + at.height * 0.25);
  await page.mouse.down();
  await page.mouse.move(at.x + at.width * 0.75, at.y + at.height * 0.75, { steps: 4 });
  await page.mouse.up();
  await until(page, (hash) => location.hash !== hash, before);
  const zoomed = await page.evaluate(() => location.hash);
  const [, from, to] = /x=sigma_w%3D([\d.]+)%3A([\d.]+)/.exec(zoomed).map(Number);
  assert.ok(from > 0.9 && to < 2.5, zoomed);
  await trained(page);
  await page.getByRole("button", { name: "← Back" }).click();
  await until(page, () => location.hash.includes("x=sigma_w%3D0.4%3A3%3A12"));
  await page.context().close();
  const again = await playground(browser, zoomed);
  await trained(again.page);
  assert.equal(await again.page.evaluate(() => location.hash), zoomed);
  await again.page.context().close();
});

test("keys move, choose and zoom", async () => {
  const { page } = await open();
  await trained(page);
  const plane = page.locator("#tab-map .plane");
  await plane.focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await page.locator("#tab-map .tip strong").innerText(), /σw .*rate/);
  await page.keyboard.press("Enter");
  await until(page, () => /pixel=\d+/.test(location.hash));
  const before = await page.evaluate(() => location.hash);
  await plane.focus();
  await page.keyboard.press("+");
  await until(page, (hash) => location.hash !== hash && !location.hash.includes("pixel"), before);
  await page.keyboard.press("Backspace");
  await until(page, () => location.hash.includes("sigma_w%3D0.4"));
  await page.context().close();
});

test("the map leaves as CSV and as PNG", async () => {
  const { page } = await open();
  await trained(page);
  const csv = await downloaded(page, () => page.getByRole("button", { name: "CSV" }).first().click());
  const lines = csv.text.trim().split("\r\n");
  assert.equal(lines[0], "sigma_w,lr,train_loss,learned,diverged");
  assert.equal(lines.length, 109);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PNG" }).click()]);
  const png = await readFile(await download.path());
  assert.equal(png.subarray(1, 4).toString(), "PNG");
  assert.ok(png.length > 10_000);
  await page.context().close();
});

test("hostile views are refused with a message", async () => {
  for (const state of ["x=sigma_w%3D3:1:8", "x=%00", "y=lr%3D-1:1:8", "x=sigma_w%3D0:1:1e9", "x=lr%3D1:2:8&y=lr%3D1:2:8", `${small}&pixel=999999`, `${small}&activation=((`, `${small}&data=nosuch`]) {
    const { page, messages } = await open(`${state}&steps=2&depth=1&samples=20`);
    await until(page, () => document.querySelector("#tab-map .notice")?.textContent);
    assert.deepEqual(messages, [], state);
    await page.context().close();
  }
});

for (const [width, height, scheme] of [[1280, 800, "light"], [1280, 800, "dark"], [390, 844, "light"], [390, 844, "dark"]]) {
  test(`${width} px, ${scheme}: fits and has no serious accessibility finding`, async () => {
    const { page, messages } = await open(`${small}&pixel=40`, { width, height, scheme });
    await trained(page);
    await until(page, () => document.querySelector("#tab-map .same.yes"));
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
    assert.deepEqual(await inaccessible(page), []);
    await pictured(page, `map-${width}-${scheme}`);
    assert.deepEqual(messages, []);
    await page.context().close();
  });
}

test("the preset of the fractal edge zooms to it, where learned and diverged lie in each other", async () => {
  const { page, messages } = await open("");
  await page.getByRole("button", { name: "Fractal edge" }).click();
  for (const name of ["Zoom to the edge", "Zoom in further", "Zoom in further"]) await page.getByRole("button", { name, exact: true }).click();
  assert.ok(await page.getByRole("button", { name: "Zoom in further" }).isDisabled());
  await until(page, () => location.hash.includes("0.308"));
  await page.getByLabel("Detail").selectOption("32 × 24");
  await trained(page);
  const [csv] = [await downloaded(page, () => page.getByRole("button", { name: "CSV", exact: true }).click())];
  const rows = csv.text.trim().split(/\r?\n/).slice(1).map((row) => row.split(",").map(Number));
  assert.equal(rows.length, 32 * 24);
  // How often the outcome changes from a pixel to its right neighbour: a smooth border would be met once a row.
  const flips = rows.filter((row, i) => i % 32 > 0 && row[3] > 0 !== rows[i - 1][3] > 0).length;
  assert.ok(flips > 2 * 24, `${flips} borders in 24 rows`);
  await page.getByRole("button", { name: "← Back" }).click();
  await until(page, () => location.hash.includes("0.28%3A0.32") || location.hash.includes("0.28:0.32"));
  assert.deepEqual(messages, []);
  await page.context().close();
});
