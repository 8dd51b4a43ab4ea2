import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { launch, noChromium, open, rows, until } from "./browser.js"
import { folder, service, writer } from "./harness.js"

describe("the page over the pipes of a host", { skip: noChromium !== false }, () => {
  it.live("adds up what processes write, shows each by itself, and says when one is gone", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* folder
        const [first, second] = [yield* writer(dir), yield* writer(dir)]
        yield* first.say("orders: 3\n")
        yield* second.say("orders: 4\n")
        const { url } = yield* service({ dir, timeout: "5 seconds" })
        const browser = yield* Effect.acquireRelease(
          Effect.promise(() => launch()),
          (one) => Effect.promise(() => one.close())
        )
        const { complaints, page } = yield* Effect.promise(() => open(browser, url))
        yield* Effect.promise(async () => {
          await until(
            () => rows(page),
            ([row]) => row?.["name"] === "orders" && row["value"] === "7"
          )
          await page.locator("#body .row").first().click()
          await page.getByRole("button", { name: "By process" }).click()
          const legend = await until(
            () => page.locator("#legend-body tr").allInnerTexts(),
            ({ length }) => length === 2
          )
          assert.deepStrictEqual(
            legend.map((row) => row.trim().split(/\s+/)),
            [
              [String(second.pid), "4"],
              [String(first.pid), "3"]
            ]
          )
        })
        yield* second.kill
        yield* Effect.promise(async () => {
          const states = () =>
            page
              .locator("#process-list .process")
              .evaluateAll((all) => all.map((one) => one.getAttribute("data-state")).join())
          await until(states, (seen) => seen === "gone,live")
          assert.include(await page.locator("[data-state=gone]").innerText(), String(second.pid))
          assert.deepStrictEqual(complaints, [])
        })
      })
    )
  )
})
