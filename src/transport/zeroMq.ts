/**
 * Messages over ZeroMQ: a publisher that knows whether anybody listens, a subscriber, and a forwarder between them.
 *
 * A plain PUB socket throws away what it is given while nobody is connected, or while its queue is full. The publisher here is
 * an XPUB socket, which hears of subscriptions, and refuses what finds no room: so it says which messages were taken. Those go on
 * in the background, and are lost only with the connection or the process: see `ZeroMq` for how many that may be.
 */
import { Effect, type Scope } from "effect"
import type * as Zmq from "zeromq"
import { TransportFailure } from "./failure.js"
import type { Message, Published, Publisher, Received, Subscriber } from "./messages.js"
import { loadPackage, type MissingPackage } from "./missing.js"

/** How long a publisher waits for somebody to listen, or for room, before it says that there is none. */
const patienceMillis = 1000
const firstPauseMillis = 5
/** Messages handled before others have their turn of the event loop. */
const turn = 64
/** What has arrived when a subscriber ends is read for at most so long. */
const drainMillis = 1000

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "EIO"

/** What a socket's own errors mean to an operator; none of them holds a secret. */
const explain = (error: unknown, at: string): string => {
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return `${at} is in use (EADDRINUSE)`
    case "EADDRNOTAVAIL":
    case "ENODEV":
      return `${at} is no address of this machine (${codeOf(error)})`
    // That of a name that nobody knows.
    case "EAGAIN":
    case "EINVAL":
      return `${at} has no host or address that is known (${codeOf(error)})`
    case "EACCES":
      return `binding ${at} is not allowed (EACCES)`
    default:
      return `ZeroMQ failed at ${at} (${codeOf(error)})`
  }
}

const failure = (error: unknown, at: string): TransportFailure =>
  new TransportFailure({ reason: explain(error, at), ambiguous: false })

/** ZeroMQ is loaded when it is first needed, as it is a native addon. */
export const zeroMq = (specifier: string = "zeromq"): Effect.Effect<typeof Zmq, MissingPackage> =>
  loadPackage<typeof Zmq>(specifier)

const printEndpoint = (host: string, port: number): string => `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`

export interface PublisherOptions {
  readonly host: string
  readonly port: number
  /** Messages that wait in ZeroMQ's memory at most. */
  readonly highWaterMark: number
  /** How long what waits there is sent on for when the scope has closed, in milliseconds. */
  readonly linger: number
}

