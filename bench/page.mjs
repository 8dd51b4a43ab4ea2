// @ts-check
/**
 * What the dashboard's page costs the browser: `node bench/page.mjs --minutes 5 --processes 100 --names 1000 --sort rate`, after a
 * build. Every value changes every second. It prints, for each part of the time, milliseconds of the main thread an update, the
 * longest time between two frames, and the heap after a collection; it writes nothing.
 */
import { Effect, Exit, Option, Scope } from "effect"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { chromium } from "playwright-core"
import { listen } from "../dist/web/listen.js"
import * as Server from "../dist/web/server.js"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "0.5" },
    processes: { type: "string", default: "100" },
    names: { type: "string", default: "1000" },
    sort: { type: "string", default: "name" },
    parts: { type: "string", default: "3" }
  }
})
const [minutes, processCount, nameCount, parts] = [values.minutes, values.processes, values.names, values.parts].map(
  Number
)

const kinds = /** @type {const} */ (["counter", "gauge", "reading"])

let tick = 0

const series = () =>
  Array.from({ length: nameCount }, (_, index) => {
    const name = `app.module${index % 40}.operation${index}`
    const tags = /** @type {const} */ ([["route", `/r/${index % 16}`]])
    const kind = kinds[index % 3] ?? "gauge"
    const value = kind === "counter" ? tick * (index + 1) : 50 + 40 * Math.sin(tick / 9 + index)
    const key = `${name}{route="/r/${index % 16}"}`
    return { key, name, tags, kind, value, sum: value, min: 0, max: value, count: processCount }
  })

const processes = Array.from({ length: processCount }, (_, index) => ({
  id: String(20_000 + index),
  state: /** @type {const} */ ("live"),
  reason: null,
  series: nameCount
}))

const source = {
  snapshot: Effect.sync(() => {
    tick++
    return {
      source: /** @type {const} */ ("host"),
      title: "bench",
      millis: Date.now(),
      processes,
      series: series(),
      points: []
    }
  }),
  /** @param {string} key */
  series: (key) =>
    Effect.sync(() =>
      Option.some({ key, millis: Date.now(), processes: processes.map(({ id }) => ({ id, value: tick })) })
    ),
  stats: Effect.succeed("{}"),
  metrics: Effect.succeed("")
}

const scope = await Effect.runPromise(Scope.make())
const served = Effect.flatMap(
  Server.make(source, { path: "/stats", token: undefined, hosts: [], notFound: 404 }),
  (app) => listen(app, { host: "127.0.0.1", port: 0, maxConnections: 10, shutdownTimeout: "100 millis" })
)
const { url } = await Effect.runPromise(Scope.extend(served, scope))

const root =
  (process.env.EFFECT_METRICS_CACHE ?? fileURLToPath(new URL("../.cache/servers", import.meta.url))) + "/chromium"
const unpacked = `${root}/usr/lib/chromium/chromium`
const libraries = `${root}/usr/lib/x86_64-linux-gnu:${root}/usr/lib/x86_64-linux-gnu/pulseaudio`
const browser = await chromium.launch({
  executablePath: existsSync(unpacked) ? unpacked : "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  env: { ...process.env, ...(existsSync(unpacked) ? { LD_LIBRARY_PATH: libraries } : {}) }
})
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(url)
  await page.locator("#body .row").first().click()
  await page.getByRole("button", { name: "By process" }).click()
  await page.locator(`button[data-sort=${values.sort}]`).click()
  const devtools = await page.context().newCDPSession(page)
  await devtools.send("Performance.enable")
  const read = async () => {
    const { metrics } = await devtools.send("Performance.getMetrics")
    return new Map(metrics.map(({ name, value }) => [name, value]))
  }
  await page.evaluate(() => {
    // @ts-expect-error: for this script alone
    const seen = (globalThis.__bench = { longest: 0, tasks: 0 })
    let last = performance.now()
    const frame = () => {
      const now = performance.now()
      seen.longest = Math.max(seen.longest, now - last)
      last = now
      globalThis.requestAnimationFrame(frame)
    }
    globalThis.requestAnimationFrame(frame)
    new globalThis.PerformanceObserver((list) => (seen.tasks += list.getEntries().length)).observe({ type: "longtask" })
  })
  console.log(`${processCount} processes, ${nameCount} names, one plotted by process, sorted by ${values.sort}`)
  console.log(
    "| minutes | updates | script ms an update | style and layout ms an update | longest frame ms | long tasks | heap MB | elements |"
  )
  console.log("|---|---|---|---|---|---|---|---|")
  for (let part = 1; part <= parts; part++) {
    const from = await read()
    const began = tick
    await page.evaluate(() => {
      // @ts-expect-error: as above
      Object.assign(globalThis.__bench, { longest: 0, tasks: 0 })
    })
    await new Promise((resolve) => setTimeout(resolve, (minutes * 60_000) / parts))
    const to = await read()
    const updates = tick - began
    const per = (/** @type {ReadonlyArray<string>} */ ...names) =>
      ((names.reduce((sum, name) => sum + (to.get(name) ?? 0) - (from.get(name) ?? 0), 0) / updates) * 1000).toFixed(1)
    // @ts-expect-error: as above
    const { longest, tasks } = await page.evaluate(() => globalThis.__bench)
    await devtools.send("HeapProfiler.collectGarbage")
    const after = await read()
    const heap = ((after.get("JSHeapUsedSize") ?? 0) / 1e6).toFixed(1)
    const cells = [
      ((minutes * part) / parts).toFixed(2),
      updates,
      per("ScriptDuration"),
      per("LayoutDuration", "RecalcStyleDuration"),
      longest.toFixed(0),
      tasks,
      heap,
      after.get("Nodes")
    ]
    console.log(`| ${cells.join(" | ")} |`)
  }
} finally {
  await browser.close()
  await Effect.runPromise(Scope.close(scope, Exit.void))
}
