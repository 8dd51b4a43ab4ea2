/**
 * Takes messages from a stream of NATS, as one of the workers that share a durable consumer. What is not acknowledged is
 * delivered again, to whoever asks: so a message stays marked as being worked at for as long as its worker lives.
 */
import { Effect, Runtime, type Scope } from "effect"
import type { TransportFailure } from "./failure.js"
import type { Subscriber } from "./messages.js"
import type { MissingPackage } from "./missing.js"
import {
  connect,
  differences,
  disconnect,
  explain,
  isUnknownConsumer,
  isUnknownStream,
  levelToken,
  modules,
  prepareStream,
  subjectOf
} from "./nats.js"
import type { Connection, Message, Messages } from "./natsApi.js"
import type { Server, StreamSettings } from "./natsOptions.js"

export interface ConsumerSettings extends StreamSettings {
  /** What workers that share the messages have in common. */
  readonly durable: string
  readonly ackWaitMillis: number
  /** Messages that the workers together hold at most. */
  readonly maxPending: number
  /** A message delivered so often without being acknowledged goes to the dead letters. */
  readonly maxDeliver: number
  readonly deadLetters: string
}

const pauseMillis = 1000
const longestPauseMillis = 300_000
const answerMillis = 5000
/** A server that says nothing for two heartbeats is asked again: it may have died with what it was asked for. */
const pulls = { max_messages: 100, expires: 10_000, idle_heartbeat: 1000, abort_on_missing_resource: true }
/** How often an acknowledgement is tried; after that the message is delivered again. */
const ackTries = 6

