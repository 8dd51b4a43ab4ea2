import { Redacted } from "effect"
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { SeriesOverall } from "../../src/web/model.js"
import {
  launch,
  live,
  names,
  noChromium,
  open,
  overflows,
  rows,
  type Script,
  script,
  series,
  serve,
  until
} from "./browser.js"

let browser: Browser
const opened: Array<{ readonly stop: () => Promise<void> }> = []

beforeAll(async () => {
  if (noChromium === false) browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  for (const server of opened) await server.stop()
})

const served = async (given: Partial<Script> = {}, token?: Redacted.Redacted) => {
  const written = script(given)
  const server = await serve(written, token)
  opened.push(server)
  return { server, written }
}

/** A counter that grows by ten a second, a gauge, and a reading. */
const three = () => [
  series("http.requests", "counter", 100, { tags: [["route", "/users"]], key: 'http.requests{route="/users"}' }),
  series("memory.heap", "gauge", 48_000_000, { unit: "By", description: "Bytes of the heap in use." }),
  series("http.duration.p99", "reading", 0.0123, { unit: "s" })
]

const many = (count: number): ReadonlyArray<SeriesOverall> =>
  Array.from({ length: count }, (_, index) => series(`metric${index}`, "gauge", (index * 7) % count))

const text = (page: Awaited<ReturnType<typeof open>>["page"], selector: string) => page.locator(selector).innerText()

