/**
 * One connection over TCP, TLS or a Unix socket, made again when it is needed. Knows no wire format and has no deadline: the
 * lane interrupts what takes too long, and its retries are the wait between connections.
 *
 * What is written together is never spliced: a write that fails or is interrupted takes its connection with it, and the next
 * one begins on a new connection. What the other side sends is read in any case, as a peer whose words nobody reads stops
 * listening, and so its end and its resets are noticed when they happen, not when the next write fails.
 *
 * Done means that the kernel has taken all bytes; whether the other side has is for its protocol to say. A peer that vanishes
 * without a word is noticed by the kernel's keepalive probes, minutes later.
 */
import { Duration, Effect, Redacted, type Scope } from "effect"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import * as Checks from "../delivery/checks.js"
import { classify, codeOf, TransportFailure } from "./failure.js"
import { load } from "./node.js"

/**
 * What a certificate is checked against, and what is shown for one's own. Verification cannot be turned off.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsOptions {
  /** Certificates of authorities, PEM, in place of the system's. */
  readonly ca?: string | undefined
  /** One's own certificate, PEM, for servers that want one. */
  readonly cert?: string | undefined
  /** Its key, PEM. */
  readonly key?: Redacted.Redacted | undefined
  /** The name in the server's certificate. Default: the host. */
  readonly servername?: string | undefined
}

interface HostAndPort {
  readonly host: string
  readonly port: number
  readonly tls?: boolean | TlsOptions | undefined
}

/** Where to. */
export type Address =
  | HostAndPort
  /** A Unix socket. */
  | { readonly path: string }

export interface StreamOptions {
  readonly address: Address
  /** What the other side sends, line by line, without LF and CR, at most 1 KiB of each. Default: read and thrown away. */
  readonly onLine?: ((line: string) => void) | undefined
  /** Called when a connection that there was has gone: its peer ended it, it broke, or a write was given up. */
  readonly onClosed?: (() => void) | undefined
  /** How long the other side is waited for at the end, to read what the kernel still has: at most a second, the default. */
  readonly linger?: Duration.DurationInput | undefined
}

export interface Stream {
  /** Connects if there is no connection, writes, and is done when the kernel has taken all of it. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, TransportFailure>
  /** Connects if there is no connection. */
  readonly open: Effect.Effect<void, TransportFailure>
  /** Gives the connection up, if there is one. */
  readonly abandon: Effect.Effect<void>
}

/** What options say of an address, refused where it cannot be one. */
export const addressOf = ({ host, port, tls }: HostAndPort, refuse: Checks.Refuse): Address => {
  // A scheme, a path or a port in it would be looked up as a name; what has an @ may have a password before it.
  if (typeof host !== "string" || !isHost(host)) {
    const shown = String(host).includes("@") ? "the text given" : Checks.show(host)
    refuse("host", shown, "the name or address of a server, without scheme, port and brackets")
  }
  checkTls(tls, refuse)
  return { host, port: Checks.port(refuse, port), tls }
}

/** A name, or an address of version 4 or 6, which has two colons. */
const isHost = (host: string): boolean =>
  /^[\w.-]+$/.test(host) || /^[\da-f]*:[\da-f:.]*:[\da-f:.]*(%[\w.-]+)?$/i.test(host)

/** Node says what is wrong with a certificate at every connection, and by a code. */
const checkTls = (tls: HostAndPort["tls"], refuse: Checks.Refuse): void => {
  if (tls === undefined || typeof tls === "boolean") return
  if (typeof tls !== "object" || tls === null) {
    return refuse("tls", Checks.show(tls), "true, false, or what certificates are checked against")
  }
  const { ca, cert, key, servername } = tls
  if (ca !== undefined && !isPem(ca)) refuse("tls.ca", "the text given", pemExpected)
  if (cert !== undefined && !isPem(cert)) refuse("tls.cert", "the text given", pemExpected)
  const isKey = Redacted.isRedacted(key) && isPem(Redacted.value(key))
  if (key !== undefined && !isKey) refuse("tls.key", "the text given", `${pemExpected}, in a Redacted`)
  if ((cert === undefined) !== (key === undefined)) {
    refuse(cert === undefined ? "tls.cert" : "tls.key", "undefined", "given: a certificate and its key go together")
  }
  if (servername !== undefined && typeof servername !== "string") {
    refuse("tls.servername", Checks.show(servername), "a name")
  }
}

const pemExpected = "PEM, which has a line -----BEGIN …"

const isPem = (text: unknown): boolean => typeof text === "string" && text.includes("-----BEGIN ")

const maxLine = 1024
const keepAliveMillis = 10_000
const longestLinger = 1000

export const printAddress = (address: Address): string => {
  if ("path" in address) return address.path
  const { host, port } = address
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
}

