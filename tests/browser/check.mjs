// Opens HTML reports in headless Chromium, as a person would, from disk.
//
//   node check.mjs REPORT.html...       every report: no axe-core violation, no
//                                       refused or failed script, no request
//                                       but for pictures
//   node check.mjs --shots DIR REPORT   also saves screenshots of the first
//
// What else is tried goes by the file's name: `large`, `hostile`, `mixed`.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const args = process.argv.slice(2);
const shots = args[0] === "--shots" ? args.splice(0, 2)[1] : null;
assert(args.length > 0, "which report?");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

/// A page with a report, and everything that went wrong in it.
async function open(file, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 900 }, ...options });
  const page = await context.newPage();
  const trouble = [], requests = [];
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (line) => {
    // A picture that is not there is no fault of the page.
    if (line.type() === "error" && !/Failed to load resource|ERR_/.test(line.text())) trouble.push(line.text());
  });
  page.on("dialog", (dialog) => { trouble.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => requests.push([request.resourceType(), request.url()]));
  // There is no network: pictures of a site can't be had.
  await context.route(/^https?:/, (route) => route.abort());
  await page.goto(pathToFileURL(path.resolve(file)).href);
  await page.waitForSelector("#list > li, #count:not(:empty)");
  return { context, page, trouble, requests };
}

