import { assert } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { createServer, type AddressInfo, type Socket } from "node:net"
import * as RelayFrame from "../../src/encoding/relayFrame.js"
import { decode } from "../../src/encoding/relayReader.js"
import * as RelayWriter from "../../src/encoding/relayWriter.js"
import * as ZibratoFrame from "../../src/encoding/zibratoFrame.js"
import type { Kind, Measurement, Point, Series } from "../../src/recording/measurement.js"
import { subscriber } from "../../src/transport/zeroMq.js"
import type { Row } from "./rows.js"

interface Input {
  readonly name: string
  readonly kind: Kind
  readonly value: number | string
  readonly tags: Readonly<Record<string, string>>
  readonly timestampNanos: string
  readonly level: string
  readonly source?: string
}

/** A single recording, as Zibrato made them. */
const measured = ({ kind, level, name, source, tags, timestampNanos, value }: Input): Measurement => {
  const series: Series = {
    name,
    tags: Object.entries(source === undefined ? tags : { ...tags, source }).sort(([a], [b]) => (a < b ? -1 : 1)),
    kind,
    valueType: "float",
    unit: undefined,
    description: undefined,
    level,
    boundaries: undefined,
    encoded: undefined
  }
  const millis = Number(BigInt(timestampNanos) / 1_000_000n)
  const point: Point = {
    _tag: "point",
    series,
    weight: 1,
    millis,
    nanos: 0,
    fieldNames: ["value"],
    fieldValues: [Number(value)],
    sampleRate: 1
  }
  return point
}

const reasons: Readonly<Record<string, RegExp>> = {
  "invalid-name": /^its name "a\|b" contains \|/,
  "non-finite": /NaN or infinite/
}

const runFrame = (row: Row): void => {
  const encode = ZibratoFrame.make({ level: "info", source: "not_specified" })
  const { payload, refused } = encode([measured(row.input as Input)], Infinity)
  if (row.error !== undefined) {
    assert.deepStrictEqual(payload, [])
    return assert.match(refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
  }
  const frame = new TextDecoder().decode(payload[0]!.bytes)
  // Zibrato wrote 1 for 0, which is the one thing that is not to be kept.
  if (row.name === "zero-becomes-one") assert.strictEqual(frame, String(row.expected).replace("|1|", "|0|"))
  else assert.strictEqual(frame, row.expected)
}

/** Two frames: the topic, always ended so that no other level begins with it, and what the row says, in the binary form. */
const runMultipart = (row: Row): void => {
  const [topic, json] = row.expected as readonly [string, string]
  const { level, ...expected } = row.input as Input
  assert.deepStrictEqual(JSON.parse(json), expected)
  const [section] = RelayWriter.make()([measured(row.input as Input)], Infinity).payload
  assert.strictEqual(RelayFrame.topicOf(section!.level), `${topic.replace("\0", "")}\0`)
  const body = decode(RelayFrame.frame({ publisher: "p", batch: "b", level: section!.level }, section!), Infinity)
  assert("measurements" in body)
  const [point] = body.measurements
  assert(point?._tag === "point")
  const { source, ...tags } = Object.fromEntries(point.series.tags)
  assert.deepStrictEqual(
    {
      name: point.series.name,
      kind: point.series.kind,
      value: point.fieldValues[0],
      tags,
      timestampNanos: `${point.millis}${String(point.nanos).padStart(6, "0")}`,
      ...(source === undefined ? {} : { source })
    },
    expected
  )
  assert.strictEqual(body.level, level)
}

/** A peer of ZMTP 3.0, which says that it is an XPUB socket, and what it is then told first. */
const runSubscribe = async (row: Row): Promise<void> => {
  const greeting = Buffer.alloc(64)
  greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0])
  greeting.write("NULL", 12)
  const ready = Buffer.from("\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04XPUB", "latin1")
  const expected = String(row.expected)
  const sockets = new Set<Socket>()
  const told = new Promise<string>((resolve) => {
    const server = createServer((socket) => {
      sockets.add(socket)
      let got = Buffer.alloc(0)
      socket.write(greeting)
      socket.on("error", () => {})
      socket.on("data", (chunk) => {
        const before = got.length
        got = Buffer.concat([got, chunk])
        if (before < 64 && got.length >= 64) socket.write(ready)
        // Their greeting and their READY, whose length is its second byte, come first.
        const commandEnd = 64 + 2 + (got[65] ?? Infinity)
        if (got.length >= commandEnd + expected.length / 2) {
          server.close()
          resolve(got.subarray(commandEnd, commandEnd + expected.length / 2).toString("hex"))
        }
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      const { topic } = row.input as { readonly topic: string }
      const subscribing = Effect.runFork(
        Effect.flatMap(
          subscriber({ host: "127.0.0.1", port, highWaterMark: 10, maxMessageBytes: 1000 }),
          ({ subscribe }) => subscribe([topic], () => {})
        )
      )
      server.once("close", () => Effect.runFork(Fiber.interrupt(subscribing)))
    })
  })
  const bytes = await told
  for (const socket of sockets) socket.destroy()
  assert.strictEqual(bytes, expected)
}

export const run = (row: Row): void | Promise<void> =>
  row.name.startsWith("zmtp3")
    ? runSubscribe(row)
    : row.name.startsWith("multipart")
      ? runMultipart(row)
      : runFrame(row)
