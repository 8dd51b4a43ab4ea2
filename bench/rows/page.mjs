// @ts-check
/** What the page costs the browser, in Chromium, with many processes and names, each of which changes every second. */
import { Effect, Exit, Option, Scope } from "effect"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import { listen } from "../../dist/web/listen.js"
import * as Server from "../../dist/web/server.js"
import { median, quantile, ratioOf } from "../harness.mjs"

const processCount = 100
const nameCount = 1000
/** How much faster than once a second the page asks. The times that it is told are a second apart. */
const speed = 10
/** Of the page's history. */
const historyUpdates = 600

const kinds = /** @type {const} */ (["counter", "gauge", "reading"])

const processes = Array.from({ length: processCount }, (_, index) => ({
  id: String(20_000 + index),
  state: /** @type {const} */ ("live"),
  reason: null,
  series: nameCount
}))

/** @param {number} tick */
const seriesAt = (tick) =>
  Array.from({ length: nameCount }, (_, index) => {
    const name = `app.module${index % 40}.operation${index}`
    const tags = /** @type {const} */ ([["route", `/r/${index % 16}`]])
    const kind = kinds[index % 3] ?? "gauge"
    const value = kind === "counter" ? tick * (index + 1) : 50 + 40 * Math.sin(tick / 9 + index)
    const key = `${name}{route="/r/${index % 16}"}`
    return { key, name, tags, kind, value, sum: value, min: 0, max: value, count: processCount }
  })

const makeSource = () => {
  const began = Date.now()
  let ticks = 0
  const millis = () => began + ticks * 1000
  return {
    ticks: () => ticks,
    snapshot: Effect.sync(() => {
      ticks++
      const source = /** @type {const} */ ("host")
      return { source, title: "bench", millis: millis(), processes, series: seriesAt(ticks), points: [] }
    }),
    /** @param {string} key */
    series: (key) =>
      Effect.sync(() => {
        const values = processes.map(({ id }, index) => ({ id, value: ticks * (index + 1) }))
        return Option.some({ key, millis: millis(), processes: values })
      }),
    stats: Effect.succeed("{}"),
    metrics: Effect.succeed("")
  }
}

const cache = process.env.EFFECT_METRICS_CACHE ?? fileURLToPath(new URL("../../.cache/servers", import.meta.url))

const launch = () => {
  const root = `${cache}/chromium`
  const unpacked = `${root}/usr/lib/chromium/chromium`
  const libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio", "usr/lib/aarch64-linux-gnu"]
  const executablePath = existsSync(unpacked) ? unpacked : "/usr/bin/chromium"
  if (!existsSync(executablePath)) throw new Error("there is no Chromium: run npm run servers")
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    env: {
      ...process.env,
      ...(executablePath === unpacked ? { LD_LIBRARY_PATH: libraries.map((one) => `${root}/${one}`).join(":") } : {})
    }
  })
}

/** Milliseconds of the main thread an update, over a part of the time. @typedef {{ all: number, layout: number }} Part */

/** @param {import("playwright-core").Page} page */
const meterOf = async (page) => {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send("Performance.enable")
  const read = async () => {
    const { metrics } = await devtools.send("Performance.getMetrics")
    return new Map(metrics.map(({ name, value }) => [name, value]))
  }
  return {
    /** @param {() => Promise<number>} run until so many updates were made @returns {Promise<Part>} */
    measure: async (run) => {
      const from = await read()
      const updates = await run()
      const to = await read()
      const per = (/** @type {string} */ name) => (((to.get(name) ?? 0) - (from.get(name) ?? 0)) * 1000) / updates
      return { all: per("TaskDuration"), layout: per("LayoutDuration") + per("RecalcStyleDuration") }
    },
    /** After a collection. */
    heap: async () => {
      await devtools.send("HeapProfiler.collectGarbage")
      const after = await read()
      return { megabytes: (after.get("JSHeapUsedSize") ?? 0) / 1e6, elements: after.get("Nodes") ?? 0 }
    }
  }
}

const pause = (/** @type {number} */ millis) => new Promise((resolve) => setTimeout(resolve, millis))

