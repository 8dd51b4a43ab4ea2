import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Redacted } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { basic } from "../../src/transport/credentials.js"
import * as Poster from "../../src/transport/poster.js"
import { bundled } from "../process/bundle.js"
import { serve, status } from "./server.js"

const quiet: Poster.Options = {
  sink: "test",
  headers: { "user-agent": "effect-metrics" },
  authorization: Effect.succeed(undefined),
  isInClear: false,
  gzip: Infinity
}

const make = (options: Partial<Poster.Options>) =>
  Effect.provide(Poster.make({ ...quiet, ...options }), FetchHttpClient.layer)

const body = (text: string) => ({ bytes: new TextEncoder().encode(text), contentType: "text/plain" })

describe("a poster", () => {
  it.scopedLive("sends headers and credentials with each request, and asks for the credentials anew", () =>
    Effect.gen(function* () {
      const server = yield* serve(status(204))
      let asked = 0
      const poster = yield* make({
        headers: { "x-team": "metrics", "x-key": Redacted.make("open sesame") },
        authorization: Effect.sync(() => basic("ada", `p${++asked}`, `p${asked}`))
      })
      yield* poster.send({ method: "POST", url: server.url, body: body("a") })
      yield* poster.send({ method: "POST", url: server.url, body: body("b") })
      const seen = server.asked.map(({ body, headers }) => [body, headers["authorization"], headers["x-key"]])
      const token = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`
      assert.deepStrictEqual(seen, [
        ["a", token("ada:p1"), "open sesame"],
        ["b", token("ada:p2"), "open sesame"]
      ])
    })
  )

  it.scopedLive("packs bodies that are large enough", () =>
    Effect.gen(function* () {
      const server = yield* serve(status(204))
      const poster = yield* make({ gzip: 100 })
      yield* poster.send({ method: "POST", url: server.url, body: body("s".repeat(99)) })
      yield* poster.send({ method: "POST", url: server.url, body: body("l".repeat(100)) })
      const encodings = server.asked.map(({ headers }) => headers["content-encoding"])
      assert.deepStrictEqual(encodings, [undefined, "gzip"])
      assert.strictEqual(server.asked[1]!.body, "l".repeat(100))
    })
  )

  it.live("lets go of a body once it is packed, so that a collection of what is young frees it", () =>
    Effect.gen(function* () {
      const program = yield* Effect.promise(() => bundled("test/process/packing.ts", "external"))
      const run = promisify(execFile)
      const { stdout } = yield* Effect.promise(() =>
        run(process.execPath, ["--expose-gc", program], { timeout: 50_000 })
      )
      assert.isBelow(Number(stdout), 5e6)
    })
  )

  it.scopedLive("lets no secret come back in an answer, whether of the credentials or of a header", () =>
    Effect.gen(function* () {
      const server = yield* serve(({ headers }, response) =>
        response.end(`${headers["x-key"]} ${headers["authorization"]}`)
      )
      const poster = yield* make({
        headers: { "x-key": Redacted.make("open sesame") },
        authorization: Effect.succeed(basic("ada", "lovelace", "lovelace"))
      })
      const answer = yield* poster.send({ method: "GET", url: server.url })
      assert.strictEqual(answer.body, "<redacted> Basic <redacted>")
    })
  )

  it.scopedLive("fails as Unauthorized, and sends nothing, where the credentials cannot be had", () =>
    Effect.gen(function* () {
      const server = yield* serve(status(204))
      const poster = yield* make({ authorization: Effect.fail("the token could not be had") })
      const error = yield* Effect.flip(poster.send({ method: "GET", url: server.url }))
      assert.deepInclude(error, { _tag: "Unauthorized", sink: "test", reason: "the token could not be had" })
      assert.lengthOf(server.asked, 0)
    })
  )

  it.scopedLive("warns once where secrets go over the network in clear", () =>
    Effect.gen(function* () {
      const warned: Array<unknown> = []
      const logger = Logger.make(({ message }) => void warned.push(message))
      yield* make({ isInClear: true }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.match(String(warned), /^test: credentials go over the network in clear/)
    })
  )
})

const refusals = (check: (refuse: (option: string, value: string, expected: string) => void) => unknown) => {
  const refused: Array<string> = []
  const result = check((option, value, expected) => void refused.push(`${option} ${value}: ${expected}`))
  return { refused, result }
}

describe("the address of a server", () => {
  const baseOf = (url: string) => refusals((refuse) => Poster.baseOf(url, /\/write\/?$/, refuse))

  it("is taken without the endpoint's path and a slash at its end", () => {
    for (const url of ["http://h:1/a", "http://h:1/a/", "http://h:1/a/write", "http://h:1/a/write/"]) {
      assert.deepInclude(baseOf(url).result, { origin: "http://h:1", pathname: "/a" }, url)
    }
  })

  it("is in clear over http, unless it is this machine's own", () => {
    const inClear = (url: string) => (baseOf(url).result as Poster.Base).isInClear
    const urls = ["http://h", "https://h", "http://localhost:1", "http://127.0.0.1", "http://[::1]:2"]
    assert.deepStrictEqual(urls.map(inClear), [true, false, false, false, false])
  })

  it("is refused with a scheme to be added, where that is all it lacks", () => {
    const { refused, result } = baseOf("h:8086")
    assert.isUndefined(result)
    assert.deepStrictEqual(refused, ['url "h:8086": an address with a scheme, such as http://h:8086'])
  })

  it("is refused without the secrets in it", () => {
    for (const url of [
      "http://u:secret@h",
      "http://h?p=secret",
      "http://h#secret",
      "file:///secret?secret",
      "http://h:0"
    ]) {
      const { refused, result } = baseOf(url)
      assert.isUndefined(result)
      assert.lengthOf(refused, 1)
      if (!url.startsWith("file")) assert.notInclude(refused[0]!, "secret")
    }
  })
})

describe("headers of an option", () => {
  it("are refused by name where they could not be sent, and their values are not repeated", () => {
    const { refused } = refusals((refuse) =>
      Poster.headersOf({ "a b": "1", "x-key": Redacted.make("secret\n"), "x-ok": "1" }, refuse)
    )
    assert.deepStrictEqual(refused, [
      'headers "a b": a list of valid header names',
      "headers.x-key the text given: free of line breaks and of characters beyond Latin-1"
    ])
  })
})
