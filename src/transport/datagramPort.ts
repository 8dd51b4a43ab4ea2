/**
 * Connected sockets of datagrams: Node's own for UDP, and those of the package unix-dgram for Unix sockets.
 */
import { Effect } from "effect"
import type * as Dgram from "node:dgram"
import type * as Dns from "node:dns"
import type * as Util from "node:util"
import { codeOf } from "./failure.js"
import { loadPackage, type MissingPackage } from "./missing.js"
import { load } from "./node.js"

/** Where to. */
export type Address =
  | { readonly host: string; readonly port: number }
  /** A Unix socket of datagrams: needs the package unix-dgram, as Node has none. */
  | { readonly path: string }

/** A connected socket. */
export interface Port {
  /** `done` is told the error's code, in a later turn or at once. */
  readonly send: (bytes: Uint8Array, done: (code: string | undefined) => void) => void
  readonly close: () => void
  /** What went wrong with it: it is of no more use. */
  failed: string | undefined
}

export interface Connector {
  /** The address, or the path. */
  readonly to: string
  /** Makes a socket. `ready` is told in a later turn whether it is connected, `broke` what goes wrong after that. */
  readonly connect: (ready: (code: string | undefined) => void, broke: (code: string) => void) => Port
}

/** All that the name of the host stands for now. Fails with the error's code. */
export const connectors = (
  address: Address
): Effect.Effect<Effect.Effect<ReadonlyArray<Connector>, string>, MissingPackage> =>
  "path" in address ? unixConnectors(address.path) : udpConnectors(address)

const nameOf = (error: unknown): string => codeOf(error) ?? "EIO"

const udpConnectors = ({ host, port }: { readonly host: string; readonly port: number }) =>
  Effect.promise(async () => {
    const dgram = await load<typeof Dgram>("node:dgram")
    const { lookup } = await load<typeof Dns>("node:dns")
    return Effect.async<ReadonlyArray<Connector>, string>((resume) => {
      // Many daemons listen on IPv4 only, also where a name has both.
      const tell = (error: Error | null, found: ReadonlyArray<Dns.LookupAddress>): void =>
        resume(
          error === null
            ? Effect.succeed(
                [...found]
                  .sort((a, b) => a.family - b.family)
                  .map(({ address, family }) => udp(dgram, family === 6 ? "udp6" : "udp4", address, port))
              )
            : Effect.fail(nameOf(error))
        )
      lookup(host, { all: true }, tell)
    })
  })

const udp = (dgram: typeof Dgram, type: Dgram.SocketType, address: string, port: number): Connector => ({
  to: address,
  connect: (ready, broke) => {
    const socket = dgram.createSocket(type)
    let isConnected = false
    // Without a listener it would end the process.
    socket.on("error", (error) => {
      if (isConnected) broke(nameOf(error))
      else ready(nameOf(error))
    })
    // Told by the callback, and not by the event, what is wrong with the address.
    socket.connect(port, address, (...errors: ReadonlyArray<unknown>) => {
      if (errors[0] !== undefined) return ready(nameOf(errors[0]))
      isConnected = true
      // An idle socket is no reason for a process to go on.
      socket.unref()
      ready(undefined)
    })
    return {
      failed: undefined,
      send: (bytes, done) =>
        socket.send(bytes, (error) => done(error === null || error === undefined ? undefined : nameOf(error))),
      close: () => {
        socket.close()
      }
    }
  }
})

/** What is used of unix-dgram. */
interface UnixDgram {
  readonly createSocket: (type: "unix_dgram") => {
    readonly on: (event: "error" | "connect" | "congestion" | "writable", listener: (error: Error) => void) => void
    readonly connect: (path: string) => void
    readonly send: (
      bytes: Uint8Array,
      done: (error?: { readonly code?: unknown; readonly message: string }) => void
    ) => void
    readonly close: () => void
  }
}

const unixConnectors = (path: string) =>
  Effect.gen(function* () {
    const {
      default: { createSocket }
    } = yield* loadPackage<{ readonly default: UnixDgram }>("unix-dgram")
    const { getSystemErrorName } = yield* Effect.promise(() => load<typeof Util>("node:util"))
    const unixNameOf = (code: unknown): string =>
      typeof code === "number" && code < 0 ? getSystemErrorName(code) : code === 1 ? "congestion" : "EIO"
    const connect: Connector["connect"] = (ready, broke) => {
      let isConnected = false
      const socket = createSocket("unix_dgram")
      socket.on("error", (error) => {
        const code = unixNameOf("code" in error ? error.code : undefined)
        if (isConnected) broke(code)
        else ready(code)
      })
      // It answers at once.
      queueMicrotask(() => {
        socket.on("connect", () => {
          isConnected = true
          ready(undefined)
        })
        socket.connect(path)
      })
      return {
        failed: undefined,
        send: (bytes, done) =>
          socket.send(bytes, (error) => done(error === undefined ? undefined : unixNameOf(error.code))),
        close: () => {
          socket.close()
        }
      }
    }
    return Effect.succeed([{ to: path, connect }])
  })
