/**
 * Datagrams over UDP or a Unix socket, from one connected socket that is made again when it is needed. Knows no wire format.
 *
 * Done means that the kernel has taken a datagram; what becomes of it then, nobody says. But a peer on the same host that is
 * not there is noticed: a connected socket is told of it, a moment after what was sent in vain. So a new connection first
 * sends a probe, and while that is refused nothing else is sent.
 *
 * Sending costs less than receiving, and a receiver that is behind loses datagrams without a word. So they are sent in bursts
 * with pauses between them.
 */
import { Effect, type Scope } from "effect"
import { type Address, type Connector, connectors, type Port } from "./datagramPort.js"
import { TransportFailure } from "./failure.js"
import type { MissingPackage } from "./missing.js"
import { printAddress } from "./stream.js"

export interface DatagramOptions {
  readonly address: Address
  /** What is sent at once, and the milliseconds of the pause after it. */
  readonly pacing: { readonly burstBytes: number; readonly pauseMillis: number }
  /** A datagram that means nothing to the peer. */
  readonly probe: Uint8Array
  /** How long the host's name is taken for the address that it had. Default half a minute. */
  readonly nameMillis?: number | undefined
}

/** What became of each datagram: `rejected` ones are too large for the socket. */
export type Fate = "unsent" | "sent" | "rejected"

export interface Datagrams {
  /**
   * Sends what lies between each two of the bounds. Fails if none of it was sent; else says what was, and why not the rest.
   */
  readonly send: (bytes: Uint8Array, bounds: ReadonlyArray<number>) => Effect.Effect<Sent, TransportFailure>
  /** Connects if there is no connection, and asks whether anybody listens. */
  readonly open: Effect.Effect<void, TransportFailure>
}

export interface Sent {
  readonly fates: ReadonlyArray<Fate>
  /** Why some are unsent. */
  readonly reason: string | undefined
}

const defaultNameMillis = 30_000
/** How long a probe is waited for: on the same host the answer is there at once. */
const probeMillis = 10
/** How long a full socket is waited for in one write. */
const congestionMillis = 1000
const maxWait = 50
/** How long the close waits for what the kernel has not taken yet. */
const lingerMillis = 100

const full = new Set(["EAGAIN", "ENOBUFS", "EWOULDBLOCK", "congestion"])

const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens",
  ENOENT: "there is no socket",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name could not be looked up",
  EACCES: "permission denied",
  EPROTOTYPE: "the socket is one of a stream"
}