/** Connects in the background, and again whenever it has to. */
export const publisher = (
  options: PublisherOptions
): Effect.Effect<Publisher, MissingPackage | TransportFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const { XPublisher } = yield* zeroMq()
    const at = printEndpoint(options.host, options.port)
    const socket = new XPublisher({
      noDrop: true,
      sendTimeout: 0,
      sendHighWaterMark: options.highWaterMark,
      linger: options.linger,
      ipv6: options.host.includes(":"),
      reconnectInterval: 100,
      reconnectMaxInterval: 5000,
      // So that a peer which vanished without a word is noticed.
      heartbeatInterval: 10_000,
      heartbeatTimeout: 30_000
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => socket.close()))
    const listeners = new Set<() => void>()
    let isConnected = false
    let isHeard = false

    socket.events.on("handshake", () => {
      isConnected = true
      for (const listener of listeners) listener()
    })
    // What waits goes on to whoever is connected next, so what is published meanwhile must wait at the caller's.
    socket.events.on("disconnect", () => {
      isConnected = false
    })
    const hear = async (): Promise<void> => {
      for await (const [message] of socket) {
        // A subscription begins with 1. Those of a connection that broke go on when it is made again.
        if (message?.[0] !== 1) continue
        isHeard = true
        for (const listener of listeners) listener()
      }
    }
    yield* Effect.try({ try: () => socket.connect(at), catch: (error) => failure(error, at) })
    // It ends with the socket, one way or the other.
    hear().catch(() => {})

    const isReady = (): boolean => isConnected && isHeard
    const none = Effect.fail(
      new TransportFailure({ reason: `nobody has subscribed at ${at}: is the broker there?`, ambiguous: false })
    )
    const ready = Effect.async<void>((resume) => {
      const listener = (): void => {
        if (!isReady()) return
        listeners.delete(listener)
        resume(Effect.void)
      }
      listeners.add(listener)
      listener()
      return Effect.sync(() => {
        listeners.delete(listener)
      })
    }).pipe(
      Effect.timeoutOption(patienceMillis),
      Effect.flatMap((is) => (is._tag === "Some" ? Effect.void : none))
    )

    /** How many of them, from the first, found room. */
    const send = async (
      messages: ReadonlyArray<Message>
    ): Promise<{ readonly sent: number; readonly error: unknown }> => {
      let sent = 0
      try {
        for (; sent < messages.length && isReady(); sent++) {
          // Without a wait, it is settled at once and either has the message as a whole or nothing of it.
          await socket.send(
            messages[sent]!.frames.map((frame) => Buffer.from(frame.buffer, frame.byteOffset, frame.length))
          )
        }
        return { sent, error: undefined }
      } catch (error) {
        return { sent, error }
      }
    }

    const publishFrom = (
      messages: ReadonlyArray<Message>,
      from: number,
      waited: number
    ): Effect.Effect<Published, TransportFailure> =>
      // Not to be interrupted in between: it is over in a moment, and must be known.
      Effect.flatMap(
        Effect.uninterruptible(Effect.promise(() => send(messages.slice(from, from + turn)))),
        (result) => {
          const published = from + result.sent
          if (published === messages.length) return Effect.succeed({ published, reason: "" })
          if (result.error === undefined && result.sent > 0 && isReady()) {
            return Effect.zipRight(Effect.yieldNow(), publishFrom(messages, published, waited))
          }
          const code = result.error === undefined ? "" : codeOf(result.error)
          if (code === "EAGAIN" && waited < patienceMillis) {
            const pause = result.sent > 0 ? firstPauseMillis : Math.max(firstPauseMillis, waited)
            return Effect.zipRight(
              Effect.sleep(pause),
              publishFrom(messages, published, (result.sent > 0 ? 0 : waited) + pause)
            )
          }
          const reason =
            code === "EAGAIN"
              ? `the queue to ${at} is full`
              : code === ""
                ? `the connection to ${at} is gone`
                : explain(result.error, at)
          return published > 0
            ? Effect.succeed({ published, reason })
            : Effect.fail(new TransportFailure({ reason, ambiguous: false }))
        }
      )

    return { ready, publish: (messages) => Effect.zipRight(ready, publishFrom(messages, 0, 0)) }
  })

/** Lets timers and sockets have their turn. */
const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Readable {
  readonly receive: () => Promise<ReadonlyArray<Uint8Array>>
  receiveTimeout: number
  readonly close: () => void
}

/**
 * Reads until it is stopped, and then what has arrived by then. Rejects where the socket fails.
 */
const read = (
  socket: Readable,
  take: (frames: ReadonlyArray<Uint8Array>) => void | Promise<void>
): { readonly done: Promise<void>; readonly stop: () => void } => {
  let isWaiting = false
  let end = Infinity
  const run = async (): Promise<void> => {
    for (let count = 1; performance.now() < end; count++) {
      isWaiting = true
      const frames = await socket.receive()
      isWaiting = false
      await take(frames)
      if (count % turn === 0) await rest()
    }
  }
  const done = run().catch((error: unknown) => {
    // A closed socket, or one that had nothing any more.
    if (end === Infinity) throw error
  })
  return {
    done: done.finally(() => socket.close()),
    stop: () => {
      end = performance.now() + drainMillis
      // A socket that is being waited at has nothing to be read.
      if (isWaiting) socket.close()
      else socket.receiveTimeout = 0
    }
  }
}

export interface SubscriberOptions {
  readonly host: string
  readonly port: number
  /** Messages that wait in ZeroMQ's memory at most. */
  readonly highWaterMark: number
  /** A longer message ends the connection over which it came. */
  readonly maxMessageBytes: number
}

