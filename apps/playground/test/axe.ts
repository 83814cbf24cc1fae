/** What axe finds on a page that would keep visitors out. */
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

interface Checker {
  run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
}

/** Serious and critical ones, with the elements. */
export async function findings(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.addScriptTag({ path: axe });
  // Colours that fade from one to another are not what a reader sees; a fade begins a moment after what started it.
  await page.waitForTimeout(200);
  await page.waitForFunction(() => document.getAnimations().every((each) => each.playState !== "running"));
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: Checker }).axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
  });
}