export const make = ({
  address,
  nameMillis = defaultNameMillis,
  pacing,
  probe
}: DatagramOptions): Effect.Effect<Datagrams, MissingPackage, Scope.Scope> =>
  Effect.gen(function* () {
    const at = printAddress(address)
    const candidates = yield* connectors(address)
    const connecting = yield* Effect.makeSemaphore(1)
    let live: Port | undefined
    /** Where it leads, and when that was looked up. */
    let liveTo = ""
    let namedAt = 0
    let pending = 0
    /** Bytes since the last pause, and when the last of them went. */
    let burst = 0
    let burstAt = 0

    const failure = (code: string): TransportFailure =>
      new TransportFailure({
        reason: `${meanings[code] === undefined ? code : `${meanings[code]} (${code})`} at ${at}`,
        ambiguous: false,
        code
      })

    const fail = (port: Port, code: string): void => {
      if (port.failed !== undefined) return
      port.failed = code
      if (live === port) live = undefined
      port.close()
    }

    const post = (port: Port, bytes: Uint8Array, done: (code: string | undefined) => void): void => {
      pending++
      port.send(bytes, (code) => {
        pending--
        done(code)
      })
    }

    const answered = (port: Port): Effect.Effect<Port, TransportFailure> =>
      Effect.async((resume) => {
        const end = (): void => {
          clearTimeout(timer)
          resume(port.failed === undefined ? Effect.succeed(port) : Effect.fail(failure(port.failed)))
        }
        // In a process that was busy meanwhile the time is over before it has looked for an answer.
        const timer = setTimeout(() => setImmediate(end), probeMillis)
        post(port, probe, (code) => {
          if (code === undefined || full.has(code)) return
          fail(port, code)
          end()
        })
        return Effect.sync(() => {
          clearTimeout(timer)
          fail(port, "ECANCELED")
        })
      })

    const connectTo = (connector: Connector): Effect.Effect<Port, TransportFailure> =>
      Effect.flatMap(
        Effect.async<Port, TransportFailure>((resume) => {
          const port = connector.connect(
            (code) => {
              if (code !== undefined) fail(port, code)
              resume(code === undefined ? Effect.succeed(port) : Effect.fail(failure(code)))
            },
            (code) => fail(port, code)
          )
          return Effect.sync(() => fail(port, "ECANCELED"))
        }),
        answered
      )

    const connect: Effect.Effect<Port, TransportFailure> = Effect.gen(function* () {
      namedAt = performance.now()
      const all = yield* Effect.mapError(candidates, failure)
      const before = live
      if (before !== undefined && all.some(({ to }) => to === liveTo)) return before
      const [port, to] = yield* Effect.firstSuccessOf(
        all.map((connector) => Effect.map(connectTo(connector), (port) => [port, connector.to] as const))
      )
      if (before !== undefined) fail(before, "moved")
      live = port.failed === undefined ? port : undefined
      liveTo = to
      return port
    })

    // Where a peer has moved, nobody may be left who says so; but a name that cannot be looked up is no reason to leave it.
    const connectAgain = Effect.catchAll(connect, (failure) =>
      live === undefined ? Effect.fail(failure) : Effect.succeed(live)
    )

    const known = Effect.suspend(() => Effect.fromNullable(performance.now() - namedAt < nameMillis ? live : undefined))
    const connected = Effect.orElse(known, () => connecting.withPermits(1)(Effect.orElse(known, () => connectAgain)))

    const sendAll = (port: Port, bytes: Uint8Array, bounds: ReadonlyArray<number>): Effect.Effect<Sent> =>
      Effect.async((resume) => {
        const fates: Array<Fate> = new Array<Fate>(bounds.length >> 1).fill("unsent")
        let next = 0
        let flying = 0
        let ended = false
        let failed: string | undefined
        /** The first datagrams that found the socket full, and since when nothing gets through. */
        let again: Array<number> = []
        let wait = 1
        let stuckSince: number | undefined
        let timer: ReturnType<typeof setTimeout> | undefined

        const later = (millis: number): void => {
          timer = setTimeout(() => {
            timer = undefined
            pump()
          }, millis)
        }

        const settle = (index: number, code: string | undefined): void => {
          flying--
          if (code === undefined) {
            fates[index] = "sent"
            stuckSince = undefined
            wait = 1
          } else if (full.has(code)) again.push(index)
          else if (code === "EMSGSIZE") fates[index] = "rejected"
          else {
            failed ??= code
            fail(port, code)
          }
          if (flying === 0 && !pumping && !ended) pump()
        }

        let pumping = false
        const pump = (): void => {
          pumping = true
          const now = performance.now()
          failed ??= port.failed
          if (again.length > 0 && failed === undefined) {
            stuckSince ??= now
            if (now - stuckSince > congestionMillis) failed = "ENOBUFS"
          }
          if (now - burstAt >= pacing.pauseMillis) burst = 0
          const retries = again
          again = []
          while (failed === undefined && (retries.length > 0 || next < fates.length) && again.length === 0) {
            if (burst >= pacing.burstBytes) break
            const index = retries.shift() ?? next++
            const datagram = bytes.subarray(bounds[2 * index], bounds[2 * index + 1])
            burst += datagram.length
            burstAt = now
            flying++
            post(port, datagram, (code) => settle(index, code))
          }
          again.push(...retries)
          pumping = false
          if (flying > 0) return
          if (failed !== undefined || (again.length === 0 && next === fates.length)) {
            ended = true
            resume(Effect.succeed({ fates, reason: failed === undefined ? undefined : failure(failed).reason }))
          } else if (again.length > 0) {
            later(wait)
            wait = Math.min(wait * 2, maxWait)
          } else later(pacing.pauseMillis)
        }
        pump()
        return Effect.sync(() => {
          ended = true
          clearTimeout(timer)
        })
      })

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        const port = live
        if (port === undefined) return Effect.void
        const close = Effect.sync(() => fail(port, "closed"))
        return Effect.zipRight(
          Effect.async<void>((resume) => {
            const end = performance.now() + lingerMillis
            const look = (): void => {
              if (pending === 0 || performance.now() > end) resume(Effect.void)
              else setTimeout(look, 1)
            }
            look()
          }),
          close
        )
      })
    )

    return {
      open: Effect.asVoid(connected),
      send: (bytes, bounds) =>
        Effect.flatMap(connected, (port) =>
          Effect.flatMap(sendAll(port, bytes, bounds), (sent) =>
            sent.fates.every((fate) => fate === "unsent") && sent.reason !== undefined
              ? Effect.fail(new TransportFailure({ reason: sent.reason, ambiguous: false }))
              : Effect.succeed(sent)
          )
        )
    }
  })
