/**
 * Chromium, and the page in it, served by the real server over a source that the test scripts. `scripts/servers.mjs` fetches the
 * browser.
 */
import { Effect, Exit, Option, type Redacted, Scope } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { listen } from "../../src/web/listen.js"
import type { Process, SeriesOverall, Snapshot, Source } from "../../src/web/model.js"
import * as Server from "../../src/web/server.js"
import { missing } from "../servers/harness.js"

const cache = process.env["EFFECT_METRICS_CACHE"] ?? fileURLToPath(new URL("../../.cache/servers", import.meta.url))
const root = join(cache, "chromium")
const unpacked = join(root, "usr/lib/chromium/chromium")

const find = (): string | undefined => {
  if (existsSync(unpacked)) return unpacked
  const { status, stdout } = spawnSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

const path = find()

/** Why the tests of the page do not run here; `false` if they do. */
export const noChromium = missing("chromium", path)

export const launch = (): Promise<Browser> => {
  const libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio", "usr/lib/aarch64-linux-gnu"]
  return chromium.launch({
    ...(path === undefined ? {} : { executablePath: path }),
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    env: {
      ...process.env,
      ...(path === unpacked ? { LD_LIBRARY_PATH: libraries.map((one) => join(root, one)).join(":") } : {})
    }
  })
}

/** For one thing to be seen: little less than a test has, as others in the same browser may take nearly all of it. */
const limitMillis = 50_000

export interface Opened {
  readonly page: Page
  /** What the browser complained of: errors of scripts, breaches of the policy, files that are missing. */
  readonly complaints: Array<string>
}

/** A tab of its own, with storage of its own. */
export const open = async (browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Opened> => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(limitMillis)
  const complaints: Array<string> = []
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(String(error)))
  await page.goto(url)
  return { page, complaints }
}

// --- what is served

export const series = (
  name: string,
  kind: SeriesOverall["kind"],
  value: number,
  more: Partial<SeriesOverall> = {}
) => ({
  key: name,
  name,
  tags: [],
  kind,
  value,
  sum: value,
  min: value,
  max: value,
  count: 1,
  ...more
})

export const live = (id: string, series = 1): Process => ({ id, state: "live", reason: null, series })

/** What is served now: the test writes it, and the page reads it once a second. */
export interface Script {
  source: Snapshot["source"]
  title: string
  processes: ReadonlyArray<Process>
  series: ReadonlyArray<SeriesOverall>
  points: Snapshot["points"]
  /** Of a series, process by process. */
  byProcess: ReadonlyMap<string, ReadonlyArray<{ readonly id: string; readonly value: number }>>
  /** Called before each snapshot. */
  tick: () => void
}

export const script = (given: Partial<Script> = {}): Script => ({
  source: "host",
  title: "host-1",
  processes: [live("101"), live("102")],
  series: [],
  points: [],
  byProcess: new Map(),
  tick: () => {},
  ...given
})

const sourceOf = (written: Script): Source => ({
  snapshot: Effect.sync(() => {
    written.tick()
    const { points, processes, series, source, title } = written
    return { source, title, millis: Date.now(), processes, series, points }
  }),
  series: (key) =>
    Effect.sync(() =>
      Option.map(Option.fromNullable(written.byProcess.get(key)), (processes) => ({
        millis: Date.now(),
        key,
        processes
      }))
    ),
  stats: Effect.succeed("{}"),
  metrics: Effect.succeed("")
})

export interface Served {
  readonly url: string
  readonly stop: () => Promise<void>
  /** On the same port. */
  readonly restart: () => Promise<void>
}

export const serve = async (written: Script, token?: Redacted.Redacted): Promise<Served> => {
  let scope: Scope.CloseableScope
  const start = async (port: number): Promise<number> => {
    scope = await Effect.runPromise(Scope.make())
    const started = Effect.gen(function* () {
      const app = yield* Server.make(sourceOf(written), { path: "/stats", token, hosts: [], notFound: 404 })
      return yield* listen(app, { host: "127.0.0.1", port, maxConnections: 100, shutdownTimeout: "100 millis" })
    })
    return (await Effect.runPromise(Scope.extend(started, scope))).port
  }
  const port = await start(0)
  return {
    url: `http://127.0.0.1:${port}/`,
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void)),
    restart: async () => void (await start(port))
  }
}

// --- what is seen

/** The rows in sight: from each its cells, as people read them. */
export const rows = (page: Page): Promise<ReadonlyArray<Readonly<Record<string, string>>>> =>
  page.locator("#body .row:not([hidden])").evaluateAll((all) => {
    const text = (row: Element, selector: string) => row.querySelector(selector)?.textContent ?? ""
    return all
      .map((row) => ({
        index: Number(row.getAttribute("aria-rowindex")),
        name: text(row, ".series-name"),
        tags: text(row, ".series-tags"),
        kind: text(row, ".kind"),
        value: text(row, ".value"),
        rate: text(row, ".rate")
      }))
      .sort((a, b) => a.index - b.index)
      .map(({ index: _, ...row }) => row)
  })

export const names = async (page: Page): Promise<ReadonlyArray<string>> =>
  (await rows(page)).map(({ name = "" }) => name)

/** Waits until it holds; fails with what was seen last. */
export const until = async <A>(look: () => Promise<A>, holds: (seen: A) => boolean): Promise<A> => {
  const end = Date.now() + limitMillis
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (Date.now() > end) throw new Error(`not seen within ${limitMillis / 1000} s; last: ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Whether anything sticks out at the side. */
export const overflows = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
