/**
 * Prints how many of 20 MB, sent as bodies of 1 MB that are packed, only a full collection would free. Needs `--expose-gc`; a
 * process of its own, since what is held depends on what else has run.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Effect } from "effect"
import * as Poster from "../../src/transport/poster.js"

type Collect = (options: { readonly type: "major" | "minor" }) => void
// `--expose-gc` defines it.
const collect = (globalThis as unknown as { readonly gc: Collect }).gc

// What a collection frees is given back by another thread, and counted by the next one.
const settled = (type: "major" | "minor") =>
  Effect.gen(function* () {
    for (let i = 0; i < 3; i++) {
      collect({ type })
      yield* Effect.sleep(1)
    }
    return process.memoryUsage().arrayBuffers
  })

const program = Effect.gen(function* () {
  const poster = yield* Poster.make({
    sink: "test",
    headers: {},
    authorization: Effect.succeed(undefined),
    isInClear: false,
    gzip: 1000
  })
  const held = Effect.gen(function* () {
    const before = yield* settled("major")
    for (let i = 0; i < 20; i++) {
      const body = { bytes: new Uint8Array(1e6), contentType: "text/plain" }
      yield* poster.send({ method: "POST", url: "http://127.0.0.1", body })
      collect({ type: "minor" })
    }
    return (yield* settled("minor")) - before
  })
  // What is held up by what has become old is so only once something has.
  yield* held
  console.log(yield* held)
})

// A real one holds what it has sent until a full collection, and a server in this process would too.
const fetch = () => Promise.resolve(new Response(null, { status: 204 }))
await Effect.runPromise(
  program.pipe(Effect.provide(FetchHttpClient.layer), Effect.provideService(FetchHttpClient.Fetch, fetch))
)
