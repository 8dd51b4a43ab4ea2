/** What arrives when a process ends: the README's table of when the promise holds and when not, row by row. */
import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { bundled } from "./bundle.js"

interface Backend {
  readonly port: number
  /** Recordings that arrived. */
  readonly weight: () => number
  readonly close: () => void
}

const serve = async (answers: "yes" | "never"): Promise<Backend> => {
  let weight = 0
  const server: Server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8")
    request.on("data", (text: string) => (body += text))
    request.on("end", () => {
      if (answers === "never") return
      for (const line of body.split("\n")) weight += Number(line.split(" ")[1])
      response.statusCode = 204
      response.end()
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    weight: () => weight,
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  /** What the app says it recorded, if it came to say so. */
  readonly recorded: number
}

const app = await bundled("test/process/app.ts")

const start = (backend: Backend, ...args: ReadonlyArray<string>) => {
  const child: ChildProcess = spawn(process.execPath, [app, String(backend.port), ...args], {
    cwd: file("../.."),
    stdio: ["ignore", "pipe", "pipe"]
  })
  const killer = setTimeout(() => child.kill("SIGKILL"), 30_000)
  let output = ""
  let ready: () => void = () => {}
  const isReady = new Promise<void>((resolve) => (ready = resolve))
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8")
    stream.on("data", (text: string) => {
      output += text
      if (output.includes("ready")) ready()
    })
  }
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code, signal) => {
      clearTimeout(killer)
      ready()
      resolve({ code, signal, output, recorded: Number(/recorded (\d+)/.exec(output)?.[1] ?? -1) })
    })
  )
  return { child, isReady, ended }
}

const during = async <A>(answers: "yes" | "never", test: (backend: Backend) => Promise<A>): Promise<A> => {
  const backend = await serve(answers)
  try {
    return await test(backend)
  } finally {
    backend.close()
  }
}

describe("when a process ends", { timeout: 60_000 }, () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`by ${signal} in mid-load, everything that was recorded has arrived`, () =>
      during("yes", async (backend) => {
        const app = start(backend, "load")
        await app.isReady
        app.child.kill(signal)
        const { code, output, recorded } = await app.ended
        assert.strictEqual(code, 0, output)
        assert.isAtLeast(recorded, 200)
        assert.strictEqual(backend.weight(), recorded)
      }))
  }

  it("by SIGTERM while the backend never answers, it ends, and one line says exactly what is lost", () =>
    during("never", async (backend) => {
      const app = start(backend, "load", "300")
      await app.isReady
      app.child.kill("SIGTERM")
      const { code, output, recorded } = await app.ended
      assert.strictEqual(code, 0, output)
      const lines = output.split("\n").filter((line) => line.includes("shutdown_deadline"))
      assert.strictEqual(lines.length, 1, output)
      assert.include(lines[0], `lost ${recorded} (shutdown_deadline ${recorded})`)
    }))

  it("by a second signal while the first is being obeyed, at once: what is buffered is gone, uncounted", () =>
    during("never", async (backend) => {
      const app = start(backend, "load", "20000")
      await app.isReady
      app.child.kill("SIGTERM")
      // The first has been seen when the app says what it recorded.
      await saysRecorded(app.child)
      app.child.kill("SIGTERM")
      const { output, signal } = await app.ended
      assert.strictEqual(signal, "SIGTERM")
      assert.notInclude(output, "shutdown_deadline")
    }))

  it("by SIGKILL, what is buffered is gone, uncounted", () =>
    during("never", async (backend) => {
      const app = start(backend, "load")
      await app.isReady
      app.child.kill("SIGKILL")
      const { output, signal } = await app.ended
      assert.strictEqual(signal, "SIGKILL")
      assert.notInclude(output, "lost")
    }))

  it("by process.exit, what is buffered is gone, uncounted; after Metrics.flush it has arrived", () =>
    during("yes", async (backend) => {
      const exited = await start(backend, "exit").ended
      assert.deepStrictEqual([exited.code, exited.recorded, backend.weight()], [0, 100, 0])
      const flushed = await start(backend, "flush-exit").ended
      assert.deepStrictEqual([flushed.code, backend.weight()], [0, 100])
    }))

  it("by an exception outside of any fiber, what is buffered is gone, uncounted", () =>
    during("yes", async (backend) => {
      const thrown = await start(backend, "throw").ended
      assert.notStrictEqual(thrown.code, 0)
      assert.deepStrictEqual([thrown.recorded, backend.weight()], [100, 0])
    }))
})

const saysRecorded = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.on("close", () => resolve())
    child.stdout!.on("data", (text: string) => {
      if (text.includes("recorded")) resolve()
    })
  })
