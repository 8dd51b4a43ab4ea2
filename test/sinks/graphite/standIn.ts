/** Stands in for carbon: takes records as it does, and complains of what it would not take. */
import { assert } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect } from "effect"
import { type AddressInfo, createServer, type Socket } from "node:net"
import type { Record } from "../../encoding/graphite.js"
import { linesOf, wholeFrames } from "../../encoding/graphite.js"

export interface StandIn {
  readonly host: string
  readonly port: number
  /** Those that came whole, in order. Dies of what carbon would complain of. */
  readonly records: Effect.Effect<ReadonlyArray<Record>>
  /** What each connection has brought so far. */
  readonly connections: ReadonlyArray<{ bytes: Buffer }>
  /** Resets the connections that there are, as a server does that is killed. */
  readonly reset: Effect.Effect<void>
}

/** The records at the start of what a connection has brought, and how many bytes they are. */
type Read = (bytes: Buffer) => { readonly records: ReadonlyArray<Record>; readonly end: number }

const readers: Readonly<{ [protocol in "plaintext" | "pickle"]: Read }> = {
  plaintext: (bytes) => {
    const end = bytes.lastIndexOf(10) + 1
    return { records: linesOf(bytes.subarray(0, end)), end }
  },
  pickle: (bytes) => {
    const { end, frames } = wholeFrames(bytes)
    return { records: frames.flatMap(({ records }) => records), end }
  }
}

const host = "127.0.0.1"

export const make = (protocol: "plaintext" | "pickle"): Effect.Effect<StandIn, never, Scope.Scope> =>
  Effect.gen(function* () {
    const read = readers[protocol]
    const records: Array<Record> = []
    const complaints: Array<unknown> = []
    const connections: Array<{ bytes: Buffer }> = []
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      const connection = { bytes: Buffer.alloc(0) }
      connections.push(connection)
      let done = 0
      socket.on("data", (chunk) => {
        connection.bytes = Buffer.concat([connection.bytes, chunk])
        try {
          const { end, records: more } = read(connection.bytes.subarray(done))
          records.push(...more)
          done += end
        } catch (error) {
          complaints.push(error)
          socket.destroy()
        }
      })
      socket.on("error", () => socket.destroy())
      socket.on("close", () => sockets.delete(socket))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, host, () => resume(Effect.void))),
      () =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    return {
      host,
      // A server that listens on a port has an address of this form.
      port: (server.address() as AddressInfo).port,
      records: Effect.sync(() => {
        assert.deepStrictEqual(complaints, [])
        return [...records]
      }),
      connections,
      reset: Effect.sync(() => {
        for (const socket of sockets) socket.resetAndDestroy()
      })
    }
  })
