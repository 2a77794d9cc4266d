// The playground in a real browser: its shell, Curves and Depth. Train, Map and Learn have files of their own.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { after, before, test as anyTest } from "node:test";
import { downloaded, evengrad, inaccessible, launch, openMenus, pictured, playground, until } from "./browser.mjs";

// Without emscripten there is no page to test.
const test = (name, run) => anyTest(name, { skip: existsSync(playground) ? false : "dist/playground.html is not built" }, run);
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Opens a tab and waits until it has drawn and theory has answered. */
async function open(address, options) {
  const opened = await browser.playground(address, options);
  await settled(opened.page, address);
  return opened;
}
async function settled(page, address) {
  const last = address.startsWith("#depth") ? ".layer-card tbody" : "#tab-curves .fact .gains";
  await until(page, (selector) => document.querySelector(selector) !== null, last);
}
const text = (page, selector) => page.locator(selector).first().innerText();
/** "−1.5 × 10⁻⁴", as it is shown, as a number. */
function parsed(shown) {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const [, mantissa = "1", exponent] = /^([^×]*?)(?:\s*×\s*)?(?:10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?$/.exec(shown.trim());
  const power = exponent ? Number([...exponent].map((d) => (d === "⁻" ? "-" : digits.indexOf(d))).join("")) : 0;
  return Number(mantissa.replace("−", "-").replace("\u202f", "") || "1") * 10 ** power;
}
/** To as many digits as are shown. */
function same(shown, expected, digits, what) {
  const rounding = 0.51 * 10 ** (Math.floor(Math.log10(Math.abs(expected) || 1)) - digits + 1);
  assert.ok(Math.abs(parsed(shown) - expected) <= rounding, `${what}: shows ${shown}, expected ${expected}`);
}

test("the page is one small file that asks for nothing from outside", async () => {
  assert.ok((await stat(playground)).size < 3_000_000);
  const { page, messages } = await open("");
  assert.match(await page.title(), /^Curves · evengrad playground$/);
  const policy = await page.getAttribute("meta[http-equiv]", "content");
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|https?:|\*/);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("tabs are links: each opens, says its question, keeps its state, and back goes back", async () => {
  const { page, messages } = await open("#curves?z=1.5");
  for (const name of ["Depth", "Train", "Map", "Learn", "Curves"]) {
    await page.getByRole("navigation").getByRole("link", { name }).click();
    assert.equal(await page.locator("nav [aria-current=page]").innerText(), name);
    assert.equal(await page.locator("main > section:visible").count(), 1);
    assert.ok((await text(page, "main > section:visible h1")).endsWith("?"));
    assert.match(await page.title(), new RegExp(`^${name} `));
  }
  await until(page, () => location.hash === "#curves?z=1.5");
  await page.goBack();
  await until(page, () => document.title.startsWith("Learn"));
  assert.deepEqual(messages, []);
  await page.context().close();
});

for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [390, "light"], [390, "dark"]]) {
  test(`${width} px, ${scheme}: fits and has no serious accessibility finding`, async () => {
    const { page, messages } = await open("#curves", { width, height: width < 500 ? 844 : 800, scheme });
    for (const tab of ["curves", "depth"]) {
      await page.evaluate((id) => (location.hash = id), tab);
      await settled(page, `#${tab}`);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
      assert.deepEqual(await inaccessible(page), []);
      await pictured(page, `${tab}-${width}-${scheme}`);
    }
    assert.deepEqual(messages, []);
    await page.context().close();
  });
}

