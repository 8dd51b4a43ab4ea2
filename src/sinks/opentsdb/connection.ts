/**
 * The connection to which lines are put: one write at a time, its reader, and what the reader hears.
 */
import { Deferred, Effect, Runtime, type Scope } from "effect"
import type { DeliveryOptions, SinkError } from "../../Sink.js"
import { Misconfigured, Throttled, Unavailable } from "../../Sink.js"
import * as Stream from "../../transport/stream.js"
import type { Target } from "./options.js"
import { replyOf } from "./replies.js"
import { readable } from "../../transport/words.js"

export interface Connection {
  readonly write: (lines: Uint8Array) => Effect.Effect<void, SinkError>
  /** Connects; where the server is to answer, that it does. */
  readonly probe: Effect.Effect<void, SinkError>
}

const question = new TextEncoder().encode("version\n")

/** Characters of the server's own words that a log repeats. */
const maxWords = 256
const shortestPause = 1000
const longestPause = 30_000

export const make = (
  sink: string,
  { acknowledge, address }: Pick<Target, "acknowledge" | "address">,
  linger: DeliveryOptions["shutdownTimeout"]
): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime<never>().pipe(
      Effect.withTracerEnabled(false),
      Effect.annotateLogs({ package: "effect-metrics", sink })
    )
    const oneAtATime = yield* Effect.makeSemaphore(1)
    /** Who waits for the server to have read all. */
    let reader: Deferred.Deferred<void, SinkError> | undefined
    let complaints = 0
    let told = 0
    let isThrottled = false
    let pause = 0

    const tell = (last: string): void => {
      told = complaints
      const words = JSON.stringify(readable(last, maxWords))
      const message = `${sink}: the server complained about lines, ${complaints} times so far, the last time: ${words}`
      // A logger that fails is no reason to stop reading.
      Runtime.runFork(runtime)(Effect.ignoreLogged(Effect.logWarning(message)))
    }

    let last = ""
    const complain = (line: string): void => {
      last = line
      complaints++
      // The first and every doubling.
      if (Number.isInteger(Math.log2(complaints))) tell(line)
    }

    const answer = (outcome: Effect.Effect<void, SinkError>): void => {
      if (reader !== undefined) Deferred.unsafeDone(reader, outcome)
    }

    const onLine = (line: string): void => {
      switch (replyOf(line)) {
        case "throttle":
          isThrottled = true
          return complain(line)
        case "complaint":
          return complain(line)
        case "read":
          return answer(Effect.void)
        case "mute":
          return answer(
            // What stood before the question it may well have stored.
            Effect.fail(
              new Misconfigured({
                sink,
                reason: 'it does not know "version": set acknowledge to "none"',
                ambiguous: true
              })
            )
          )
        case "version":
      }
    }

    const onClosed = (): void =>
      answer(
        Effect.fail(
          new Unavailable({
            sink,
            reason: `the connection ended before the server said that it had read all at ${Stream.printAddress(address)}`,
            ambiguous: true
          })
        )
      )

    yield* Effect.addFinalizer(() => Effect.sync(() => complaints > told && tell(last)))
    const stream = yield* Stream.make({ address, onLine, onClosed, linger })

    const put = (bytes: Uint8Array): Effect.Effect<void, SinkError> =>
      Effect.mapError(stream.write(bytes), ({ ambiguous, reason }) => new Unavailable({ sink, reason, ambiguous }))

    const putAndAsk = (lines: Uint8Array): Effect.Effect<void, SinkError> =>
      Effect.flatMap(Deferred.make<void, SinkError>(), (waiting) => {
        const both = new Uint8Array(lines.length + question.length)
        both.set(lines)
        both.set(question, lines.length)
        return Effect.suspend(() => {
          reader = waiting
          return Effect.zipRight(put(both), Deferred.await(waiting))
        }).pipe(
          // An answer that comes too late must not be taken for that of the next write.
          Effect.onInterrupt(() => stream.abandon),
          Effect.ensuring(
            Effect.sync(() => {
              reader = undefined
            })
          )
        )
      })

    const send = acknowledge === "version" ? putAndAsk : put

    /** The lines that it complained about are lost to it; those that come are held back for a while. */
    const patiently = (lines: Uint8Array): Effect.Effect<void, SinkError> =>
      Effect.suspend(() => {
        if (!isThrottled) {
          pause = pause > shortestPause ? pause / 2 : 0
          return send(lines)
        }
        isThrottled = false
        pause = Math.min(longestPause, pause === 0 ? shortestPause : 2 * pause)
        const reason = `it asks for patience: ${readable(last, maxWords)}`
        return Effect.fail(new Throttled({ sink, reason, retryAfterMillis: pause }))
      })

    return {
      write: (lines) => oneAtATime.withPermits(1)(patiently(lines)),
      probe: oneAtATime.withPermits(1)(
        acknowledge === "version"
          ? putAndAsk(new Uint8Array(0))
          : Effect.mapError(stream.open, ({ reason }) => new Unavailable({ sink, reason }))
      )
    }
  })
