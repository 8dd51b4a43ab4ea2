import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Metrics } from "effect-metrics"
import { TestMetrics } from "effect-metrics/testing"

// The code under test, as it is in the app.
const sent = Metrics.counter("mail.sent", { tagKeys: ["to"] })
const sending = Metrics.timer("mail.duration")

const send = (to: string) =>
  (to.includes("@") ? Effect.sleep("5 millis") : Effect.fail("no address")).pipe(
    Metrics.trackCount(sent, { tags: { to }, when: "success" }),
    Metrics.trackDuration(sending, { outcome: true })
  )

describe("send", () => {
  it.live("counts what was sent, and times failures too", () =>
    Effect.gen(function* () {
      yield* send("a@example.org")
      yield* Effect.ignore(send("nobody"))
      assert.strictEqual(yield* TestMetrics.counterValue(sent), 1)
      assert.strictEqual((yield* TestMetrics.timings(sending, { outcome: "failure" })).length, 1)
      assert.deepStrictEqual(yield* TestMetrics.refused, {})
    }).pipe(Effect.provide(TestMetrics.layer))
  )
})
