import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type AddressInfo, createServer, type Socket } from "node:net"
import * as Graphite from "../../src/sinks/Graphite.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import type { Record } from "../encoding/graphite.js"
import { linesOf, parsePath, wholeFrames } from "../encoding/graphite.js"

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

/** Takes records as carbon does, and complains of what carbon would not take. What a connection broke off is not among them. */
const standIn = (read: Read) =>
  Effect.gen(function* () {
    const records: Array<Record> = []
    const complaints: Array<unknown> = []
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      let rest = Buffer.alloc(0)
      socket.on("data", (chunk) => {
        rest = Buffer.concat([rest, chunk])
        try {
          const { end, records: more } = read(rest)
          records.push(...more)
          rest = rest.subarray(end)
        } catch (error) {
          complaints.push(error)
          socket.destroy()
        }
      })
      socket.on("error", () => socket.destroy())
      socket.on("close", () => sockets.delete(socket))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    // A server that listens on a port has an address of this form.
    const proxy = yield* ChaosProxy.make({ port: (server.address() as AddressInfo).port })
    const received = Effect.sync(() => {
      assert.deepStrictEqual(complaints, [])
      return records.map(({ path, second, value }) => {
        const { name, tags } = parsePath(path)
        return { name, tags: Object.fromEntries(tags), fields: { value }, millis: second * 1000 }
      })
    })
    return { ...proxy, received }
  })

type Backend = SinkContract.Backend & ChaosProxy.ChaosProxy

for (const protocol of ["plaintext", "pickle"] as const) {
  describe.concurrent(`Graphite keeps the contract, by ${protocol}: it`, () => {
    const subject: SinkContract.Subject<Backend> = {
      name: `Graphite (${protocol})`,
      backend: standIn(readers[protocol]),
      layer: ({ host, port }, delivery) => Graphite.layer({ host, port, protocol, ...delivery }),
      wire: { acknowledgedBy: "kernel", strings: false, times: "seconds" }
    }
    for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
  })
}
