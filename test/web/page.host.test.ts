/** The page over the pipes of real processes, some of which are killed while it is looked at. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { readdirSync } from "node:fs"
import type { Page } from "playwright-core"
import { read } from "../../src/encoding/statventReader.js"
import { launch, noChromium, open, rows, until as untilSeen } from "./browser.js"
import { folder, service, until } from "./harness.js"
import { shops } from "./shops.js"

const valueOf = async (page: Page, name: string): Promise<string | undefined> =>
  (await rows(page)).find((row) => row["name"] === name)?.["value"]

/** Of the list of processes, by their pids. */
const statesOf = async (page: Page): Promise<Readonly<Record<string, string | null>>> =>
  Object.fromEntries(
    await page
      .locator("#process-list .process")
      .evaluateAll((all) =>
        all.map((one) => [one.querySelector(".process-id")?.textContent, one.getAttribute("data-state")])
      )
  )

const pipesIn = (dir: string): ReadonlyArray<string> => readdirSync(dir).filter((name) => name.endsWith(".stats"))

describe("the page over the pipes of a host", { skip: noChromium !== false }, () => {
  it.live("shows ten processes, and that three of them were killed, while seven go on", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* folder
        const all = yield* shops(dir, 10)
        yield* Effect.forEach(all, ({ sell }) => sell(10))
        const [killed, left] = [all.slice(0, 3), all.slice(3)]
        const pids = (some: typeof all) => some.map(({ pid }) => String(pid)).sort()

        // What `cat` prints.
        const text = execFileSync("cat", [all[0]!.path], { encoding: "utf8", timeout: 20_000 })
        assert.match(text, /^orders\{shop="eu"\}: 10$/m)
        assert.isTrue(read(text).isWhole)

        const { stats, text: get, url } = yield* service({ dir, unlinkAfter: "100 millis" })
        const key = 'orders{shop="eu"}'
        assert.deepInclude(yield* stats, {
          [key]: 100,
          "queue.length": 20,
          "checkout.95th": 0.25,
          "checkout.count": 10
        })

        const browser = yield* Effect.acquireRelease(
          Effect.promise(() => launch()),
          (one) => Effect.promise(() => one.close())
        )
        const { complaints, page } = yield* Effect.promise(() => open(browser, url))
        const seen = <A>(look: () => Promise<A>, holds: (seen: A) => boolean) =>
          Effect.promise(() => untilSeen(look, holds))
        yield* seen(
          () => valueOf(page, "orders"),
          (value) => value === "100"
        )
        assert.sameMembers(Object.values(yield* Effect.promise(() => statesOf(page))), Array(10).fill("live"))
        yield* Effect.promise(async () => {
          await page.locator("#body .row", { hasText: "orders" }).first().click()
          await page.getByRole("button", { name: "By process" }).click()
        })
        const byProcess = async () => {
          const legend = await page.locator("#legend-body tr").allInnerTexts()
          return legend.map((row) => row.trim().split(/\s+/)).sort()
        }
        yield* seen(byProcess, ({ length }) => length === 10)

        yield* Effect.forEach(killed, ({ kill }) => kill, { concurrency: 3 })
        yield* Effect.forEach(left, ({ sell }) => sell(5))

        // What the three had counted stays in the page's total, so that it never falls, and is shown as of none that runs.
        yield* seen(
          () => valueOf(page, "orders"),
          (value) => value === "135"
        )
        const expected = Object.fromEntries([
          ...killed.map(({ pid }) => [pid, "gone"]),
          ...left.map(({ pid }) => [pid, "live"])
        ])
        yield* seen(
          () => statesOf(page),
          (states) => JSON.stringify(Object.entries(states).sort()) === JSON.stringify(Object.entries(expected).sort())
        )
        yield* seen(
          byProcess,
          (shown) => JSON.stringify(shown) === JSON.stringify(pids(left).map((pid) => [pid, "15"]))
        )
        assert.strictEqual(yield* Effect.promise(() => valueOf(page, "queue.length")), "14")

        // In statvent's shape, of those that run.
        assert.match(
          yield* get("/stats"),
          /^\{"stats":\{("(?:[^"\\]|\\.)+":-?\d[\d.e+-]*,?)+\},"timestamp":\d{10}(?:\.\d+)?\}$/
        )
        assert.deepInclude(yield* stats, {
          [key]: 105,
          "queue.length": 14,
          "checkout.95th": 0.25,
          "checkout.count": 14
        })
        const metrics = yield* get("/metrics")
        const told = Array.from(metrics.matchAll(/^orders_total\{shop="eu",pid="(\d+)"\} 15$/gm), ([, pid]) => pid)
        assert.sameMembers(told, [...pids(left)])
        for (const pid of pids(killed)) assert.notInclude(metrics, `pid="${pid}"`)
        assert.include(metrics, 'effect_metrics_processes{state="gone"} 3\n')

        yield* until(
          Effect.sync(() => pipesIn(dir)),
          ({ length }) => length === 7
        )
        assert.sameMembers(
          [...pipesIn(dir)],
          left.map(({ pid }) => `${pid}.stats`)
        )
        yield* Effect.forEach(left, ({ sell }) => sell(5))
        yield* seen(
          () => valueOf(page, "orders"),
          (value) => value === "170"
        )
        assert.deepInclude(yield* stats, { [key]: 140 })
        assert.deepStrictEqual(complaints, [])
      })
    )
  )
})