test("hostile addresses are refused with a message and do no harm", async () => {
  const { page, messages } = await open("#curves");
  const hostile = [
    "#nowhere?x=1", "#curves?__proto__=1&constructor=2", "#curves?activation=<img src=x onerror=alert(1)>", "#curves?z=1e999",
    "#curves?z=NaN&mean=x&std=-1&reach=0", "#curves?activation=,,,", "#curves?activation=((((", "#depth?depth=1e9&width=-3",
    `#curves?activation=${"x+".repeat(8000)}`, "#depth?init=%00&activation=%F0%9F", "#depth?scale=Infinity&bias-std=-1&seed=x",
    "#curves?activation=javascript:alert(1)&focus=javascript:alert(1)",
  ];
  for (const address of hostile) {
    await page.evaluate((hash) => (location.hash = hash), address);
    const shown = "main > section:not([hidden]) .notice";
    await until(page, (selector) => document.querySelector(selector)?.textContent, shown);
    assert.ok((await text(page, shown)).length > 10, address);
  }
  assert.equal(await page.locator("main img").count(), 0);
  await page.evaluate(() => (location.hash = "#curves?z=0.5"));
  await until(page, () => document.querySelector(".readout thead th").textContent === "z = 0.5");
  await until(page, () => document.querySelectorAll("#tab-curves .readout tbody tr").length === 2);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("Share gives the address of what is shown, and the address restores it", async () => {
  const { page } = await open("#curves?activation=tanh,elu(alpha=1.5)&focus=tanh");
  await page.getByRole("slider", { name: "z, the input" }).press("ArrowRight");
  await page.getByRole("button", { name: "Copy link" }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(link, /#curves\?activation=tanh,elu\(alpha%3D1\.5\)&focus=tanh&z=0\.82$/);
  await page.context().close();
  const again = await open(link.slice(link.indexOf("#")));
  assert.equal(await text(again.page, ".readout thead th"), "z = 0.82");
  assert.deepEqual(await again.page.locator(".readout tbody th").allInnerTexts(), ["tanh", "elu(alpha=1.5)"]);
  await again.page.context().close();
});

test("Curves: value and slope are the function's, theory's numbers are the program's", async () => {
  const { page, messages } = await open("#curves?activation=tanh,leaky_relu(0.2),sigmoid&focus=tanh&z=-0.8");
  const rows = await page.locator("#tab-curves .readout tbody tr").allInnerTexts();
  const sigmoid = 1 / (1 + Math.exp(0.8));
  const exact = [[Math.tanh(-0.8), 1 - Math.tanh(0.8) ** 2], [-0.16, 0.2], [sigmoid, sigmoid * (1 - sigmoid)]];
  exact.forEach(([value, slope], i) => {
    const [, v, s] = rows[i].split("\t");
    same(v, value, 4, rows[i]);
    same(s, slope, 4, rows[i]);
  });
  for (const name of ["gelu", "elu(alpha=0.7)", "x*sin(x)"]) {
    await page.evaluate((hash) => (location.hash = hash), `#curves?activation=${encodeURIComponent(name)}`);
    await until(page, (expected) => document.querySelector(".fact h2")?.textContent === expected, name);
    const theory = await evengrad("theory", name);
    for (const [gain, value] of Object.entries(theory.gains)) {
      const shown = await text(page, `[data-gain=${gain}]`);
      if (value === null) assert.equal(shown, "–", gain);
      else same(shown, value, 5, `${name}, ${gain}`);
    }
    assert.ok((await text(page, ".fact")).includes(theory.recommended.init));
    assert.equal(await text(page, "#tab-curves .command code"), `evengrad theory ${/^[\w]+$/.test(name) ? name : `"${name}"`}`);
    if (theory.critical) {
      const shown = await page.locator(".fact .critical").getAttribute("data-sigma-w2");
      same(shown, theory.critical.sigma_w2, 9, `${name}, critical`);
    }
  }
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("Curves: z follows the pointer and the keys; the density says what share is negative, zero, saturated", async () => {
  const { page } = await open("#curves?activation=relu&focus=relu");
  const shares = async () => (await page.locator(".shares b").allInnerTexts()).join(", ");
  assert.equal(await shares(), "50 %, 50 %, 50 %");
  const box = await page.locator(".curve-stage").boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 150);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.2, box.y + 150);
  await page.mouse.up();
  const z = page.getByRole("slider", { name: "z, the input" });
  const dragged = Number(await z.getAttribute("aria-valuenow"));
  assert.ok(dragged < -1 && dragged > -4, `${dragged}`);
  assert.deepEqual((await page.locator(".readout tbody tr").innerText()).split("\t"), ["relu", "0", "0"]);
  await z.press("End");
  assert.equal(await z.getAttribute("aria-valuetext"), "z 4, relu 4, slope 1");
  await until(page, () => location.hash.includes("z=4"));

  await page.getByRole("slider", { name: "Mean of the inputs" }).focus();
  for (let i = 0; i < 2; i++) await page.keyboard.press("PageUp");
  // P(z < 0) of N(1, 1) is 0.158655.
  await until(page, () => document.querySelector(".shares b").textContent === "15.9 %");
  assert.equal(await shares(), "15.9 %, 15.9 %, 15.9 %");
  await page.context().close();
});

test("Curves: a slope without a maximum leaves nothing flat; a name that is no activation gets a short answer", async () => {
  const { page } = await open("#curves?activation=1/x&focus=1/x");
  assert.match(await text(page, ".shares"), /the slope has no maximum/);
  assert.equal(await page.locator("[data-mark=gone]").count(), 0);
  await page.evaluate(() => (location.hash = "#curves?activation=tanh,nosuchthing"));
  await until(page, () => /nosuchthing/.test(document.querySelector("#tab-curves .notice").textContent));
  assert.ok((await text(page, "#tab-curves .notice")).length < 250);
  await page.context().close();
});

test("Curves: the card says what the activation is; a pressed tile has its curve's colour; a seventh curve replaces none", async () => {
  const { page } = await open("#curves?activation=relu,sin&focus=elu&z=1");
  const swatch = (selector) => page.locator(selector).evaluate((e) => getComputedStyle(e).getPropertyValue("--swatch"));
  assert.equal(await swatch(".gallery [data-name=sin]"), await swatch(".chosen .chip:nth-child(2)"));
  await page.locator(".gallery [data-name=gelu]").click();
  await until(page, () => document.querySelector(".fact h2").textContent === "gelu");
  const card = await text(page, "#tab-curves .facts");
  for (const part of ["[-0.17, inf)", "2016", "Hendrycks", "BERT"]) assert.ok(card.includes(part), part);
  assert.equal(await page.locator("#tab-curves .facts .formula").count(), 2, "f and f′");
  for (const name of ["tanh", "elu", "selu", "mish"]) await page.locator(`.gallery [data-name=${name}]`).click();
  await until(page, () => /Remove one/.test(document.querySelector("#tab-curves .notice").textContent));
  assert.deepEqual(await page.locator(".chosen .chip button:first-child").allInnerTexts(), ["relu", "sin", "gelu", "tanh", "elu", "selu"]);
  await page.context().close();
});

test("Curves: leaving while z sweeps leaves the next tab's address alone", async () => {
  const { page } = await open("#curves", { motion: "no-preference" });
  await page.getByRole("button", { name: /Sweep|Pause/ }).click();
  for (const name of ["Depth", "Curves", "Learn"]) {
    await page.getByRole("navigation").getByRole("link", { name }).click();
    await page.waitForTimeout(400);
    assert.match(await page.evaluate(() => location.hash), new RegExp(`^#${name.toLowerCase()}`));
    if (name === "Curves") await page.getByRole("button", { name: "▶ Sweep z" }).click();
  }
  await page.context().close();
});

test("Curves: the formula box points at what is wrong, and takes what is right", async () => {
  const { page } = await open("#curves");
  const box = page.getByLabel("Any formula in x");
  for (const [typed, at] of [["x*tanhh(x)", 2], ["x + ", 3], ["2*(x", 4], ["x ** 2", 3], ["y*x", 0]]) {
    await box.fill(typed);
    await until(page, () => document.querySelector("#tab-curves .pointer:not([hidden])"));
    assert.equal(await box.getAttribute("aria-invalid"), "true");
    const caret = await page.locator("#tab-curves .pointer pre").evaluate((pre) => pre.textContent);
    assert.equal(caret, `${" ".repeat(at)}^`, typed);
    assert.match(await page.locator("#tab-curves .pointer").evaluate((p) => p.textContent), new RegExp(`Character ${at + 1}: .{5}`));
    await box.fill("");
    await until(page, () => document.querySelector("#tab-curves .pointer").hidden);
  }
  await box.fill("x*tanh(softplus(x))");
  await box.press("Enter");
  await until(page, () => document.querySelector(".fact h2")?.textContent === "x*tanh(softplus(x))");
  const mish = await evengrad("theory", "mish");
  same(await text(page, "[data-gain=backward]"), mish.gains.backward, 5, "as mish");
  assert.ok((await page.locator(".chosen .chip").allInnerTexts()).join().includes("x*tanh(softplus(x))"));
  await page.context().close();
});

test("Curves: a parameter's slider changes curve and theory; activations are added and taken away", async () => {
  const { page } = await open("#curves?activation=elu&focus=elu");
  const slider = page.getByRole("slider", { name: /elu: alpha/ });
  await slider.focus();
  await slider.press("End");
  await until(page, () => document.querySelector(".fact h2").textContent === "elu(alpha=3)");
  const theory = await evengrad("theory", "elu(alpha=3)");
  same(await text(page, "[data-gain=second_moment]"), theory.gains.second_moment, 5, "elu(alpha=3)");
  await page.locator(".gallery [data-name=tanh]").click();
  await until(page, () => document.querySelectorAll(".chosen .chip").length === 2);
  assert.equal(await page.locator(".gallery [aria-pressed=true]").count(), 2);
  await page.getByRole("button", { name: "Remove elu(alpha=3)" }).click();
  await until(page, () => document.querySelectorAll(".chosen .chip").length === 1);
  await openMenus(page);
  const csv = await downloaded(page, () => page.getByRole("button", { name: /^CSV/ }).click());
  assert.match(csv.text.split("\r\n")[1], /^tanh,-4,-0\.999/);
  const svg = await downloaded(page, () => page.getByRole("button", { name: /^SVG/ }).click());
  assert.doesNotMatch(svg.text, /var\(|color-mix|light-dark/);
  await page.context().close();
});

test("Depth: what is shown is what the command beside it prints", async () => {
  const { page, messages } = await open("#depth?activation=tanh&init=keras&depth=12&width=32");
  const command = await text(page, "#tab-depth .command code");
  const words = command.match(/"[^"]*"|\S+/g).map((word) => word.replace(/^"|"$/g, ""));
  assert.deepEqual(words.slice(0, 2), ["evengrad", "propagate"]);
  const document = await evengrad(...words.slice(1));
  const first = document.layers[0];
  const slider = page.getByRole("slider", { name: "Layer to look at" });
  await slider.press("Home");
  assert.match(await text(page, ".layer-card h2"), /^Layer 1/);
  const cells = async () => (await page.locator(".layer-card tbody tr").allInnerTexts()).map((row) => row.split("\t").slice(1));
  const [signal, gradient] = await cells();
  same(signal[0], Math.sqrt(first.q), 3, "rms signal");
  same(signal[1], Math.sqrt(first.q_theory), 3, "its theory");
  same(gradient[0], first.gradient_rms, 3, "rms gradient");
  same(gradient[1], first.gradient_rms_theory, 3, "its theory");
  for (const mark of ["measured", "theory", "band"]) {
    const paths = page.locator(`.layers-stage [data-mark=${mark}]`);
    assert.equal(await paths.count(), 2);
    for (const path of await paths.all()) assert.ok((await path.getAttribute("d")).length > 50, mark);
  }
  await openMenus(page);
  const csv = await downloaded(page, () => page.locator(".depth").getByRole("button", { name: /^CSV/ }).click());
  assert.equal(csv.text.trim().split("\r\n").length, 13);
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("Depth: an initializer, the weights' scale or the point in the phase diagram makes the gradient vanish or explode", async () => {
  const { page, messages } = await open("#depth?activation=relu&init=pytorch&depth=40&width=128");
  const gradient = () => text(page, "#tab-depth .verdicts div:nth-child(2) b");
  const becomes = (word) => until(page, (w) => document.querySelector("#tab-depth .verdicts div:nth-child(2) b").textContent === w, word);
  assert.equal(await gradient(), "vanishes");
  await page.getByRole("radio", { name: /^he\b/ }).first().check();
  await becomes("holds");
  await until(page, () => location.hash.includes("init=he"));
  const scale = page.getByRole("slider", { name: /^Scale of the weights/ });
  await scale.focus();
  await scale.press("End");
  await becomes("explodes");
  assert.match(await text(page, "#tab-depth .command code"), /gaussian\(sigma_w=/);
  const point = page.getByRole("slider", { name: "Scales of weights and biases" });
  const box = await page.locator(".phase").boundingBox();
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height * 0.6);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.2, box.y + box.height * 0.5);
  await page.mouse.up();
  await becomes("vanishes");
  const before = Number(await point.getAttribute("aria-valuenow"));
  await point.press("ArrowRight");
  assert.ok(Number(await point.getAttribute("aria-valuenow")) > before);
  await page.getByRole("button", { name: /^Reset/ }).click();
  await becomes("holds");
  assert.deepEqual(messages, []);
  await page.context().close();
});

test("Depth: a signal that keeps its size and is the same for all inputs is told from one that tells them apart", async () => {
  const { page } = await open("#depth?activation=sigmoid&init=xavier&depth=20");
  const verdicts = () => page.locator("#tab-depth .verdicts b").allInnerTexts();
  assert.equal((await verdicts())[2], "look alike");
  assert.match(await text(page, "#tab-depth .sentence"), /From layer \d on all inputs look alike/);
  await until(page, () => /^Gradients vanish at every scale on this map\. Drag/.test(document.querySelector(".phase").previousElementSibling.textContent));
  assert.equal(await page.locator("[data-mark=critical]").count(), 0);
  await page.evaluate(() => (location.hash = "#depth?activation=relu&init=pytorch&depth=4"));
  await until(page, () => document.querySelectorAll("#tab-depth .verdicts b")[0].textContent === "shrinks" || document.querySelectorAll("#tab-depth .verdicts b")[0].textContent === "fades");
  await until(page, () => document.querySelector(".phase").previousElementSibling.textContent.includes("The ring is the critical point"));
  await page.context().close();
});

test("Depth: what the phase diagram has no place for is not placed, and it says why", async () => {
  const { page } = await open("#depth?activation=tanh&init=playground");
  const point = page.getByRole("slider", { name: "Scales of weights and biases" });
  const says = (words) => until(page, (w) => document.querySelector(".phase + .note").textContent.includes(w), words);
  await says("sets every bias to 0.1");
  assert.equal(await point.count(), 0);
  const bias = page.getByRole("slider", { name: /^Biases/ });
  await bias.press("ArrowRight");
  await until(page, () => document.querySelector(".phase + .note").hidden);
  // U(-0.5, 0.5) has variance 1/12; 64 of them reach a unit.
  const [w, b] = (await point.getAttribute("aria-valuetext")).match(/[\d.]+/g).map(Number);
  assert.ok(Math.abs(w - Math.sqrt(64 / 12)) < 0.005 && b === Number(await bias.inputValue()), `${w}, ${b}`);
  await page.getByRole("radio", { name: /^he\b/ }).first().check();
  await until(page, () => document.querySelector(".phase + .note").hidden);
  assert.equal(await point.count(), 1);
  for (const [init, words] of [["identity", "no random weights"], ["normal(20)", "beyond the edge, at σ_w 160"]]) {
    await page.evaluate((name) => (location.hash = `#depth?init=${name}`), init);
    await says(words);
  }
  await page.context().close();
});

test("Depth: a net whose signal overflows is told from one whose signal is gone", async () => {
  const { page } = await open("#depth?activation=relu&init=normal(20)&depth=100");
  const words = () => page.locator("#tab-depth .verdicts dd").allInnerTexts();
  assert.deepEqual((await words()).map((text) => text.split(/\s/)[0]), ["overflows", "overflows"]);
  assert.match(await text(page, "#tab-depth .sentence"), /overflow/);
  await page.evaluate(() => (location.hash = "#depth?activation=relu&init=zeros&depth=10"));
  await until(page, () => [...document.querySelectorAll("#tab-depth .verdicts b")].every((b) => b.textContent === "gone"));
  assert.equal(await text(page, "#tab-depth .sentence"), "No gradient reaches layer 1: this net cannot train.");
  assert.doesNotMatch((await words()).join(), /NaN|–/);
  await page.context().close();
});

test("Depth: a pairing that does not exist is refused in words", async () => {
  const { page } = await open("#depth");
  await page.evaluate(() => (location.hash = "#depth?activation=sigmoid&init=critical"));
  await until(page, () => !document.querySelector("#tab-depth .notice").hidden);
  assert.match(await text(page, "#tab-depth .notice"), /critical/);
  await page.context().close();
});

test("Depth: the animation plays forward, then backward, can be paused and moved; hidden it rests", async () => {
  const { page } = await open("#depth?activation=tanh&init=he&depth=20");
  const time = page.getByLabel(/^Time/);
  assert.equal(await time.getAttribute("aria-valuetext"), "all has arrived");
  await time.focus();
  await time.press("Home");
  await time.press("PageUp");
  assert.match(await time.getAttribute("aria-valuetext"), /^forward, layer \d+$/);
  const play = page.locator(".player button");
  await play.click();
  await until(page, () => /^backward/.test(document.querySelector(".player input").getAttribute("aria-valuetext")));
  await until(page, () => document.querySelector(".player input").getAttribute("aria-valuetext") === "all has arrived");
  assert.match(await text(page, ".layer-card h2"), /^Layer 1 of 20$/);
  await play.click();
  for (const tab of ["Learn", "Depth"]) {
    await page.getByRole("navigation").getByRole("link", { name: tab }).click();
    await until(page, (id) => !document.getElementById(id).hidden, `tab-${tab.toLowerCase()}`);
  }
  assert.equal(await time.getAttribute("aria-valuetext"), "all has arrived");
  await page.context().close();
});
