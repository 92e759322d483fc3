// Opens each page of a folder in headless Chromium, without a network, and says what it did: requests beside the page's
// own files, dialogs, scripts that ran, and whether the page went elsewhere. With `axe`, also what axe-core finds, and a screenshot each.
//
// node browse.mjs FOLDER [axe]; FOLDER has the pages, and `pages.json` with their paths. Prints JSON.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";

import { chromium } from "playwright-core";

const HOST = "http://pages.test/";
const TYPES = { ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml", ".css": "text/css" };
const [folder, axe] = process.argv.slice(2);
const source = axe && readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const looks = axe
  ? [360, 1280].flatMap((width) => ["light", "dark"].map((colorScheme) => ({ width, colorScheme })))
  : [{ width: 1280, colorScheme: "light" }];

const browser = await chromium.launch({
  executablePath: process.env.BEACON_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const found = [];
for (const { width, colorScheme } of looks) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, serviceWorkers: "block" });
  let page, seen;
  await context.route("**", (route) => {
    const url = route.request().url();
    const file = url.startsWith(HOST) ? normalize(decodeURIComponent(url.slice(HOST.length).split(/[?#]/)[0])) : "";
    if (!file || file.startsWith("..") || !existsSync(join(folder, file))) {
      seen.requests.push(url);
      return route.abort();
    }
    return route.fulfill({ body: readFileSync(join(folder, file)), contentType: TYPES[extname(file)] });
  });
  await context.exposeBinding("beaconRan", () => void seen.scripts++);
  await context.addInitScript(() => {
    for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => window.beaconRan();
  });
  context.on("dialog", (dialog) => (seen.dialogs++, dialog.dismiss()));
  context.on("page", (other) => page && other !== page && seen.dialogs++);
  for (const path of JSON.parse(readFileSync(join(folder, "pages.json"), "utf8"))) {
    seen = { path, width, colorScheme, requests: [], dialogs: 0, scripts: 0, moved: 0, violations: [], wide: 0 };
    page ??= await context.newPage();
    try {
      await page.goto(HOST + path, { waitUntil: "load" });
      await page.evaluate(() => document.querySelectorAll("details").forEach((part) => (part.open = true)));
    } catch {
      seen.moved++; // the page went elsewhere by itself
    }
    seen.moved += page.url() !== HOST + path;
    if (axe) {
      await page.evaluate(source);
      // Wide tables and long lines scroll in boxes that the forge makes; browsers let the keyboard into those.
      const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], rules: { "scrollable-region-focusable": { enabled: false } } }));
      seen.violations = result.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => node.html.slice(0, 160)) }));
      seen.wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      await page.screenshot({ path: join(folder, `${path.replace(/\W/g, "-")}-${width}-${colorScheme}.png`), fullPage: true });
    }
    found.push(seen);
    if (seen.moved) {
      await page.close();
      page = undefined;
    }
  }
  await context.close();
}
await browser.close();
process.stdout.write(JSON.stringify(found));