/** Connects in the background, and again whenever it has to. */
export const subscriber = (options: SubscriberOptions): Effect.Effect<Subscriber, MissingPackage> =>
  Effect.map(zeroMq(), (zmq) => ({
    subscribe: (topics, receive) =>
      Effect.async<never, TransportFailure>((resume) => {
        const at = printEndpoint(options.host, options.port)
        const socket = new zmq.Subscriber({
          receiveHighWaterMark: options.highWaterMark,
          maxMessageSize: options.maxMessageBytes,
          linger: 0,
          ipv6: options.host.includes(":"),
          reconnectInterval: 100,
          reconnectMaxInterval: 5000,
          heartbeatInterval: 10_000,
          heartbeatTimeout: 30_000
        })
        try {
          socket.connect(at)
          socket.subscribe(...topics)
        } catch (error) {
          socket.close()
          return resume(Effect.fail(failure(error, at)))
        }
        const { done, stop } = read(socket, (frames) => receive({ frames, acknowledge: undefined } satisfies Received))
        done.catch((error: unknown) => resume(Effect.fail(failure(error, at))))
        return Effect.promise(() => {
          stop()
          return done.catch(() => {})
        })
      })
  }))

export interface ForwarderOptions {
  readonly host: string
  /** Where publishers connect. */
  readonly publishPort: number
  /** Where subscribers connect. */
  readonly subscribePort: number
  /** Messages that wait in ZeroMQ's memory at most, for each connection. What a subscriber has no room for is lost to it. */
  readonly highWaterMark: number
  readonly maxMessageBytes: number
  /** How long what waits for subscribers is sent on for at the end, in milliseconds. */
  readonly linger: number
  /** Called for each message, with the bytes of its frames. Must not throw. */
  readonly onMessage: (bytes: number) => void
  /** Called when a publisher or a subscriber has connected (1) or is gone (-1). Must not throw. */
  readonly onConnection: (side: "publisher" | "subscriber", change: 1 | -1) => void
}

/** Binds both ports until the scope closes, and gives what forwards, unchanged, until it is interrupted. */
export const forwarder = (
  options: ForwarderOptions
): Effect.Effect<Effect.Effect<never, TransportFailure>, MissingPackage | TransportFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const zmq = yield* zeroMq()
    const { highWaterMark, host, linger } = options
    const common = { ipv6: host.includes(":"), heartbeatInterval: 10_000, heartbeatTimeout: 30_000, linger }
    const front = new zmq.Subscriber({
      ...common,
      receiveHighWaterMark: highWaterMark,
      maxMessageSize: options.maxMessageBytes
    })
    const back = new zmq.Publisher({ ...common, sendHighWaterMark: highWaterMark })
    yield* Effect.addFinalizer(() => Effect.sync(() => [front, back].forEach((socket) => socket.close())))
    for (const [side, socket] of [
      ["publisher", front],
      ["subscriber", back]
    ] as const) {
      // What does not speak ZeroMQ, such as a probe that looks whether the port is open, disconnects but never was connected.
      let strangers = 0
      for (const error of ["protocol", "auth", "other"] as const)
        socket.events.on(`handshake:error:${error}`, () => void strangers++)
      socket.events.on("handshake", () => options.onConnection(side, 1))
      socket.events.on("disconnect", () => {
        if (strangers > 0) strangers--
        else options.onConnection(side, -1)
      })
    }
    const bind = (socket: Zmq.Publisher | Zmq.Subscriber, port: number) => {
      const at = printEndpoint(host, port)
      return Effect.tryPromise({ try: () => socket.bind(at), catch: (error) => failure(error, at) })
    }
    // Subscribers first, so that what comes in finds them.
    yield* bind(back, options.subscribePort)
    front.subscribe()
    yield* bind(front, options.publishPort)
    return Effect.async((resume) => {
      const { done, stop } = read(front, (frames) => {
        options.onMessage(frames.reduce((bytes, frame) => bytes + frame.length, 0))
        // Never waits: what a subscriber has no room for is lost to it alone. They are the buffers that were received.
        return back.send(frames as Array<Buffer>)
      })
      done.catch((error: unknown) => resume(Effect.fail(failure(error, printEndpoint(host, options.publishPort)))))
      return Effect.promise(() => {
        stop()
        return done.catch(() => {})
      })
    })
  })
