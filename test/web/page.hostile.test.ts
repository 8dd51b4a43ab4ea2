import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { SeriesOverall } from "../../src/web/model.js"
import { launch, live, names, noChromium, open, overflows, script, series, serve, until } from "./browser.js"

let browser: Browser

beforeAll(async () => {
  if (noChromium === false) browser = await launch()
})

afterAll(async () => {
  await browser?.close()
})

const hostile = [
  "<img src=x onerror=window.__xss=1>",
  "</script><script>window.__xss=1</script>",
  "<svg/onload=window.__xss=1>",
  "javascript:window.__xss=1",
  "{{constructor.constructor('window.__xss=1')()}}",
  "\u202Egpj.exe",
  "zero\u200Bwidth\uFEFF",
  "line\nfeed\ttab\u0000nul",
  "\uD800 alone",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  `Z${"\u0315\u0321".repeat(200)}`,
  "x".repeat(8192),
  "'\"`;--",
  "مرحبا",
  "🐉"
]

const everywhere = (name: string): SeriesOverall =>
  series(name, "gauge", 1, { tags: [[name, name]], unit: name, description: name, count: 2 })

describe("names from elsewhere", { skip: noChromium !== false }, () => {
  const widths: ReadonlyArray<readonly [string, number]> = [
    ["on a desktop", 1280],
    ["on a phone", 360]
  ]
  it.each(widths)("are text wherever they are shown, and break nothing, %s", async (_, width) => {
    const written = script({
      title: hostile[0]!,
      series: hostile.map(everywhere),
      processes: hostile.map((id, index) => ({
        ...live(id),
        ...(index % 2 === 0 ? { reason: id, state: "slow" } : {})
      })),
      points: hostile.map((name) => ({ name, tags: [[name, name]], fields: [[name, name]], millis: 0 })),
      byProcess: new Map(hostile.map((key) => [key, hostile.map((id) => ({ id, value: 1 }))]))
    })
    const server = await serve(written)
    try {
      const { complaints, page } = await open(browser, server.url, { viewport: { width, height: 3000 } })
      await until(
        () => names(page),
        ({ length }) => length === hostile.length
      )
      for (let index = 0; index < hostile.length; index++) {
        await page.locator(`#row-${index}`).click({ position: { x: 20, y: 20 } })
        await page.locator("#detail-title").waitFor()
        assert.isFalse(await overflows(page), hostile[index])
        await page.keyboard.press("Escape")
      }
      // Half a character cannot be asked for, so not the first one.
      await page.locator("#row-3").click({ position: { x: 20, y: 20 } })
      await page.getByRole("button", { name: "By process" }).click()
      await until(
        () => page.locator("#legend-body tr").count(),
        (count) => count === hostile.length
      )
      assert.isFalse(await overflows(page))
      await page.keyboard.press("Escape")
      await page.locator("#search").fill("<img src=x onerror=window.__xss=1>no")
      assert.include(await page.locator("#empty").innerText(), "<img src=x onerror=window.__xss=1>no")
      await page.locator("#search").fill("__proto__")
      assert.deepStrictEqual(await names(page), ["__proto__"])
      assert.deepStrictEqual(
        await page.evaluate(() => [
          "__xss" in window,
          document.scripts.length,
          document.querySelectorAll("main img, main svg script").length
        ]),
        [false, 2, 0]
      )
      assert.deepStrictEqual(complaints, [])
    } finally {
      await server.stop()
    }
  })

  it("show each character that would not be seen, or would turn round what stands after it", async () => {
    const server = await serve(script({ series: hostile.map(everywhere) }))
    try {
      const { page } = await open(browser, server.url, { viewport: { width: 1280, height: 3000 } })
      const seen = await until(
        () => names(page),
        ({ length }) => length === hostile.length
      )
      assert.include(seen, "\\u{202e}gpj.exe")
      assert.include(seen, "zero\\u{200b}width\\u{feff}")
      assert.include(seen, "line\\u{a}feed\\u{9}tab\\u{0}nul")
      const heights = await page
        .locator("#body .row:not([hidden])")
        .evaluateAll((all) => [...new Set(all.map((row) => row.getBoundingClientRect().height))])
      assert.deepStrictEqual(heights, [36])
    } finally {
      await server.stop()
    }
  })
})
