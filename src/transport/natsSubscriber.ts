/**
 * Takes messages from a stream of NATS, as one of the workers that share a durable consumer. What is not acknowledged is
 * delivered again, to whoever asks: so a message stays marked as being worked at for as long as its worker lives.
 */
import { Effect, Runtime, type Scope } from "effect"
import type { TransportFailure } from "./failure.js"
import type { Received, Subscriber } from "./messages.js"
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
/** How long it takes until all servers of a cluster know again what they stored. */
const settleMillis = 5000

/** What is kept of a message until it is answered for: not its data, which has been merged by then. */
interface Held {
  /** Where answers go. */
  readonly reply: string
  readonly deliveries: number
  readonly seq: number
  readonly millis: number
  /** Which of its connection's lives it came in. */
  readonly life: number
}

const inProgress = "+WPI"
const final = "+TERM"
const atOnce = "-NAK"
const again = (millis: number): string => `${atOnce} ${JSON.stringify({ delay: millis * 1e6 })}`

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
    const held = new Set<Held>()
    let connection: Connection | undefined
    let isOver = false
    let life = 0

    const say = ({ reply }: Held, word: string): void => {
      try {
        connection?.publish(reply, word)
      } catch {
        // The connection is gone for good: what is not answered is delivered again.
      }
    }

    /** The shortest of the consumers, which may have been made for other settings. */
    let shortestWait = Infinity
    let beat: NodeJS.Timeout | undefined
    const beatWithin = (waitMillis: number): void => {
      if (waitMillis >= shortestWait || isOver) return
      shortestWait = waitMillis
      clearInterval(beat)
      beat = setInterval(
        () => {
          for (const one of held) say(one, inProgress)
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

    /**
     * A server alone that was killed may have forgotten how far its stream was, and count from 1 again: then another message has
     * this one's number, which an answer would take away unread.
     */
    const isStored = async ({ life: then, millis, seq }: Held): Promise<boolean> => {
      if (then === life) return true
      const manager = await loaded.jetstream.jetstreamManager(connection!)
      const found = await manager.streams.getMessage(settings.stream, { seq })
      return found !== null && Math.abs(found.time.getTime() - millis) <= 1
    }

    /** Until the server has said that it knows. */
    const acknowledge = async (one: Held): Promise<void> => {
      for (let tries = 1; ; tries++) {
        try {
          if (!(await isStored(one))) break
          await connection!.request(one.reply, "+ACK", { timeout: answerMillis })
          break
        } catch (error) {
          if (tries >= ackTries || isOver) {
            count("that were written, could not be acknowledged and will be delivered again", explain(error))
            break
          }
          await sleep(100 * tries)
        }
      }
      held.delete(one)
    }

    const bury = async (one: Held, { data, info, seq, subject }: Message, why: string): Promise<void> => {
      // A stream that was made anew counts from 1 again.
      const msgID = `${settings.stream}.${seq}.${info.timestampNanos}`
      try {
        const headers = loaded.transport.headers()
        headers.set("Effect-Metrics-Reason", why.replace(/[^ -~]/g, " ").slice(0, 200))
        headers.set("Effect-Metrics-Subject", subject)
        await loaded.jetstream
          .jetstream(connection!, { timeout: answerMillis })
          .publish(settings.deadLetters, data, { msgID, headers })
        held.delete(one)
        if (await isStored(one)) say(one, final)
        count(`put to ${settings.deadLetters}`, why)
      } catch (error) {
        held.delete(one)
        say(one, again(pauseMillis))
        count(`that could not be put to ${settings.deadLetters}`, explain(error))
      }
    }

    /** Longer each time, so that a backend which takes nothing for a while is no reason for dead letters. */
    const release = (one: Held): void => {
      held.delete(one)
      say(one, again(Math.min(pauseMillis * 2 ** (one.deliveries - 1), longestPauseMillis)))
    }

    const refuse = async (one: Held, message: Message, why: string): Promise<void> => {
      if (one.deliveries >= settings.maxDeliver) return bury(one, message, why)
      held.delete(one)
      // Another worker, of a later version, may be able to read it.
      say(one, again(pauseMillis))
    }

    /** Made where the message is not in reach, as they live until it is answered for. */
    const answers = (one: Held): Pick<Received, "acknowledge" | "release"> => ({
      acknowledge: Effect.promise(() => acknowledge(one)),
      release: () => Effect.sync(() => release(one))
    })

    const consumersOf = (levels: ReadonlyArray<string> | undefined) =>
      levels === undefined
        ? [{ durable: settings.durable, filter: `${settings.subject}.*` }]
        : levels.map((level) => ({
            durable: `${settings.durable}-${levelToken(level)}`,
            filter: subjectOf(settings.subject, level)
          }))

    /** Consumers that are ahead of what there is in a stream which counts from 1 again would deliver nothing for long. */
    const removeAhead = async (made: Connection, levels: ReadonlyArray<string> | undefined): Promise<void> => {
      try {
        const manager = await loaded.jetstream.jetstreamManager(made)
        const aheadOf = async (durable: string): Promise<boolean> => {
          const { delivered } = await manager.consumers.info(settings.stream, durable)
          const { state } = await manager.streams.info(settings.stream)
          return delivered.stream_seq > state.last_seq
        }
        for (const { durable } of consumersOf(levels)) {
          if (!(await aheadOf(durable))) continue
          await sleep(settleMillis)
          if (isOver || !(await aheadOf(durable))) continue
          warn(
            `the stream ${JSON.stringify(settings.stream)} has lost how far it was, and the consumer ${JSON.stringify(durable)} is made anew`
          )
          await manager.consumers.delete(settings.stream, durable)
        }
      } catch {
        // It is asked again with the next connection.
      }
    }

    const follow = async (made: Connection, levels: ReadonlyArray<string> | undefined): Promise<void> => {
      for await (const { type } of made.status()) {
        if (type === "disconnect") life++
        if (type === "reconnect") void removeAhead(made, levels)
      }
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
      const consumers = consumersOf(levels)
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
            const { info, reply, seq } = message
            const one: Held = { reply, seq, millis: info.timestampNanos / 1e6, deliveries: info.deliveryCount, life }
            // Stopped meanwhile: for somebody else.
            if (stopped) return say(one, atOnce)
            held.add(one)
            if (one.deliveries > settings.maxDeliver) {
              return void bury(one, message, `it was delivered ${settings.maxDeliver} times and never acknowledged`)
            }
            receive({
              ...answers(one),
              frames: [new Uint8Array(), message.data],
              refuse: (why) => Effect.promise(() => refuse(one, message, why))
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
                // Also where just the stream was gone.
                life++
                if (connection === undefined || connection.isClosed()) {
                  connection = await connect(loaded, server, true)
                  void follow(connection, levels).catch(() => {})
                }
                if (isOver) return await disconnect(connection)
                const durables = await prepare(connection, levels)
                void removeAhead(connection, levels)
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