async function violations(page) {
  const found = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`);
  return found.violations.map((it) => `${it.id}: ${it.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`);
}

const shown = (page) => page.locator("#list > li").count();
const status = (page) => page.locator("#count").textContent();
/// Types into the search field and waits until the list has followed.
async function search(page, text, expected) {
  await page.fill("#q", text);
  await page.waitForFunction((want) => document.getElementById("count").textContent.startsWith(want), expected);
}

async function everyReport(file) {
  for (const [name, options] of Object.entries({
    light: { colorScheme: "light" },
    dark: { colorScheme: "dark" },
    narrow: { colorScheme: "light", viewport: { width: 360, height: 740 } },
  })) {
    const { context, page, trouble, requests } = await open(file, options);
    assert.deepEqual(await violations(page), [], `${file} (${name}): axe-core`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(wide <= 0, `${file} (${name}): the page is ${wide} px wider than the window`);
    assert.deepEqual(trouble, [], `${file} (${name}): errors`);
    const others = requests.slice(1).filter(([type]) => type !== "image");
    assert.deepEqual(others, [], `${file} (${name}): requests`);
    if (shots) {
      const { width } = page.viewportSize();
      const clip = { x: 0, y: 0, width, height: 2400 };
      await page.screenshot({ path: `${shots}/${path.basename(file, ".html")}-${name}.png`, fullPage: true, clip });
    }
    await context.close();
  }
}

async function keyboardAndPages(file) {
  const { context, page } = await open(file);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  const next = page.locator("#next");
  if (await next.isEnabled()) {
    await next.click();
    assert.equal(await page.evaluate(() => document.activeElement.id), "photos-title", "focus goes to the list");
    assert.match(await page.locator("#where").textContent(), /^Page 2 of /);
    assert.equal(await page.locator("#list").getAttribute("start"), "51");
  }
  await context.close();
}

async function printing(file) {
  const { context, page } = await open(file);
  const rows = await page.evaluate(() => {
    dispatchEvent(new Event("beforeprint"));
    const printed = document.querySelectorAll("#list > li").length;
    dispatchEvent(new Event("afterprint"));
    return printed;
  });
  const all = Number((await status(page)).replace(/[^\d].*/, "").replaceAll(",", "")) || rows;
  assert(rows >= Math.min(all, 1000), `${rows} of ${all} photos are printed`);
  assert((await shown(page)) <= 50);
  if (shots) {
    await page.pdf({ path: `${shots}/${path.basename(file, ".html")}.pdf`, format: "A4", margin: { top: "14mm", bottom: "14mm", left: "14mm", right: "14mm" }, printBackground: true });
    await page.emulateMedia({ media: "print" });
    await page.screenshot({ path: `${shots}/${path.basename(file, ".html")}-print.png` });
  }
  await context.close();
}

/// The report of a run on the embedded archive: 48 photos, 38 of them ours.
async function embedded(file) {
  const { context, page, trouble } = await open(file);
  assert.equal(await status(page), "48 photos");
  assert.equal(await shown(page), 48);
  await page.waitForFunction(() => document.querySelector("#list img")?.naturalWidth > 0);
  await page.selectOption("#state", "ours");
  await page.waitForFunction(() => document.getElementById("count").textContent.startsWith("38 of"));
  assert.equal(await shown(page), 38);
  const texts = await page.locator("#list .badge").allTextContents();
  assert(texts.every((text) => text === "text by altfill"), texts.join());
  await page.click("button[type=reset]");
  await page.waitForFunction(() => document.getElementById("count").textContent === "48 photos");
  // Accents don't matter, words may come in any order.
  await search(page, "terrace CAFE", "1 of 48");
  assert.match(await page.locator("#list h3").textContent(), /Café terrace/);
  assert.match(page.url(), /#q=terrace/);
  await search(page, "no such words anywhere", "0 of 48");
  assert.equal(await shown(page), 0);
  // The chart leads to its photos.
  await page.locator("[data-pick=album]").first().click();
  assert.equal(await status(page), "8 of 48 photos");
  assert.equal(await page.locator("#q").inputValue(), "");
  // A link to a filtered list opens it filtered.
  const address = page.url();
  await page.goto("about:blank");
  await page.goto(address);
  await page.waitForSelector("#list > li");
  assert.equal(await status(page), "8 of 48 photos");
  assert.deepEqual(trouble, []);
  await context.close();
}

async function large(file) {
  const started = Date.now();
  const { context, page } = await open(file);
  const opened = Date.now() - started;
  assert.equal(await status(page), "10,000 photos");
  assert.equal(await shown(page), 50, "a page of the list, not all of it");
  const before = Date.now();
  await search(page, "page 07777", "1 of 10,000");
  console.log(`  10,000 photos: ${(fs.statSync(file).size / 1e6).toFixed(1)} MB, open in ${opened} ms, searched in ${Date.now() - before} ms`);
  await context.close();
}

/// Captions, titles, albums and ids that try to be something else than text.
async function hostile(file) {
  const { context, page, trouble, requests } = await open(file);
  const address = page.url();
  // All of them are looked at, found, pointed at and printed.
  for (let more = true; more; ) {
    for (const item of await page.locator("#list > li").all()) {
      await item.scrollIntoViewIfNeeded();
      await item.hover({ force: true });
    }
    const next = page.locator("#next");
    more = await next.isEnabled();
    if (more) await next.click();
  }
  await search(page, "window.hacked", "");
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  await page.waitForTimeout(500);
  assert.equal(page.url().replace(/#.*/, ""), address.replace(/#.*/, ""), "the page stays where it is");
  const left = requests.filter(([, url]) => new URL(url).host.includes("evil.example"));
  assert.deepEqual(left, [], "no request leaves");
  const foreign = "#list :is(script, svg, iframe, meta, base, link, style, form, object, embed, [srcset], [onload], [onfocus], [onmouseover])";
  assert.equal(await page.locator(foreign).count(), 0, "texts make no elements");
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  await page.goto("about:blank");
  await page.goto(address);
  await page.waitForSelector("#list > li");
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("#list").locator("script, svg, iframe, [onerror]").count(), 0);
  for (const link of await page.locator("a[href]").evaluateAll((all) => all.map((a) => a.href))) {
    assert.match(link, /^(https?|file):/, link);
  }
  assert.match(await page.locator("#list").textContent(), /<script>window\.hacked/, "it is shown as text");
  assert.deepEqual(trouble, []);
  await context.close();
}

/// Held, failed, written and a person's, with the reasons.
async function mixed(file) {
  const { context, page } = await open(file);
  const total = await status(page);
  for (const state of ["person", "ours", "held", "failed"]) {
    await page.selectOption("#state", state);
    await page.waitForFunction((old) => document.getElementById("count").textContent !== old, total);
    assert((await shown(page)) > 0, `no photo is ${state}`);
    await page.click("button[type=reset]");
    await page.waitForFunction((old) => document.getElementById("count").textContent === old, total);
  }
  await page.selectOption("#reason", "refusal");
  await page.waitForFunction(() => / of /.test(document.getElementById("count").textContent));
  assert.match(await page.locator("#list").textContent(), /the model refused/);
  await context.close();
}

for (const file of args) {
  console.log(file);
  const name = path.basename(file);
  await everyReport(file);
  await keyboardAndPages(file);
  await printing(file);
  if (/embedded/.test(name)) await embedded(file);
  if (/large/.test(name)) await large(file);
  if (/hostile/.test(name)) await hostile(file);
  if (/mixed/.test(name)) await mixed(file);
}
await browser.close();
console.log(`${args.length} reports are fine`);
