/** A worker whose backend never answers: it holds what it receives until it is killed. Says `holding` when it has something. */
import { Effect, Layer } from "effect"
import * as Transport from "../../src/relay/Transport.js"
import * as Worker from "../../src/relay/Worker.js"
import * as Sink from "../../src/Sink.js"

const [servers = "", replicas = "1"] = process.argv.slice(2)

const backend = Sink.layer({
  name: "silent",
  byLevel: true,
  schedule: undefined,
  make: Effect.succeed({
    write: () =>
      Effect.zipRight(
        Effect.sync(() => void process.stdout.write("holding\n")),
        Effect.never
      )
  })
})

// It is killed long before, unless its test was.
setTimeout(() => process.exit(3), 90_000).unref()

Effect.runFork(
  Layer.launch(
    Worker.layer({
      transport: Transport.nats({ servers: servers.split(","), replicas: Number(replicas), ackWait: "2 seconds" })
    }).pipe(Layer.provide(backend))
  )
)
