// The playground without a pointer: what can be reached, that it can be seen and left, and where the focus goes when what
// had it is drawn anew, opens or closes.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, until } from "./browser.mjs";
import { playground, test } from "./playground_page.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const smallMap = "x=sigma_w%3D0.4:3:12&y=lr%3D0.01:100:9:log&depth=2&width=6&data=blobs&samples=60&batch_size=16&steps=30";
const ready = {
  "#curves?activation=elu,tanh": () => document.querySelector("#tab-curves .fact .gains"),
  "#depth?activation=tanh": () => document.querySelectorAll(".by-depth .plot").length && document.querySelector(".layer-card tbody"),
  "#train?steps=20": () => document.querySelector(".nets")?.getAttribute("aria-busy") === "false" && document.querySelector(".digest"),
  [`#map?${smallMap}&pixel=40`]: () => document.querySelector("#tab-map .same.yes"),
  "#learn": () => document.querySelector(".ask input"),
  "#practice?part=card": () => document.querySelector("#tab-practice textarea"),
};
async function open(address) {
  const { page, messages } = await playground(browser, address, { width: 1280, height: 800 });
  await until(page, ready[address]);
  return { page, messages };
}
/** What has the focus: its name. */
const focused = (page) => page.evaluate(() => {
  const at = document.activeElement;
  return at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent;
});
async function press(page, name, key = "Enter") {
  await page.getByRole("button", { name, exact: true }).first().focus();
  await page.keyboard.press(key);
}
const settled = (page) => until(page, ready["#train?steps=20"]);

for (const address of Object.keys(ready)) {
  test(`${address}: Tab reaches every control, shows where it is, and leaves again`, async () => {
    const { page, messages } = await open(address);
    // Of a group of radio buttons one is reached by Tab, the others by arrows; what scrolls is reached for its keys.
    const controls = await page.evaluate(() => {
      const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
      const reachable = all.filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.tabIndex >= 0 &&
        !(e.type === "radio" && !e.checked && all.some((other) => other.name === e.name && (other.checked || other === all.find((r) => r.name === e.name)) && other !== e)));
      window.unreached = new Set(reachable);
      return reachable.length;
    });
    const unseen = [];
    for (let i = 0; ; i++) {
      assert.ok(i <= 2 * controls + 9, "a trap");
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const e = document.activeElement;
        window.unreached.delete(e);
        const { outlineStyle, outlineWidth } = getComputedStyle(e);
        const box = e.getBoundingClientRect();
        const shown = box.width > 0 && box.bottom > 0 && box.top < innerHeight && outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
        return { away: e === document.body, shown, html: e.outerHTML.slice(0, 120) };
      });
      if (at.away) break;
      if (!at.shown) unseen.push(at.html);
    }
    assert.deepEqual(unseen, [], "focus that is not seen");
    assert.deepEqual(await page.evaluate(() => [...window.unreached].map((e) => e.outerHTML.slice(0, 120))), []);
    assert.deepEqual(messages, []);
    await page.context().close();
  });
}

test("Train: units and layers are added and removed by keys, again and again, without looking for the button", async () => {
  const { page } = await open("#train?steps=20");
  const widths = (text) => until(page, (hidden) => new URLSearchParams(location.hash.split("?")[1]).get("hidden") === hidden, text);
  await press(page, "Layer 2: one unit more");
  await widths("8,9,8");
  await settled(page);
  await page.keyboard.press("Space");
  await widths("8,10,8");
  await settled(page);
  assert.equal(await focused(page), "Layer 2: one unit more");
  await press(page, "Network A: add a layer");
  await widths("8,10,8,8");
  await settled(page);
  assert.equal(await focused(page), "Network A: add a layer");
  await press(page, "Layer 4: remove");
  await widths("8,10,8");
  await settled(page);
  assert.match(await focused(page), /^Layer 3: activation/);
  await page.context().close();
});

test("Train: the box for a CSV takes the focus, and Escape gives it back; a second net's button hands it on", async () => {
  const { page } = await open("#train?steps=20");
  await press(page, "pasted");
  assert.match(await focused(page), /^Rows of a CSV file/);
  await page.keyboard.press("Escape");
  assert.equal(await focused(page), "pasted");
  assert.ok(!(await page.locator(".paste").isVisible()));
  await press(page, "Sigmoid or GELU");
  await until(page, () => document.querySelector("[data-side=b] .net-head button"));
  await press(page, "Make equal to A");
  await until(page, () => !document.querySelector("[data-side=b] .net-head button"));
  assert.match(await focused(page), /^Initializer/);
  await page.context().close();
});

test("Map: a network is opened and closed by keys; the buttons that come to an end hand the focus on", async () => {
  const { page } = await open(`#map?${smallMap}&pixel=40`);
  const plane = page.locator("#tab-map .plane");
  const closed = () => until(page, () => document.querySelector("#tab-map .network").hidden);
  await plane.focus();
  await page.keyboard.press("Escape");
  await closed();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("#tab-map .same.yes"));
  await page.getByRole("button", { name: "Close" }).focus();
  await page.keyboard.press("Enter");
  await closed();
  assert.match(await focused(page), /^Map of networks/);
  await press(page, "Zoom in");
  await until(page, () => !document.querySelector("#tab-map .map-bar button").disabled);
  await press(page, "← Back");
  await until(page, () => document.querySelector("#tab-map .map-bar button").disabled);
  assert.equal(await focused(page), "Zoom out");
  await page.context().close();
});

test("Learn: a question is answered by keys, and the next one has the focus; a claim gives it back", async () => {
  const { page } = await open("#learn");
  await page.locator(".ask input").first().focus();
  await page.keyboard.press("ArrowRight");
  await press(page, "Commit and run");
  await until(page, () => document.querySelector(".reveal .outcome"));
  assert.equal(await focused(page), "Run it again");
  await press(page, "Next question");
  assert.ok(await page.locator(".ask input").first().evaluate((e) => e === document.activeElement));
  await press(page, "What the guides say");
  const claim = page.locator("a[href^='#claim-']").nth(3);
  await claim.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Close" }).focus();
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".one-claim > *").count(), 0);
  assert.ok(await claim.evaluate((e) => e === document.activeElement));
  await page.context().close();
});
