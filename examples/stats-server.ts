/**
 * Serves what all processes of this host have counted that have a pipe: NAMED_PIPE_DIR says where, PORT at which port. Open the
 * address that it prints. `npx tsx examples/stats-server.ts`, Ctrl-C ends it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer } from "effect"
import { StatsServer } from "effect-metrics"

const Served = Layer.unwrapEffect(
  Effect.map(Config.integer("PORT").pipe(Config.withDefault(7828)), (port) =>
    StatsServer.layer({ port, dir: process.env["NAMED_PIPE_DIR"] })
  )
)

NodeRuntime.runMain(Layer.launch(Served))
