/**
 * What carries packets to a server: datagrams, each by itself, or one stream.
 */
import { Effect, type Scope } from "effect"
import type { Packets } from "../../encoding/packets.js"
import { InvalidOption } from "../../Sink.js"
import * as Datagram from "../../transport/datagram.js"
import { TransportFailure } from "../../transport/failure.js"
import * as Stream from "../../transport/stream.js"
import type { Destination, Options } from "./options.js"
import { sinkName, type Target } from "./options.js"

export interface Carrier {
  readonly open: Effect.Effect<void, TransportFailure>
  /** What became of each packet, where they are carried one by one. */
  readonly carry: (packets: Packets) => Effect.Effect<Datagram.Sent | undefined, TransportFailure>
}

/** An empty line, which all servers skip. */
const probe = new Uint8Array([10])

type Make<E = never> = Effect.Effect<Carrier, E, Scope.Scope>

export const carrierOf = (
  { name: sink = sinkName, shutdownTimeout: linger }: Options,
  { destination, pacing }: Target
): Make<InvalidOption> => {
  const datagrams = (address: Exclude<Destination, { readonly _tag: "tcp" }>) =>
    Effect.map(Datagram.make({ address, pacing, probe }), ({ open, send }): Carrier => ({
      open,
      carry: ({ bounds, bytes }) => send(bytes, bounds)
    }))
  const stream = (address: Destination, bytesOf: (packets: Packets) => Uint8Array): Make =>
    Effect.map(Stream.make({ address, linger }), ({ open, write }) => ({
      open,
      carry: (packets) => Effect.as(write(bytesOf(packets)), undefined)
    }))

  switch (destination._tag) {
    case "udp":
    case "unixgram":
      return Effect.mapError(
        datagrams(destination),
        ({ message }) =>
          new InvalidOption({ sink, option: "socket", value: '"datagram"', expected: `possible: ${message}` })
      )
    case "tcp":
      return stream(destination, ({ bytes }) => bytes)
    case "unixstream":
      return stream(destination, framed)
    case "unix":
      return Effect.zipWith(
        stream(destination, framed),
        Effect.catchAll(datagrams(destination), ({ message }) => Effect.succeed(noDatagrams(message))),
        either
      )
  }
}

/** Each packet behind its length. */
const framed = ({ bounds, bytes }: Packets): Uint8Array => {
  const frames = new Uint8Array(bytes.length + 4 * (bounds.length >> 1))
  const view = new DataView(frames.buffer)
  let at = 0
  for (let i = 0; i < bounds.length; i += 2) {
    const packet = bytes.subarray(bounds[i], bounds[i + 1])
    view.setUint32(at, packet.length, true)
    frames.set(packet, at + 4)
    at += 4 + packet.length
  }
  return frames.subarray(0, at)
}

/** Says so once it is known that datagrams are what the socket takes. */
const noDatagrams = (message: string): Carrier => {
  const failure = new TransportFailure({ reason: `the socket is one of datagrams: ${message}`, ambiguous: false })
  return { open: Effect.fail(failure), carry: () => Effect.fail(failure) }
}

/** A Unix socket says of which type it is when it is connected to in the wrong way; when it is made again, it may be another. */
const either = (stream: Carrier, datagrams: Carrier): Carrier => {
  let current = stream
  const using = <A>(use: (carrier: Carrier) => Effect.Effect<A, TransportFailure>) =>
    Effect.suspend(() => {
      // Several may write at once, and each has to turn from what it tried.
      const tried = current
      return Effect.catchIf(
        use(tried),
        ({ code }) => code === "EPROTOTYPE",
        () => {
          const other = tried === stream ? datagrams : stream
          return Effect.tap(use(other), () => {
            current = other
          })
        }
      )
    })
  return { open: using(({ open }) => open), carry: (packets) => using(({ carry }) => carry(packets)) }
}
