import { assert, describe, it } from "@effect/vitest"
import { Either, Redacted } from "effect"
import { destinationOf } from "../../src/cli/destinations.js"
import { isLoop, sourceOf } from "../../src/cli/source.js"

const secret = "hush-hush"

const found = (text: string, environment: Record<string, string> = {}) =>
  Either.getOrElse(sourceOf(text, environment), ({ message }) => message)

describe("where a worker takes messages from", () => {
  it("is a broker, by its address", () => {
    assert.deepStrictEqual(found("tcp://127.0.0.1:6000"), { _tag: "broker", host: "127.0.0.1", port: 6000 })
    assert.deepStrictEqual(found("tcp://broker.example.org"), {
      _tag: "broker",
      host: "broker.example.org",
      port: 5551
    })
    assert.deepStrictEqual(found("tcp://[::1]:5551"), { _tag: "broker", host: "::1", port: 5551 })
    for (const text of ["tcp://", "tcp://a:b", "tcp://a:1/path", `tcp://${secret}@a:1`]) {
      assert.include(found(text), "not the address of a broker", text)
      assert.notInclude(JSON.stringify(found(text)), secret)
    }
    for (const text of ["127.0.0.1", "http://a:1", secret]) assert.include(found(text), "neither a broker", text)
  })

  it("is a stream of NATS, with what is its consumer's", () => {
    const url = "nats://n:4222/APP?durable=writers&subject=app&ackWait=1m&maxPending=10&servers=m:4222"
    const source = found(url, { NATS_TOKEN: secret })
    if (typeof source === "string" || source._tag !== "nats") return assert.fail(JSON.stringify(source))
    const { ackWait, durable, maxPending, servers, stream, subject, token } = source.options
    assert.deepStrictEqual(
      [durable, maxPending, servers, stream, subject, String(ackWait)],
      ["writers", 10, ["n:4222", "m:4222"], "APP", "app", "Duration(1m)"]
    )
    assert.strictEqual(token && Redacted.value(token), secret)
    assert.strictEqual(source.shown, "nats://n:4222/APP")
    assert.include(found("nats://n?batchSize=1"), 'there is no option "batchSize"')
    assert.include(found("nats://n?flush=1s"), 'there is no option "flush"')
  })

  it("is not to be where what it gives is written to", () => {
    const loops = (from: string, to: string): boolean =>
      isLoop(Either.getOrThrow(sourceOf(from, {})), Either.getOrThrow(destinationOf(to, {})))
    assert.isTrue(loops("nats://n", "nats://n:4222/METRICS"))
    assert.isTrue(loops("nats://n", "nats://m?servers=n:4222"))
    assert.isFalse(loops("nats://n", "nats://n/OTHER?subject=other"))
    assert.isFalse(loops("nats://n", "nats://m"))
    assert.isTrue(loops("tcp://h", "zeromq://h"))
    assert.isTrue(loops("tcp://h:6001", "zeromq://h:6001"))
    assert.isFalse(loops("tcp://h", "zeromq://h:7000"))
    assert.isFalse(loops("tcp://h", "zeromq://i"))
    assert.isFalse(loops("tcp://h", "nats://h"))
  })
})
