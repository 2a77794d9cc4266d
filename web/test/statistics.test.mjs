// Intervals of a few seeds, against numbers worked out by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bundled } from "./engine.mjs";

const { extent, meanWithin95, ratioWithin95 } = await bundled("../src/playground/statistics.ts");
const near = (actual, expected) => assert.ok(Math.abs(actual - expected) < 1e-9 * Math.abs(expected) + 1e-12, `${actual}, expected ${expected}`);

test("a mean has Student's interval", () => {
  // 1, 2, 3: deviation 1, t(0.975, 2) = 4.303.
  const { value, low, high } = meanWithin95([1, 2, 3]);
  near(value, 2);
  near(high - value, 4.303 / Math.sqrt(3));
  near(value - low, 4.303 / Math.sqrt(3));
});

test("a ratio's interval is that of its logarithm, and above 0", () => {
  // Logarithms 0, 2 ln 10: mean ln 10, deviation sqrt(2) ln 10, t(0.975, 1) = 12.706.
  const { value, low, high } = ratioWithin95([1, 100]);
  near(value, 10);
  near(Math.log10(high), 1 + 12.706);
  near(Math.log10(low), 1 - 12.706);
  assert.ok(low > 0);
});

test("shares have their extent", () => assert.deepEqual(extent([0.5, 1, 0.75]), { value: 0.75, low: 0.5, high: 1 }));

test("near misses are the worst layer's shares from 30 % up to the rules' 50 %, each told once", async () => {
  const { nearMisses } = await bundled("../src/near_misses.ts");
  const row = (layer, silent, saturated = 0, dormant = 0, hidden = 1) => ({ layer, hidden, silent, saturated, dormant });
  assert.deepEqual(nearMisses([row(1, 0.3), row(2, 0.44), row(3, 0.9, 0, 0, 0)]), ["44 % of layer 2’s units are silent (a rule warns above 50 %)"]);
  assert.deepEqual(nearMisses([row(1, 0.51), row(2, 0.1)]), [], "then the rule speaks itself");
  assert.deepEqual(nearMisses([row(1, 0.4, 0.4, 0.4)]).length, 1, "what is silent is flat and inactive too");
  assert.deepEqual(nearMisses([row(1, 0, 0.4)]), ["40 % of layer 1’s units are saturated (a rule warns above 50 %)"]);
});
