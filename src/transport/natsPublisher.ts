/**
 * Publishes to a stream of NATS, and is done when the stream has stored everything.
 *
 * A connection that breaks is not mended but replaced by the next write, so that nothing waits in it that was given up.
 */
import { Effect, Schema, type Scope } from "effect"
import type { Message } from "./messages.js"
import type { MissingPackage } from "./missing.js"
import type { Modules } from "./nats.js"
import { connect, explain, isAmbiguous, isUnauthorized, modules, prepareStream, subjectOf } from "./nats.js"
import type { Client, Connection } from "./natsApi.js"
import type { Server, StreamSettings } from "./natsOptions.js"

/** The stream does not have (all of) the messages, or nobody said that it does. */
export class PublishFailure extends Schema.TaggedError<PublishFailure>("effect-metrics/PublishFailure")(
  "PublishFailure",
  {
    kind: Schema.Literal("unavailable", "unauthorized", "too_large"),
    /** For an operator, without secrets. */
    reason: Schema.String,
    ambiguous: Schema.Boolean
  }
) {}

export interface NatsPublisher {
  /**
   * Publishes the last frame of each message, in order, under the message's id: one that the stream has stored already is not
   * stored again. Where it fails, the caller is to publish all of them again.
   */
  readonly publish: (messages: ReadonlyArray<Message>) => Effect.Effect<void, PublishFailure>
  /** Connects, and makes or checks the stream. */
  readonly ready: Effect.Effect<void, PublishFailure>
}

const answerMillis = 5000

const failure = (error: unknown, ambiguous: boolean): PublishFailure =>
  new PublishFailure({
    kind: isUnauthorized(error) ? "unauthorized" : "unavailable",
    reason: explain(error),
    ambiguous
  })

interface Open {
  readonly connection: Connection
  readonly client: Client
}

export const publisher = (
  server: Server,
  settings: StreamSettings
): Effect.Effect<NatsPublisher, MissingPackage, Scope.Scope> =>
  Effect.gen(function* () {
    const loaded: Modules = yield* modules()
    let open: Promise<Open> | undefined
    let isPrepared = false
    let isOver = false
    let warnings: ReadonlyArray<string> = []
    const told = new Set<string>()

    const dial = async (): Promise<Open> => {
      const connection = await connect(loaded, server, false)
      try {
        if (!isPrepared) {
          warnings = await prepareStream(loaded, connection, settings)
          isPrepared = true
        }
        if (isOver) throw new Error("closed")
      } catch (error) {
        await connection.close().catch(() => {})
        throw error
      }
      return { connection, client: loaded.jetstream.jetstream(connection, { timeout: answerMillis }) }
    }
    /** One attempt at a time, whoever asks. */
    const opened = async (): Promise<Open> => {
      const attempt = (open ??= dial())
      const forget = (): void => {
        if (open === attempt) open = undefined
      }
      try {
        const made = await attempt
        if (!made.connection.isClosed()) {
          void made.connection.closed().then(forget, forget)
          return made
        }
      } catch (error) {
        forget()
        throw error
      }
      forget()
      return opened()
    }
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        isOver = true
        const last = await open?.catch(() => undefined)
        await last?.connection.close().catch(() => {})
      })
    )

    const ready = Effect.tryPromise({ try: opened, catch: (error) => failure(error, false) }).pipe(
      Effect.tap(() =>
        Effect.suspend(() => {
          const said = warnings.filter((doubt) => !told.has(doubt))
          for (const doubt of said) told.add(doubt)
          return Effect.forEach(said, (doubt) =>
            Effect.logWarning(`the stream ${JSON.stringify(settings.stream)}: ${doubt}`)
          )
        })
      )
    )

    const publishAll = async ({ client, connection }: Open, messages: ReadonlyArray<Message>): Promise<void> => {
      const most = connection.info?.max_payload ?? Infinity
      let stored = 0
      for (const { frames, id, level } of messages) {
        const data = frames.at(-1) ?? new Uint8Array()
        // Its headers count as well.
        if (data.length + id.length + 64 > most) {
          throw new PublishFailure({
            kind: "too_large",
            reason: `${data.length} bytes are more than the server takes (${most})`,
            ambiguous: stored > 0
          })
        }
        try {
          await client.publish(subjectOf(settings.subject, level), data, { msgID: id, timeout: answerMillis })
        } catch (error) {
          // It may have been made anew elsewhere, or be about to be.
          isPrepared = false
          throw failure(error, stored > 0 || isAmbiguous(error))
        }
        stored++
      }
    }

    return {
      ready: Effect.asVoid(ready),
      publish: (messages) =>
        Effect.flatMap(ready, (made) =>
          Effect.tryPromise({
            try: () => publishAll(made, messages),
            catch: (error) => (error instanceof PublishFailure ? error : failure(error, true))
          })
        )
    }
  })
