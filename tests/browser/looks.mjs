// How the page looks, at every width, in light and dark: nothing is cut off, and everything can be read.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// Holds what is on the page against WCAG 2.2 AA.
export async function accessible(page, where) {
  // What is on its way to another color has not the color that it is to be read in.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  if (!(await page.evaluate(() => Boolean(window.axe)))) await page.evaluate(AXE);
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), WCAG);
  const found = violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`));
  assert.deepEqual(found, [], where);
}

export async function fits(page, { width }) {
  const sticksOut = await page.evaluate((width) => {
    const isSeen = (node) => node.checkVisibility() && !node.closest(".visually-hidden, .skip, .table-scroll > *") && node.getBoundingClientRect().width > 1;
    const wide = [...document.body.querySelectorAll("*")].filter((node) => isSeen(node) && node.getBoundingClientRect().right > width + 0.5);
    const scrolls = [document.documentElement, ...document.body.querySelectorAll(".panel, .prm-side, .thread-scroll, .phone-scroll")]
      .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth);
    return [...wide, ...scrolls].map((node) => `${node.tagName}#${node.id}.${node.className}`);
  }, width);
  assert.deepEqual(sticksOut, []);
}

// Runs in the page: every visible text whose color is too close to what is painted behind it.
export function faintText() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).slice(0, 3).map((each) => each / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0.99) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    const words = texts.currentNode.textContent.trim();
    if (words === "" || !node.checkVisibility() || node.closest(".visually-hidden, .skip, script, option, :disabled")) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${words}`);
  }
  return faint;
}