describe.concurrent("the page", { skip: noChromium !== false }, () => {
  it("shows each series with its value in its unit, and counts up while one looks", async () => {
    const start = Date.now()
    const { server, written } = await served()
    written.tick = () => {
      const [counter, ...others] = three()
      written.series = [{ ...counter!, value: 100 + Math.round((Date.now() - start) / 100) }, ...others]
    }
    const { complaints, page } = await open(browser, server.url)
    const seen = await until(
      () => rows(page),
      (all) => all.some(({ rate }) => /^(9\.\d+|1\d(\.\d)?)\/s$/.test(rate ?? ""))
    )
    assert.deepStrictEqual(
      seen.map(({ kind, name, tags }) => [name, tags, kind]),
      [
        ["http.duration.p99", "", "reading"],
        ["http.requests", "route=/users", "counter"],
        ["memory.heap", "", "gauge"]
      ]
    )
    assert.strictEqual(seen[0]?.["value"], "12.3 ms")
    assert.strictEqual(seen[2]?.["value"], "48 MB")
    assert.strictEqual(await text(page, "#status-text"), "Live")
    assert.strictEqual(await text(page, "#title"), "host-1")
    assert.strictEqual(await page.title(), "host-1 · effect-metrics")
    const before = Number(seen[1]?.["value"])
    await until(
      () => rows(page),
      (all) => Number(all[1]?.["value"]) > before
    )
    assert.deepStrictEqual(complaints, [])
  })

  it("finds series by parts of names and tags, and says when there is none", async () => {
    const { server } = await served({ series: three() })
    const { page } = await open(browser, server.url)
    await page.keyboard.press("/")
    await page.keyboard.type("HTTP users")
    assert.deepStrictEqual(
      await until(
        () => names(page),
        ({ length }) => length === 1
      ),
      ["http.requests"]
    )
    assert.strictEqual(await text(page, "#shown"), "1 of 3 series")
    await page.keyboard.type("x")
    assert.include(await text(page, "#empty"), "No series matches “HTTP usersx”")
    await page.getByRole("button", { name: "Show all series" }).click()
    assert.lengthOf(await names(page), 3)
    await page.getByRole("button", { name: "Gauges" }).click()
    assert.deepStrictEqual(await names(page), ["memory.heap"])
  })

  it("sorts by name, value and rate, and tells which to screen readers", async () => {
    const value = (name: string, amount: number) => series(name, "gauge", amount)
    const { server } = await served({ series: [value("p10", 1), value("p9", 30), value("p1", 20), value("gap", NaN)] })
    const { page } = await open(browser, server.url)
    assert.deepStrictEqual(
      await until(
        () => names(page),
        ({ length }) => length === 4
      ),
      ["gap", "p1", "p9", "p10"]
    )
    await page.getByRole("button", { name: "Value" }).click()
    assert.deepStrictEqual(await names(page), ["p9", "p1", "p10", "gap"])
    assert.strictEqual(await page.locator(".head .value").getAttribute("aria-sort"), "descending")
    await page.getByRole("button", { name: "Value" }).click()
    assert.strictEqual(await page.locator(".head .value").getAttribute("aria-sort"), "ascending")
    assert.deepStrictEqual((await names(page)).slice(-3), ["p10", "p1", "p9"])
    await page.getByRole("button", { name: "Name" }).click()
    assert.deepStrictEqual(await names(page), ["gap", "p1", "p9", "p10"])
  })

  it("is used by keyboard alone", async () => {
    const { server } = await served({ series: many(200) })
    const { page } = await open(browser, server.url)
    await until(
      () => names(page),
      ({ length }) => length > 0
    )
    await page.keyboard.press("/")
    await page.keyboard.type("metric1")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    const active = () =>
      page.evaluate(() => {
        const id = document.activeElement?.getAttribute("aria-activedescendant") ?? ""
        return document.getElementById(id)?.querySelector(".series-name")?.textContent
      })
    assert.strictEqual(await active(), "metric10")
    await page.keyboard.press("Enter")
    assert.strictEqual(await text(page, "#detail-title"), "metric10")
    await page.keyboard.press("Escape")
    assert.isTrue(await page.locator("#detail").isHidden())
    await page.keyboard.press("End")
    assert.strictEqual(await active(), "metric199")
    await page.keyboard.press("/")
    await page.keyboard.press("Escape")
    assert.strictEqual(await page.locator("#search").inputValue(), "")
    // 200 and the row of the headers.
    assert.strictEqual(await page.locator("#grid").getAttribute("aria-rowcount"), "201")
  })

  it("shows where the focus is, at every stop of the Tab key", async () => {
    const { server } = await served({ series: many(50), processes: [live("1"), live("2")] })
    const { page } = await open(browser, server.url)
    await page.locator("#body .row").first().click()
    await page.getByRole("heading", { name: "metric0" }).waitFor()
    const stops: Array<string> = []
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab")
      const [name, isSeen] = await page.evaluate(() => {
        const one = document.activeElement
        if (one === null || one === document.body) return ["", true] as const
        const { boxShadow, outlineStyle, outlineWidth } = getComputedStyle(one)
        const outlined = outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2
        const label = one.getAttribute("aria-label") ?? one.textContent ?? ""
        return [
          one.id === "" ? label : one.id,
          one.matches(":focus-visible") && (outlined || boxShadow !== "none")
        ] as const
      })
      assert.isTrue(isSeen, name)
      if (name !== "" && !stops.includes(name)) stops.push(name)
    }
    assert.includeMembers(stops, ["theme", "search", "grid", "detail-close", "All", "Readings", "Value", "1 min"])
  })

  it("shows the table's focus above its rows, which cover what is drawn around it", async () => {
    const { server } = await served({ series: three() })
    const { page } = await open(browser, server.url)
    await page.locator("#body .row").first().waitFor()
    const ring = () =>
      page.evaluate(() => {
        const frame = document.querySelector(".table-frame")
        return frame === null ? "" : getComputedStyle(frame, "::after").outlineStyle
      })
    assert.strictEqual(await ring(), "none")
    await page.keyboard.press("Tab")
    await page.locator("#grid").focus()
    assert.strictEqual(await ring(), "solid")
  })

  it("does not move for those who want no motion", async () => {
    const { server } = await served({ series: three() })
    const { page } = await open(browser, server.url, { reducedMotion: "reduce" })
    await until(
      () => names(page),
      ({ length }) => length === 3
    )
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll("*")]
        .map((one) => getComputedStyle(one))
        .filter((style) => style.transitionDuration !== "0s" || style.animationName !== "none")
        .map((style) => style.transitionProperty)
    )
    assert.deepStrictEqual(moving, [])
  })

  it("says which processes are slow, gone or unreadable, and why", async () => {
    const { server, written } = await served({
      series: three(),
      processes: [
        live("20", 3),
        { id: "31", state: "slow", reason: null, series: 2 },
        { id: "42", state: "unreadable", reason: "the pipe is another user's", series: 0 }
      ]
    })
    const { page } = await open(browser, server.url)
    const list = () => page.locator("#process-list .process").allInnerTexts()
    const seen = await until(list, ({ length }) => length === 3)
    assert.match(seen[0]!, /^42\s+unreadable: the pipe is another user's$/)
    assert.match(seen[1]!, /^31\s+2 series\s+slow: last known values$/)
    assert.match(seen[2]!, /^20\s+3 series/)
    assert.strictEqual(await text(page, "#process-counts"), "1 live, 1 slow, 1 unreadable")
    written.processes = [{ id: "20", state: "gone", reason: null, series: 3 }]
    written.series = []
    await until(list, (all) => all.length === 1 && /^20\s+3 series\s+gone$/.test(all[0]!))
    assert.include(await text(page, "#empty"), "Nothing is recorded yet")
  })

  it("greys what it knows while the service is away, says since when, and recovers by itself", async () => {
    const { server } = await served({ series: three() })
    const { page } = await open(browser, server.url)
    await until(
      () => names(page),
      ({ length }) => length === 3
    )
    await server.stop()
    await until(
      () => text(page, "#status-text"),
      (status) => status === "Unreachable"
    )
    const banner = await text(page, "#banner")
    assert.match(
      banner,
      /^The service is unreachable \(no connection\) since \d\d:\d\d:\d\d \(\d+ s\)\. These are the values of/
    )
    assert.isTrue(await page.locator("body.stale").isVisible())
    assert.lengthOf(await names(page), 3)
    await server.restart()
    await until(
      () => text(page, "#status-text"),
      (status) => status === "Live"
    )
    assert.isTrue(await page.locator("#banner").isHidden())
    assert.strictEqual(await page.locator("body.stale").count(), 0)
  })

  it("asks for a token, says when it is wrong, and keeps it for the tab", async () => {
    const { server } = await served({ series: three() }, Redacted.make("s3cret"))
    const { page } = await open(browser, server.url)
    await page.locator("#token-input").fill("wrong")
    await page.keyboard.press("Enter")
    await until(
      () => text(page, "#token-error"),
      (error) => error === "This token is not accepted."
    )
    assert.deepStrictEqual(await names(page), [])
    await page.locator("#token-input").fill("s3cret")
    await page.keyboard.press("Enter")
    await until(
      () => names(page),
      ({ length }) => length === 3
    )
    assert.isTrue(await page.locator("#token").isHidden())
    await page.reload()
    await until(
      () => names(page),
      ({ length }) => length === 3
    )
    assert.isTrue(await page.locator("#token").isHidden())
    assert.notInclude(page.url(), "s3cret")
  })

  it("says what to do when nothing is recorded yet, and shows the first series without being told", async () => {
    const host = await served({ processes: [] })
    const app = await served({ source: "app", title: "shop", processes: [live("7", 0)] })
    const { page } = await open(browser, host.server.url)
    await until(
      () => text(page, "#empty"),
      (hint) => hint.includes("No program reports on this host yet") && hint.includes("NamedPipe.layer()")
    )
    const second = await open(browser, app.server.url)
    await until(
      () => text(second.page, "#empty"),
      (hint) => hint.includes("Nothing is recorded yet") && hint.includes("Metrics.counter")
    )
    assert.strictEqual(await text(second.page, "#subtitle"), "process 7")
    assert.isTrue(await second.page.locator("#processes").isHidden())
    app.written.series = three()
    await until(
      () => names(second.page),
      ({ length }) => length === 3
    )
    assert.isTrue(await second.page.locator("#empty").isHidden())
  })

  it("plots a series, and each process of it when asked", async () => {
    const key = "queue.length"
    const { server } = await served({
      series: [series(key, "gauge", 12, { count: 3, sum: 12, min: 1, max: 8, description: "Waiting." })],
      byProcess: new Map([
        [
          key,
          [
            { id: "101", value: 8 },
            { id: "102", value: 3 },
            { id: "103", value: 1 }
          ]
        ]
      ])
    })
    const { complaints, page } = await open(browser, server.url)
    await page.locator("#body .row").first().click()
    assert.strictEqual(await text(page, "#detail-value"), "12")
    assert.strictEqual(await text(page, "#detail-meaning"), "Sum of 3 processes.")
    assert.strictEqual(await text(page, "#detail-description"), "Waiting.")
    assert.match(
      (await page.locator("#plot").getAttribute("aria-label")) ?? "",
      /^queue\.length over the last 5 minutes, now 12$/
    )
    await page.locator("#plot canvas").waitFor()
    await page.getByRole("button", { name: "By process" }).click()
    const legend = await until(
      () => page.locator("#legend-body tr").allInnerTexts(),
      ({ length }) => length === 3
    )
    assert.deepStrictEqual(
      legend.map((row) => row.split(/\s+/).filter((part) => part !== "")),
      [
        ["101", "8"],
        ["102", "3"],
        ["103", "1"]
      ]
    )
    // The policy of the service forbids what uPlot could do wrong.
    assert.deepStrictEqual(complaints, [])
  })

  it("lists the last points, newest first", async () => {
    const point = (name: string, millis: number) =>
      ({
        name,
        tags: [["shop", "eu"]],
        fields: [
          ["amount", 12.5],
          ["user", "ada"]
        ],
        millis
      }) as const
    const { server } = await served({ series: three(), points: [point("first", 1_000), point("second", 2_000)] })
    const { page } = await open(browser, server.url)
    const seen = await until(
      () => page.locator("#points-body tr").allInnerTexts(),
      ({ length }) => length === 2
    )
    assert.match(seen[0]!, /second\s*shop=eu\s*amount=12\.5\s*user=ada/)
    assert.match(seen[1]!, /first/)
  })

  it("keeps the colors that were chosen", async () => {
    const { server } = await served({ series: three() })
    const { page } = await open(browser, server.url, { colorScheme: "dark" })
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    assert.strictEqual(await ground(), "rgb(14, 16, 20)")
    await page.locator("#theme").click()
    assert.strictEqual(await ground(), "rgb(245, 246, 248)")
    await page.reload()
    assert.strictEqual(await ground(), "rgb(245, 246, 248)")
    assert.strictEqual(await page.locator("#theme").getAttribute("title"), "Colors: light")
  })

  it("fits a phone of 360 pixels, with nothing to scroll sideways", async () => {
    const processes = Array.from({ length: 30 }, (_, index) => live(String(index)))
    const long = series(`very.${"long.".repeat(30)}name`, "counter", 1e15, {
      tags: [["route", "/a".repeat(60)]],
      count: 4
    })
    const { server } = await served({ series: [...three(), long], processes })
    const { page } = await open(browser, server.url, { viewport: { width: 360, height: 640 }, hasTouch: true })
    await until(
      () => names(page),
      ({ length }) => length === 4
    )
    assert.isFalse(await overflows(page))
    await page.locator("#body .row", { hasText: "very.long" }).tap()
    const box = await page.locator("#detail").boundingBox()
    assert.deepStrictEqual(box, { x: 0, y: 0, width: 360, height: 640 })
    // However little room there is, nothing is squeezed away.
    for (const part of ["#detail-tags dd", "#detail-value", "#plot canvas", "#detail-facts dd"]) {
      assert.isAbove((await page.locator(part).first().boundingBox())?.height ?? 0, 12, part)
    }
    const small = await page
      .locator("button:visible")
      .evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().height < 40).map((one) => one.id))
    assert.deepStrictEqual(small, [], "too small for a finger")
    assert.isFalse(await overflows(page))
    await page.getByRole("button", { name: "Close" }).tap()
    assert.isTrue(await page.locator("#detail").isHidden())
  })

  it("stays quick with a thousand names in a hundred processes: only rows in sight exist", async () => {
    const processes = Array.from({ length: 100 }, (_, index) => live(String(1000 + index), 1000))
    const { server, written } = await served({ series: many(1000), processes })
    let ticks = 0
    written.tick = () => {
      ticks++
      written.series = written.series.map((one) => ({ ...one, value: Number(one.value) + 1 }))
    }
    const { page } = await open(browser, server.url)
    await until(
      () => names(page),
      ({ length }) => length > 0
    )
    const first = (await rows(page))[0]?.["value"]
    await until(
      async () => ticks,
      (count) => count >= 3
    )
    await until(
      () => rows(page),
      ([row]) => row?.["value"] !== first
    )
    const elements = await page.evaluate(() => document.querySelectorAll("#body .row").length)
    assert.isBelow(elements, 60)
    await page.locator("#grid").evaluate((grid) => grid.scrollTo(0, 1e9))
    await until(
      () => names(page),
      (all) => all.at(-1) === "metric999"
    )
    assert.strictEqual(await page.locator("#process-list .process").count(), 100)
    assert.isBelow(await page.evaluate(() => document.querySelectorAll("#body .row").length), 60)
  })
})