export const make = ({
  address,
  linger = longestLinger,
  onClosed,
  onLine
}: StreamOptions): Effect.Effect<Stream, never, Scope.Scope> =>
  Effect.gen(function* () {
    const at = printAddress(address)
    const lingerMillis = Math.min(longestLinger, Duration.toMillis(linger))
    const connectOne = yield* connector(address)
    const connecting = yield* Effect.makeSemaphore(1)
    let live: Net.Socket | undefined

    const failure = (error: unknown, broke: string): TransportFailure => {
      const { ambiguous, what } = classify(error, broke)
      return new TransportFailure({ reason: `${what} at ${at}`, ambiguous, code: codeOf(error) })
    }

    const drop = (socket: Net.Socket): void => {
      if (live !== socket) return
      live = undefined
      onClosed?.()
    }

    /**
     * What it still holds must not reach the other side after what is written next, so it is reset rather than ended. Node
     * resets nothing but plain TCP: elsewhere, what the kernel has taken may still arrive.
     */
    const giveUp = (socket: Net.Socket): void => {
      drop(socket)
      if (isPlainTcp(address)) socket.resetAndDestroy()
      else socket.destroy()
    }

    const connect = Effect.async<Net.Socket, TransportFailure>((resume) => {
      let socket: Net.Socket
      try {
        socket = connectOne(() => {
          socket.off("error", failed)
          adopt(socket)
          resume(Effect.succeed(socket))
        })
      } catch (error) {
        return resume(Effect.fail(failure(error, "could not connect")))
      }
      const failed = (error: Error): void => resume(Effect.fail(failure(error, "could not connect")))
      socket.once("error", failed)
      return Effect.sync(() => {
        socket.destroy()
      })
    }).pipe(
      // Nothing was written yet, whatever went wrong.
      Effect.mapError(({ code, reason }) => new TransportFailure({ reason, ambiguous: false, code }))
    )

    const adopt = (socket: Net.Socket): void => {
      live = socket
      socket.setNoDelay(true)
      socket.setKeepAlive(true, keepAliveMillis)
      // An idle connection is no reason for a process to go on.
      socket.unref()
      socket.on("error", () => drop(socket))
      socket.on("end", () => drop(socket))
      socket.on("close", () => drop(socket))
      if (onLine === undefined) socket.resume()
      else socket.on("data", lines(onLine))
    }

    const connected: Effect.Effect<Net.Socket, TransportFailure> = Effect.suspend(() =>
      live !== undefined
        ? Effect.succeed(live)
        : connecting.withPermits(1)(
            Effect.suspend(() => (live === undefined ? Effect.interruptible(connect) : Effect.succeed(live)))
          )
    )

    const writeTo = (socket: Net.Socket, bytes: Uint8Array): Effect.Effect<void, TransportFailure> =>
      Effect.async((resume) => {
        socket.write(bytes, (error) => {
          // Node has no error for a write that a destroyed socket takes with it.
          if ((error === undefined || error === null) && !socket.destroyed) return resume(Effect.void)
          giveUp(socket)
          const { what } = classify(error ?? socket.errored, "the connection broke")
          resume(Effect.fail(new TransportFailure({ reason: `${what} at ${at}`, ambiguous: true })))
        })
        return Effect.sync(() => giveUp(socket))
      })

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        if (live === undefined) return Effect.void
        const socket = live
        return Effect.async<void>((resume) => {
          const timer = setTimeout(() => socket.destroy(), lingerMillis)
          socket.once("close", () => {
            clearTimeout(timer)
            resume(Effect.void)
          })
          // As what is left unread when a socket closes makes the kernel take back what it has not sent yet.
          socket.ref().resume().end()
        })
      })
    )

    return {
      write: (bytes) => Effect.flatMap(connected, (socket) => writeTo(socket, bytes)),
      open: Effect.asVoid(connected),
      abandon: Effect.sync(() => live !== undefined && giveUp(live))
    }
  })

const isPlainTcp = (address: Address): boolean =>
  !("path" in address) && (address.tls === undefined || address.tls === false)

const connector = (address: Address): Effect.Effect<(connected: () => void) => Net.Socket> =>
  Effect.gen(function* () {
    if ("path" in address || address.tls === undefined || address.tls === false) {
      const net = yield* Effect.promise(() => load<typeof Net>("node:net"))
      return (connected) => net.createConnection("path" in address ? address : { ...address, noDelay: true }, connected)
    }
    const tls = yield* Effect.promise(() => load<typeof Tls>("node:tls"))
    const { ca, cert, key, servername } = address.tls === true ? ({} as TlsOptions) : address.tls
    const { host, port } = address
    return (connected) =>
      tls.connect(
        {
          host,
          port,
          // A name that is an address is not sent, which Node asks for.
          ...(servername === undefined ? {} : { servername }),
          ...(ca === undefined ? {} : { ca }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key: Redacted.value(key) })
        },
        connected
      )
  })

/** Cuts what comes in chunks into lines. The rest of a line that is too long is thrown away. */
const lines = (onLine: (line: string) => void): ((chunk: Buffer) => void) => {
  let line = ""
  return (chunk) => {
    const parts = chunk.toString("latin1").split("\n")
    for (let i = 0; i < parts.length; i++) {
      if (line.length < maxLine) line = (line + parts[i]!).slice(0, maxLine)
      if (i === parts.length - 1) return
      onLine(line.endsWith("\r") ? line.slice(0, -1) : line)
      line = ""
    }
  }
}
