import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { decode } from "../../src/encoding/relayReader.js"
import { distributionReads } from "../../src/encoding/scalars.js"
import type { FieldValue, Measurement } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"
import * as ZeroMq from "../../src/sinks/ZeroMq.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import { zeroMq } from "../../src/transport/zeroMq.js"
import { freePort } from "../servers/harness.js"

const plain = (value: FieldValue): number | bigint | boolean | string =>
  value instanceof Int || value instanceof UInt ? BigInt(value.value) : value

const fieldsOf = (measurement: Measurement): Record<string, number | bigint | boolean | string> => {
  switch (measurement._tag) {
    case "point":
      return Object.fromEntries(measurement.fieldNames.map((name, i) => [name, plain(measurement.fieldValues[i]!)]))
    case "distribution":
      return Object.fromEntries(
        distributionReads(measurement.series.boundaries, [0.5, 0.95, 0.99]).map(({ name, read }) => [
          name,
          read(measurement)
        ])
      )
    default:
      return { value: measurement.value }
  }
}

/** Stands in for a broker: reads what is published with the relay's own reader, which has tests of its own. */
const backend = Effect.gen(function* () {
  const zmq = yield* Effect.orDie(zeroMq())
  const port = yield* Effect.promise(freePort)
  const socket = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 0 })
  yield* Effect.addFinalizer(() => Effect.sync(() => socket.close()))
  socket.subscribe()
  yield* Effect.promise(() => socket.bind(`tcp://127.0.0.1:${port}`))
  const received: Array<SinkContract.Received> = []
  const writes: Array<SinkContract.Write> = []
  const listen = async (): Promise<void> => {
    for await (const [, bytes] of socket) {
      const body = decode(bytes!, Infinity)
      if ("unreadable" in body) throw new Error(body.reason)
      writes.push({ records: body.measurements.length, bytes: bytes!.length })
      for (const measurement of body.measurements) {
        const { millis, nanos, series } = measurement
        received.push({
          name: series.name,
          tags: Object.fromEntries(series.tags),
          fields: fieldsOf(measurement),
          millis: millis + nanos / 1e6
        })
      }
    }
  }
  listen().catch(() => {})
  const proxy = yield* ChaosProxy.make({ port })
  return { ...proxy, received: Effect.sync(() => [...received]), writes: Effect.sync(() => [...writes]) }
})

describe.concurrent("ZeroMq keeps the contract: it", () => {
  const subject: SinkContract.Subject<SinkContract.Backend & ChaosProxy.ChaosProxy> = {
    name: "ZeroMq",
    backend,
    layer: ({ host, port }, delivery) => ZeroMq.layer({ host, port, ...delivery }),
    wire: { acknowledgedBy: "kernel" }
  }
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})