/** A message whose connection is gone for good says nothing, and is delivered again. */
const say = (word: () => void): void => {
  try {
    word()
  } catch {
    // That is all there is to it.
  }
}

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Connects in the background, and again whenever it has to; the connection ends with the scope, after the last acknowledgement. */
export const subscriber = (
  server: Server,
  settings: ConsumerSettings
): Effect.Effect<Subscriber, MissingPackage, Scope.Scope> =>
  Effect.gen(function* () {
    const loaded = yield* modules()
    const runtime = yield* Effect.runtime<never>()
    const warn = (text: string): void => void Runtime.runFork(runtime)(Effect.logWarning(`worker: ${text}`))
    const counts = new Map<string, number>()
    /** The first of its kind, and every doubling: as many as there are messages would be too many. */
    const count = (what: string, why: string): void => {
      const so = (counts.get(what) ?? 0) + 1
      counts.set(what, so)
      if (Number.isInteger(Math.log2(so))) warn(`messages ${what} so far: ${so}; the last one: ${why}`)
    }
    const doubted = new Set<string>()
    const doubt = (of: string, doubts: ReadonlyArray<string>): void => {
      for (const text of doubts.map((doubt) => `${of}: ${doubt}`)) {
        if (!doubted.has(text)) warn(text)
        doubted.add(text)
      }
    }
    const held = new Set<Message>()
    let connection: Connection | undefined
    let isOver = false

    /** The shortest of the consumers, which may have been made for other settings. */
    let shortestWait = Infinity
    let beat: NodeJS.Timeout | undefined
    const beatWithin = (waitMillis: number): void => {
      if (waitMillis >= shortestWait || isOver) return
      shortestWait = waitMillis
      clearInterval(beat)
      beat = setInterval(
        () => {
          for (const message of held) say(() => message.working())
        },
        Math.max(50, waitMillis / 3)
      )
    }
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        isOver = true
        clearInterval(beat)
        if (connection !== undefined) await disconnect(connection)
      })
    )

    /** Until the server has said that it knows. */
    const acknowledge = async (message: Message): Promise<void> => {
      for (let tries = 1; ; tries++) {
        try {
          await connection!.request(message.reply, "+ACK", { timeout: answerMillis })
          break
        } catch (error) {
          if (tries >= ackTries || isOver) {
            count("that were written, could not be acknowledged and will be delivered again", explain(error))
            break
          }
          await sleep(100 * tries)
        }
      }
      held.delete(message)
    }

    const bury = async (message: Message, why: string): Promise<void> => {
      try {
        const headers = loaded.transport.headers()
        headers.set("Effect-Metrics-Reason", why.replace(/[^ -~]/g, " ").slice(0, 200))
        headers.set("Effect-Metrics-Subject", message.subject)
        await loaded.jetstream
          .jetstream(connection!, { timeout: answerMillis })
          .publish(settings.deadLetters, message.data, { msgID: `${settings.stream}.${message.seq}`, headers })
        held.delete(message)
        say(() => message.term())
        count(`put to ${settings.deadLetters}`, why)
      } catch (error) {
        held.delete(message)
        say(() => message.nak(pauseMillis))
        count(`that could not be put to ${settings.deadLetters}`, explain(error))
      }
    }

    /** Longer each time, so that a backend which takes nothing for a while is no reason for dead letters. */
    const release = (message: Message): void => {
      held.delete(message)
      const pause = Math.min(pauseMillis * 2 ** (message.info.deliveryCount - 1), longestPauseMillis)
      say(() => message.nak(pause))
    }

    const refuse = async (message: Message, why: string): Promise<void> => {
      if (message.info.deliveryCount >= settings.maxDeliver) return bury(message, why)
      held.delete(message)
      // Another worker, of a later version, may be able to read it.
      say(() => message.nak(pauseMillis))
    }

    const prepare = async (made: Connection, levels: ReadonlyArray<string> | undefined) => {
      doubt(`the stream ${JSON.stringify(settings.stream)}`, (await prepareStream(loaded, made, settings)).doubts)
      const manager = await loaded.jetstream.jetstreamManager(made)
      const dead = `${settings.stream}_DEAD`
      await manager.streams.info(dead).catch((error: unknown) =>
        isUnknownStream(error)
          ? manager.streams.add({
              name: dead,
              subjects: [settings.deadLetters],
              num_replicas: settings.replicas,
              max_bytes: settings.maxBytes,
              discard: "new"
            })
          : Promise.reject(error)
      )
      const consumers =
        levels === undefined
          ? [{ durable: settings.durable, filter: `${settings.subject}.*` }]
          : levels.map((level) => ({
              durable: `${settings.durable}-${levelToken(level)}`,
              filter: subjectOf(settings.subject, level)
            }))
      for (const { durable, filter } of consumers) {
        const wanted = {
          durable_name: durable,
          filter_subject: filter,
          ack_policy: "explicit",
          deliver_policy: "all",
          ack_wait: settings.ackWaitMillis * 1e6,
          max_ack_pending: settings.maxPending,
          // Workers count deliveries themselves, as the server would just stop.
          max_deliver: -1
        }
        const existing = await manager.consumers
          .info(settings.stream, durable)
          .catch((error: unknown) => (isUnknownConsumer(error) ? undefined : Promise.reject(error)))
        // Changing it would have those who share it be late with what they say.
        if (existing === undefined) await manager.consumers.add(settings.stream, wanted)
        else doubt(`the consumer ${JSON.stringify(durable)} is used as it is`, differences(existing.config, wanted))
        beatWithin((existing?.config.ack_wait ?? wanted.ack_wait) / 1e6)
      }
      return consumers.map(({ durable }) => durable)
    }

    return {
      subscribe: (topics, receive) =>
        Effect.async<never, TransportFailure>(() => {
          // A topic is a level and a character that ends it.
          const levels = topics.includes("") ? undefined : [...new Set(topics.map((topic) => topic.slice(0, -1)))]
          let stopped = false
          let consuming: ReadonlyArray<Messages> = []

          const take = (message: Message): void => {
            // Stopped meanwhile: for somebody else.
            if (stopped) return say(() => message.nak())
            held.add(message)
            if (message.info.deliveryCount > settings.maxDeliver) {
              return void bury(message, `it was delivered ${settings.maxDeliver} times and never acknowledged`)
            }
            receive({
              frames: [new Uint8Array(), message.data],
              acknowledge: Effect.promise(() => acknowledge(message)),
              release: () => Effect.sync(() => release(message)),
              refuse: (why) => Effect.promise(() => refuse(message, why))
            })
          }

          const consume = async (durable: string): Promise<void> => {
            const consumer = await loaded.jetstream
              .jetstream(connection!, { timeout: answerMillis })
              .consumers.get(settings.stream, durable)
            const messages = await consumer.consume({ ...pulls, callback: take })
            consuming = [...consuming, messages]
            if (stopped) messages.stop()
            const failed = await messages.closed()
            if (!stopped) throw failed ?? new Error("the consumer has ended")
          }

          const run = async (): Promise<void> => {
            for (let told = ""; !stopped; await sleep(pauseMillis)) {
              try {
                if (connection === undefined || connection.isClosed()) connection = await connect(loaded, server, true)
                if (isOver) return await disconnect(connection)
                const durables = await prepare(connection, levels)
                told = ""
                await Promise.all(durables.map(consume))
              } catch (error) {
                if (stopped) return
                for (const messages of consuming) messages.stop()
                consuming = []
                const reason = explain(error)
                if (reason !== told) warn(`nothing can be received for now: ${reason}`)
                told = reason
              }
            }
          }
          void run()
          return Effect.sync(() => {
            stopped = true
            for (const messages of consuming) messages.stop()
          })
        })
    }
  })
