import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import { differences, doubts, explain, levelToken, modules, subjectOf } from "../../src/transport/nats.js"

describe("the subject of a level", () => {
  it("is the level itself where that is plain", () => {
    assert.strictEqual(subjectOf("metrics", "info"), "metrics.info")
    assert.strictEqual(subjectOf("app.metrics", ""), "app.metrics.=")
  })

  it("is one token, whatever the level, and another for each", () => {
    assert.strictEqual(levelToken("a.b *>\r\n="), "a=2eb=20=2a=3e=0d=0a=3d")
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (one, other) => {
        assert.match(levelToken(one), /^[\w=-]+$/)
        assert.strictEqual(levelToken(one) === levelToken(other), one === other)
      })
    )
  })
})

describe("a stream that exists", () => {
  const wanted = { stream: "S", subject: "s", replicas: 3, maxBytes: 1, duplicateWindowMillis: 1_200_000 }
  const good = {
    discard: "new",
    retention: "workqueue",
    max_age: 0,
    num_replicas: 3,
    duplicate_window: 1200e9,
    storage: "file"
  }
  const about = (changes: object): ReadonlyArray<string> =>
    // The rest of a configuration is not looked at.
    doubts({ ...good, ...changes }, wanted)

  it("is fine as it would have been made", () => {
    assert.deepStrictEqual(about({}), [])
  })

  it("is doubted for each thing in it that may lose messages or double them", () => {
    const bad = {
      discard: "old",
      retention: "limits",
      max_age: 60e9,
      num_replicas: 1,
      duplicate_window: 120e9,
      storage: "memory"
    }
    for (const [key, value] of Object.entries(bad)) assert.lengthOf(about({ [key]: value }), 1, key)
    assert.lengthOf(about({ retention: "interest" }), 1)
    assert.include(about(bad).join(), "1 min")
  })
})

describe("a consumer that exists", () => {
  const wanted = {
    durable_name: "workers",
    filter_subject: "metrics.*",
    ack_policy: "explicit",
    deliver_policy: "all",
    ack_wait: 30e9,
    max_ack_pending: 1000,
    max_deliver: -1
  }

  it("is fine as it would have been made", () => {
    assert.deepStrictEqual(differences(wanted, wanted), [])
    const { ack_wait: _, max_deliver: __, ...short } = wanted
    assert.deepStrictEqual(differences(short, wanted), [])
  })

  it("is doubted for each thing that it does otherwise", () => {
    const others = { filter_subject: "a.*", ack_policy: "all", ack_wait: 5e9, max_ack_pending: 50, max_deliver: 3 }
    for (const [key, value] of Object.entries(others)) {
      assert.lengthOf(differences({ ...wanted, [key]: value }, wanted), 1, key)
    }
  })
})

describe("errors", () => {
  it("are told without the words of a connection, which may repeat what was sent", () => {
    assert.notInclude(explain(new Error("canary")), "canary")
    const named = (name: string, message: string, cause?: unknown) =>
      Object.assign(new Error(message, { cause }), { name })
    const refused = Object.assign(new Error("connect canary"), { code: "ECONNREFUSED", syscall: "connect" })
    assert.strictEqual(
      explain(named("ConnectionError", "connection refused", refused)),
      "no connection: connection refused (ECONNREFUSED)"
    )
    assert.strictEqual(
      explain(Object.assign(new Error("canary"), { code: "ENOTFOUND" })),
      "no connection: no such host (ENOTFOUND)"
    )
    assert.strictEqual(
      explain(named("ConnectionError", "server does not support 'tls'")),
      "no connection: the server does not speak TLS"
    )
    assert.strictEqual(explain(named("ConnectionError", "canary")), "no connection (ConnectionError)")
    assert.strictEqual(explain("canary"), "NATS failed")
  })

  it.effect("say what to install where the packages are missing", () =>
    Effect.map(Effect.flip(modules(["@nats-io/not-there", "@nats-io/jetstream"])), (error) => {
      assert.strictEqual(error._tag, "MissingPackage")
      assert.include(error.message, "npm install @nats-io/transport-node@3 @nats-io/jetstream@3")
    })
  )
})
