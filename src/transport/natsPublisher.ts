/**
 * Publishes to a stream of NATS, and is done when the stream has stored everything.
 *
 * A connection that breaks is not mended but replaced by the next write, so that nothing waits in it that was given up.
 */
import { Effect, Schema, type Scope } from "effect"
import type { Message } from "./messages.js"
import type { MissingPackage } from "./missing.js"
import type { Modules } from "./nats.js"
import { connect, disconnect, explain, isAmbiguous, isUnauthorized, modules, prepareStream, subjectOf } from "./nats.js"
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
  /** Of the stream. */
  readonly maxMessageBytes: number
}

export const publisher = (
  server: Server,
  settings: StreamSettings
): Effect.Effect<NatsPublisher, MissingPackage, Scope.Scope> =>
  Effect.gen(function* () {
    const loaded: Modules = yield* modules()
    let connecting: Promise<Connection> | undefined
    let connected: Connection | undefined
    let preparing: Promise<Open> | undefined
    let isOver = false
    let warnings: ReadonlyArray<string> = []
    const told = new Set<string>()

    const dial = async (): Promise<Connection> => {
      const connection = await connect(loaded, server, false)
      if (isOver) {
        await disconnect(connection)
        throw new Error("closed")
      }
      connected = connection
      const forget = (): void => {
        connecting = connected = preparing = undefined
      }
      void connection.closed().then(forget, forget)
      return connection
    }
    const prepare = async (connection: Connection): Promise<Open> => {
      const { doubts, maxMessageBytes } = await prepareStream(loaded, connection, settings)
      warnings = doubts
      return {
        connection,
        client: loaded.jetstream.jetstream(connection, { timeout: answerMillis }),
        maxMessageBytes
      }
    }
    /** One attempt at a time, whoever asks. */
    const opened = async (): Promise<Open> => {
      const connection = await (connecting ??= dial().catch((error: unknown) => {
        connecting = undefined
        throw error
      }))
      return (preparing ??= prepare(connection).catch((error: unknown) => {
        preparing = undefined
        throw error
      }))
    }
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        isOver = true
        // What is still being made ends by itself: a close waits for no server.
        if (connected !== undefined) await disconnect(connected)
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

    const publishAll = async (
      { client, connection, maxMessageBytes }: Open,
      messages: ReadonlyArray<Message>
    ): Promise<void> => {
      const most = Math.min(connection.info?.max_payload ?? Infinity, maxMessageBytes)
      // Before the first is stored: what is too large is divided, and goes by other ids from then on.
      for (const { frames, id } of messages) {
        const { length = 0 } = frames.at(-1) ?? {}
        // Its headers count as well.
        if (length + id.length + 64 > most) {
          const reason = `${length} bytes are more than the server or its stream takes (${most})`
          throw new PublishFailure({ kind: "too_large", reason, ambiguous: false })
        }
      }
      let stored = 0
      for (const { frames, id, level } of messages) {
        const data = frames.at(-1) ?? new Uint8Array()
        try {
          await client.publish(subjectOf(settings.subject, level), data, { msgID: id, timeout: answerMillis })
        } catch (error) {
          // The stream may have been made anew elsewhere, or be gone.
          preparing = undefined
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
