// How smooth Train is while it trains: `npm run frames`. For each net, over some seconds of play: pictures a second, the
// slowest ones, and what the page's own thread did for each (training itself runs in workers).
import { launch, until } from "./test/browser.mjs";

const seconds = Number(process.env.SECONDS ?? 6);
const nets = { "default net": "", "two nets": "compare=1&b.activation=relu" };

const browser = await launch();
for (const [name, address] of Object.entries(nets)) {
  const { page } = await browser.playground(`#train?${address}`, { motion: "no-preference" });
  const debug = await page.context().newCDPSession(page);
  await debug.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => Object.fromEntries((await debug.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value]));
  const step = () => page.evaluate(() => Number(document.querySelector(".counter").textContent.match(/step ([\d\s]+)/)?.[1].replace(/\s/g, "")));
  await until(page, () => document.querySelector(".nets")?.getAttribute("aria-busy") === "false");
  await page.getByRole("button", { name: "Play" }).click();
  await page.waitForTimeout(1500);
  const [before, first] = [await spent(), await step()];
  const gaps = await page.evaluate((ms) => new Promise((done) => {
    const times = [];
    const next = (now) => {
      times.push(now);
      if (now - times[0] < ms) requestAnimationFrame(next);
      else done(times.slice(1).map((t, i) => t - times[i]));
    };
    requestAnimationFrame(next);
  }), 1000 * seconds);
  const [after, last] = [await spent(), await step()];
  const total = gaps.reduce((a, b) => a + b);
  const sorted = gaps.toSorted((a, b) => a - b);
  const frame = (key) => `${((1000 * (after[key] - before[key])) / gaps.length).toFixed(2)} ms ${key.replace("Duration", "").toLowerCase()}`;
  console.log(`${name}: ${((1000 * gaps.length) / total).toFixed(1)} frames a second, ${(((last - first) * 1000) / total).toFixed(0)} steps a second`);
  console.log(`  between frames: median ${sorted[sorted.length >> 1].toFixed(1)} ms, 95 % below ${sorted[Math.floor(0.95 * sorted.length)].toFixed(1)} ms, longest ${sorted.at(-1).toFixed(1)} ms, ${gaps.filter((g) => g > 25).length} of ${gaps.length} late`);
  console.log(`  of a frame: ${["TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration"].map(frame).join(", ")}`);
  await page.context().close();
}
await browser.close();
