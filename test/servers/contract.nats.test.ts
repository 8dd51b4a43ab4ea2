/**
 * The contract of sinks, with NATS JetStream itself behind a proxy that plays the faults.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { decode } from "../../src/encoding/relayReader.js"
import { distributionReads } from "../../src/encoding/scalars.js"
import type { FieldValue, Measurement } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"
import * as Nats from "../../src/sinks/Nats.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import type { Server } from "./harness.js"
import { nats, noNats } from "./nats.js"

const plain = (value: FieldValue): number | bigint | boolean | string =>
  value instanceof Int || value instanceof UInt ? BigInt(value.value) : value

const fieldsOf = (measurement: Measurement): SinkContract.Received["fields"] => {
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

describe.skipIf(noNats !== false)(`the contract${noNats === false ? "" : ` (${noNats})`}`, () => {
  let server: Server
  let connection: NatsConnection
  beforeAll(async () => {
    server = await nats()
    connection = await connect({ servers: `127.0.0.1:${server.port}` })
  })
  afterAll(async () => {
    await connection?.close()
    await server?.stop()
  })

  let streams = 0
  /** What is in a stream of its own is read one by one, with the relay's reader, which has tests of its own. */
  const backend = Effect.gen(function* () {
    const name = `CONTRACT${++streams}`
    const records: Array<SinkContract.Received> = []
    const writes: Array<SinkContract.Write> = []
    let next = 1
    const read = async (): Promise<void> => {
      const manager = await jetstreamManager(connection)
      const last = await manager.streams.info(name).then(
        ({ state }) => state.last_seq,
        () => 0
      )
      for (; next <= last; next++) {
        const data = (await manager.streams.getMessage(name, { seq: next }))!.data
        const body = decode(data, Infinity)
        if ("unreadable" in body) throw new Error(body.reason)
        writes.push({ records: body.measurements.length, bytes: data.length })
        for (const measurement of body.measurements) {
          const { millis, nanos, series } = measurement
          records.push({
            name: series.name,
            tags: Object.fromEntries(series.tags),
            fields: fieldsOf(measurement),
            millis: millis + nanos / 1e6
          })
        }
      }
    }
    const one = yield* Effect.makeSemaphore(1)
    const all = one.withPermits(1)(Effect.promise(read))
    const proxy = yield* ChaosProxy.make(server)
    return {
      ...proxy,
      name,
      received: Effect.map(all, () => [...records]),
      writes: Effect.map(all, () => [...writes])
    }
  })

  describe.concurrent("is kept by Nats with NATS JetStream: it", () => {
    const checks = SinkContract.checks({
      name: "Nats",
      backend,
      layer: ({ host, name, port }, delivery) =>
        Nats.layer({ servers: `${host}:${port}`, stream: name, subject: name.toLowerCase(), ...delivery })
    })
    for (const { name, run } of checks) it.live(name, () => run)
  })
})
