import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Ref } from "effect"
import { basic, secretOf, withoutSecrets } from "../../src/transport/credentials.js"

describe("credentials", () => {
  it("are in UTF-8 and Base64 by HTTP's Basic scheme", () => {
    const { header, secrets } = basic("ü", "p:w", "p:w")
    const encoded = Buffer.from("ü:p:w").toString("base64")
    assert.strictEqual(Redacted.value(header), `Basic ${encoded}`)
    assert.deepStrictEqual(secrets.map(Redacted.value), [encoded, "p:w"])
    assert.notInclude(JSON.stringify({ header, secrets }), encoded)
  })

  it.effect("are got anew each time, and nothing is told of why they could not be", () =>
    Effect.gen(function* () {
      const reads = yield* Ref.make(0)
      const secret = Effect.map(
        Ref.updateAndGet(reads, (n) => n + 1),
        (n) => Redacted.make(`canary ${n}`)
      )
      assert.strictEqual(yield* secretOf("token", secret), "canary 1")
      assert.strictEqual(yield* secretOf("token", secret), "canary 2")
      assert.strictEqual(yield* secretOf("token", Redacted.make("fixed")), "fixed")
      for (const broken of [Effect.fail("canary"), Effect.die("canary")]) {
        assert.strictEqual(yield* Effect.flip(secretOf("token", broken)), "the token could not be had")
      }
    })
  )

  it("are taken out of words, unless they are a part of any", () => {
    const secrets = ["canary", "ab", ""].map((text) => Redacted.make(text))
    assert.strictEqual(withoutSecrets("a canary, about canary", secrets), "a <redacted>, about <redacted>")
  })
})
