/** A broker as a process of its own, which says that it is ready. Arguments: its options as JSON, and how it ends. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import * as Broker from "../../src/relay/Broker.js"

const [options = "{}", end] = process.argv.slice(2)

// As the test gives them.
const given = JSON.parse(options) as Broker.Options

const forward = Broker.make(given).pipe(
  Effect.tap(() =>
    Effect.sync(() => {
      console.log("ready")
      if (end === "exit") setTimeout(() => process.exit(3), 50)
    })
  ),
  Effect.flatten,
  Effect.scoped
)
NodeRuntime.runMain(forward)