/** Fetched and parsed, and no more. @param {import("playwright-core").Browser} browser @param {string} url @param {number} updates */
const raw = async (browser, url, updates) => {
  const page = await browser.newPage()
  await page.goto(`${url}/icon.svg`)
  const meter = await meterOf(page)
  /** @type {Array<Part>} */
  const parts = []
  for (let part = 0; part < 5; part++) {
    const run = async () => {
      const counted = await page.evaluate(async (times) => {
        let series = 0
        for (let i = 0; i < times; i++) {
          const answer = await fetch("/api/snapshot")
          series += (await answer.json()).series.length
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        return series / times
      }, updates)
      if (counted !== nameCount) throw new Error(`${counted} series`)
      return updates
    }
    parts.push(await meter.measure(run))
  }
  await page.close()
  return parts
}

/** @param {import("playwright-core").Page} page */
const watchFrames = (page) =>
  page.evaluate(() => {
    /** @type {Array<number>} */
    const frames = []
    let last = performance.now()
    const frame = () => {
      const now = performance.now()
      frames.push(now - last)
      last = now
      globalThis.requestAnimationFrame(frame)
    }
    globalThis.requestAnimationFrame(frame)
    Object.assign(globalThis, { __frames: frames })
  })

/** @type {import("../harness.mjs").Row} */
export const page = {
  name: "page",
  title: `The page in Chromium: ${processCount} processes × ${nameCount} names, sorted by rate, one plotted by process`,
  unit: "ms an update",
  goals: [
    {
      text: "an update takes the page's main thread at most 8 times what fetching and parsing does",
      limit: 8,
      value: (get) => ratioOf(get("effect-metrics, the page"))
    },
    {
      text: "once ten minutes are kept, the heap grows no more: at most 1.1 times ten minutes later",
      limit: 1.1,
      value: (get) => {
        const { more } = get("effect-metrics, the page")
        return Number(more?.["heap MB, 20 min"]) / Number(more?.["heap MB, 10 min"])
      }
    }
  ],
  run: async ({ isQuick }) => {
    const source = makeSource()
    const scope = await Effect.runPromise(Scope.make())
    const served = Effect.flatMap(
      Server.make(source, { path: "/stats", token: undefined, hosts: [], notFound: 404 }),
      (app) => listen(app, { host: "127.0.0.1", port: 0, maxConnections: 10, shutdownTimeout: "100 millis" })
    )
    const { url } = await Effect.runPromise(Scope.extend(served, scope))
    const browser = await launch()
    try {
      const fetched = await raw(browser, url, isQuick ? 2 : 40)
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
      await page.addInitScript((factor) => {
        const own = globalThis.setTimeout
        const faster = (/** @type {() => void} */ run, millis = 0) => own(run, millis / factor)
        Object.assign(globalThis, { setTimeout: faster })
      }, speed)
      await page.goto(url)
      await page.locator("#body .row").first().click()
      await page.getByRole("button", { name: "By process" }).click()
      await page.locator("button[data-sort=rate]").click()
      const meter = await meterOf(page)
      await watchFrames(page)
      const updates = isQuick ? 6 : historyUpdates / 10
      const run = async () => {
        const began = source.ticks()
        while (source.ticks() < began + updates) await pause(20)
        return source.ticks() - began
      }
      /** @type {Array<Part>} */
      const parts = []
      /** @type {Array<number>} */
      const heaps = []
      let elements = 0
      for (let part = 1; part <= (isQuick ? 2 : 20); part++) {
        parts.push(await meter.measure(run))
        if (part !== 1 && part !== (isQuick ? 2 : 10) && part !== 20) continue
        const after = await meter.heap()
        heaps.push(after.megabytes)
        elements = after.elements
      }
      const frames = await page.evaluate(() => /** @type {any} */ (globalThis).__frames)
      const allOf = (/** @type {Part} */ { all }) => all
      const [first = NaN, tenth = NaN, last = tenth] = heaps
      const base = median(fetched.map(allOf))
      return {
        results: [
          {
            name: "raw: fetch and parse",
            kind: "raw",
            median: base,
            p10: quantile(fetched.map(allOf), 0.1),
            p90: quantile(fetched.map(allOf), 0.9),
            ratio: 1
          },
          {
            name: "effect-metrics, the page",
            kind: "ours",
            median: median(parts.map(allOf)),
            p10: quantile(parts.map(allOf), 0.1),
            p90: quantile(parts.map(allOf), 0.9),
            ratio: median(parts.map(allOf)) / base,
            more: {
              "of it layout": Number(median(parts.map(({ layout }) => layout)).toFixed(2)),
              "frame p99 ms": Number(quantile(frames, 0.99).toFixed(0)),
              "longest frame ms": Number(Math.max(...frames).toFixed(0)),
              "heap MB, 1 min": Number(first.toFixed(1)),
              "heap MB, 10 min": Number(tenth.toFixed(1)),
              "heap MB, 20 min": Number(last.toFixed(1)),
              elements
            }
          }
        ],
        notes: [
          `The page asks ${speed} times as often as it does, and is told times that are a second apart, so that twenty minutes pass in two.`,
          "All that the main thread does; heaps after a collection. Browser and service share the machine."
        ]
      }
    } finally {
      await browser.close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}
