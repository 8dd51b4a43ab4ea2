/** The parts of a relay, each in a process of its own, which ends with the scope. */
import { Deferred, Effect, type Scope } from "effect"
import { build } from "esbuild"
import { fork as forkProcess } from "node:child_process"
import { renameSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Ledger } from "../../src/Ledger.js"
import type { LaneLedger } from "../../src/Metrics.js"
import type { Account } from "../../src/relay/Worker.js"

export interface PartOptions {
  /** It records what `load.ts` says, and writes every so many milliseconds. */
  readonly publisher: { readonly port: number; readonly index: number; readonly everyMillis: number }
  readonly broker: { readonly port: number; readonly workerPort: number }
  readonly worker: {
    readonly port: number
    readonly levels: ReadonlyArray<string>
    readonly influxDb: string
    readonly database: string
    readonly librato: string
  }
  /** They share the messages of a stream on these servers, and write windows as they come. */
  readonly natsPublisher: { readonly servers: ReadonlyArray<string>; readonly index: number }
  readonly natsWorker: {
    readonly servers: ReadonlyArray<string>
    readonly influxDb: string
    readonly database: string
    readonly windows: "merge" | "keep"
  }
}

/** What a part can be asked for, with a number, and what it then answers. */
export interface Answers {
  readonly publisher: {
    /** Records so many steps. */
    readonly record: Ledger
    readonly flush: Ledger
    readonly ledger: Ledger
  }
  readonly broker: object
  readonly worker: { readonly account: Account }
  readonly natsPublisher: {
    /** Records for so many milliseconds. */
    readonly record: Ledger
  }
  readonly natsWorker: { readonly account: Account }
}

/** What a part says when it has ended in order. */
export interface LastWords {
  readonly publisher: ReadonlyArray<LaneLedger>
  readonly broker: null
  readonly worker: { readonly account: Account; readonly ledgers: ReadonlyArray<LaneLedger> }
  readonly natsPublisher: ReadonlyArray<LaneLedger>
  readonly natsWorker: { readonly account: Account; readonly ledgers: ReadonlyArray<LaneLedger> }
}

export interface Ask {
  readonly id: number
  readonly ask: string
  readonly value: number
}

export interface Part<Kind extends keyof PartOptions> {
  readonly ask: <Key extends keyof Answers[Kind]>(key: Key, value?: number) => Effect.Effect<Answers[Kind][Key]>
  /** Ends it in order: what its sinks have is written. */
  readonly end: Effect.Effect<LastWords[Kind]>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  readonly kill: Effect.Effect<void>
}

const root = fileURLToPath(new URL("../..", import.meta.url))
let bundled: Promise<string> | undefined

/** The program as one file of JavaScript: a dozen processes that each compile it themselves would take half a minute. */
const program = (): Promise<string> =>
  (bundled ??= (async () => {
    // Where packages are found from. Other tests may be at it as well.
    const file = `${root}.cache/parts/relay.mjs`
    const outfile = `${file}.${process.pid}`
    const entry = `${root}test/process/relay.ts`
    const banner = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)'
    await build({
      entryPoints: [entry],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile,
      banner: { js: banner }
    })
    renameSync(outfile, file)
    return file
  })())

interface Said {
  readonly id?: number
  readonly answer?: unknown
  readonly isReady?: true
  readonly lastWord?: unknown
}

/** Done when it can be asked. A part that ends without being told to is a defect of whoever waits for it. */
export const fork = <Kind extends keyof PartOptions>(
  kind: Kind,
  options: PartOptions[Kind]
): Effect.Effect<Part<Kind>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = forkProcess(yield* Effect.promise(program), [kind, JSON.stringify(options)])
    const ready = yield* Deferred.make<void>()
    const lastWord = yield* Deferred.make<unknown>()
    const gone = yield* Deferred.make<string>()
    const waiting = new Map<number, (answer: unknown) => void>()
    child.on("message", (said: Said) => {
      if (said.isReady) Deferred.unsafeDone(ready, Effect.void)
      if ("lastWord" in said) Deferred.unsafeDone(lastWord, Effect.succeed(said.lastWord))
      if (said.id !== undefined) waiting.get(said.id)?.(said.answer)
    })
    child.on("exit", (code, signal) => {
      Deferred.unsafeDone(gone, Effect.succeed(`a ${kind} has ended with ${code ?? signal}`))
    })
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        child.kill("SIGKILL")
        return Deferred.await(gone)
      })
    )
    const orDie = <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
      Effect.raceFirst(effect, Effect.flatMap(Deferred.await(gone), Effect.dieMessage))

    let asked = 0
    const send = (ask: string, value: number, id = 0): void =>
      void child.send({ ask, value, id } satisfies Ask, () => {
        // It has ended, which is told by `gone`.
      })
    yield* orDie(Deferred.await(ready))
    return {
      ask: <Key extends keyof Answers[Kind]>(key: Key, value = 0) =>
        orDie(
          Effect.async<Answers[Kind][Key]>((resume) => {
            const id = ++asked
            // A part answers what it is asked for.
            waiting.set(id, (answer) => resume(Effect.succeed(answer as Answers[Kind][Key])))
            send(String(key), value, id)
          })
        ),
      end: Effect.suspend(() => {
        send("end", 0)
        return orDie(Deferred.await(lastWord)).pipe(
          Effect.zipLeft(Deferred.await(gone)),
          // As its kind of part says.
          Effect.map((word) => word as LastWords[Kind])
        )
      }),
      signal: (signal) => Effect.sync(() => void child.kill(signal)),
      kill: Effect.suspend(() => {
        child.kill("SIGKILL")
        return Effect.asVoid(Deferred.await(gone))
      })
    }
  })
