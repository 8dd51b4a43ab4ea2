/**
 * Ways in which delivery could be wrong, each a small change to one file that a test must notice. `find` occurs exactly once
 * in `file`, whatever its white space; `tests` is the test file that notices, where it is slow `only` the tests so named.
 */
const flusher = "src/delivery/flusher.ts"
const reducer = "src/delivery/reducer.ts"
const retry = "src/delivery/retry.ts"
const drain = "src/delivery/drain.ts"
const queue = "src/delivery/queue.ts"
const attach = "src/delivery/attach.ts"
const pull = "src/delivery/pull.ts"
const service = "src/delivery/service.ts"

const shell = { file: "test/delivery/flusher.test.ts" }
const laws = { file: "test/delivery/reducer.laws.test.ts" }
const enumerated = { file: "test/delivery/reducer.enumerated.test.ts", only: "at a time" }
const fates = { file: "test/delivery/fates.test.ts" }
const queues = { file: "test/delivery/queue.test.ts" }
const wiring = { file: "test/delivery/options.test.ts" }
const pulled = { file: "test/delivery/pull.test.ts" }
const totals = { file: "test/delivery/totals.test.ts" }
const cumulative = { file: "test/delivery/cumulative.test.ts" }
const told = { file: "test/recording/series.test.ts", only: "resend of totals" }
const written = { file: "test/encoding/remoteWrite.test.ts" }
const compressed = { file: "test/encoding/snappy.test.ts" }
const pushed = { file: "test/encoding/pushgateway.test.ts" }
const sent = { file: "test/sinks/PrometheusRemoteWrite.test.ts" }

export const mutants = [
  // The queue.
  {
    name: "a take that waits for points",
    file: queue,
    find: "Effect.runSync(Queue.takeUpTo(queue, limit))",
    replace: "Effect.runSync(Queue.takeBetween(queue, 1, limit))",
    tests: queues
  },
  {
    name: "one point more than capacity",
    file: queue,
    find: "this.count >= this.most",
    replace: "this.count > this.most",
    tests: queues
  },
  {
    name: "one point fewer than capacity",
    file: queue,
    find: "this.count >= this.most",
    replace: "this.count + 1 >= this.most",
    tests: queues
  },
  {
    name: "a full byte bound that does not take its last byte",
    file: queue,
    find: "if (ring.bytes + bytes > capacityBytes) {",
    replace: "if (ring.bytes + bytes >= capacityBytes) {",
    tests: queues
  },
  {
    name: "a point that was pushed out is not counted",
    file: queue,
    find: "    account.drop(reason, weight)\n",
    replace: "",
    tests: queues
  },
  {
    name: "a point that was pushed out is not known to have left",
    file: queue,
    find: "    left(victims)\n",
    replace: "",
    tests: queues
  },
  {
    name: "a point that found the queue full is not counted as recorded",
    file: queue,
    find: "account.recorded += point.weight\n",
    replace: "if (ring.length() < capacity) account.recorded += point.weight\n",
    tests: queues
  },
  {
    name: "queued points never expire",
    file: queue,
    find: "now - marks[0]!.at >= maxAge",
    replace: "now - marks[0]!.at >= Infinity",
    tests: queues
  },
  {
    name: "the trigger never tells",
    file: queue,
    find: "if (ring.length() === triggerSize) onTrigger()",
    replace: "",
    tests: shell
  },

  // The order of a close.
  {
    name: "everything is interrupted before the drain",
    file: flusher,
    find: "        lane.close()\n",
    replace: "        lane.close()\n        yield* Fiber.interruptAll([...fibers, ...sends.keys()])\n",
    tests: shell
  },
  {
    name: "the flusher is stopped before the drain",
    file: flusher,
    find: "        lane.close()\n",
    replace: "        lane.close()\n        yield* Fiber.interruptAll(fibers)\n",
    tests: shell
  },
  {
    name: "writes are interrupted before the drain",
    file: flusher,
    find: "        lane.close()\n",
    replace: "        lane.close()\n        yield* Fiber.interruptAll([...sends.keys()])\n",
    tests: shell
  },
  {
    name: "recordings are taken after the close",
    file: flusher,
    find: "        lane.close()\n",
    replace: "",
    tests: shell
  },
  {
    name: "the wait of a close cannot be interrupted by its timeout",
    file: flusher,
    find: "          Effect.interruptible,\n          Effect.timeoutOption(Duration.millis(options.shutdownTimeout))",
    replace: "          Effect.timeoutOption(Duration.millis(options.shutdownTimeout))",
    tests: shell
  },
  {
    name: "the deadline of a close is on the clock of the app",
    file: flusher,
    find: ",\n          Effect.withClock(Clock.make())",
    replace: "",
    tests: shell
  },
  { name: "no deadline", file: flusher, find: '        post({ _tag: "Deadline" })\n', replace: "", tests: shell },
  {
    name: "the close does not wait",
    file: flusher,
    find: "Effect.timeoutOption(Duration.millis(options.shutdownTimeout))",
    replace: "Effect.timeoutOption(0)",
    tests: shell
  },
  {
    name: "writes outlive the close",
    file: flusher,
    find: "          for (const send of sends) send.forEach(abandon)\n",
    replace: "",
    tests: shell
  },
  {
    name: "the schedule outlives the close",
    file: flusher,
    find: "          yield* Fiber.interruptAll(fibers)\n",
    replace: "",
    tests: shell
  },
  {
    name: "what is being written is not adopted by the close",
    file: reducer,
    find: '    drop(out, batch.items, "shutdown_deadline")\n',
    replace: "",
    tests: laws
  },
  {
    name: "what waits to be written again is not adopted by the close",
    file: reducer,
    find: '  for (const { items } of state.waiting) drop(out, items, "shutdown_deadline")\n',
    replace: "",
    tests: enumerated
  },
  {
    name: "a close that waits for the next try",
    file: reducer,
    find: "        notBefore: event.now,\n        throttled: false,\n        backoff: 0,",
    replace: "",
    tests: laws
  },
  {
    name: "a close that ends with windows still open",
    file: reducer,
    find: "  if (world.dirty > 0) {",
    replace: "  if (world.dirty > 1e9) {",
    tests: enumerated
  },

  // The shell.
  {
    name: "what is in flight is not in the ledger",
    file: flusher,
    find: "inFlight: State.inFlight(state)",
    replace: "inFlight: 0",
    tests: shell
  },
  {
    name: "delivered is counted a turn later",
    file: flusher,
    find: "          return lane.delivered(action.items)",
    replace: "          return queueMicrotask(() => lane.delivered(action.items))",
    tests: shell
  },
  {
    name: "only failures of a schedule are caught, not its defects",
    file: flusher,
    find: 'Effect.catchAllCause((cause) => logCause("the schedule failed", cause))',
    replace: 'Effect.catchAll((cause) => logCause("the schedule failed", cause))',
    tests: shell
  },
  {
    name: "only failures of the flusher are caught, not its defects",
    file: flusher,
    find: 'Effect.catchAllCause((cause) => logCause("the flusher failed, and goes on", cause))',
    replace: 'Effect.catchAll((cause) => logCause("the flusher failed, and goes on", cause))',
    tests: shell
  },
  {
    name: "windows that were reopened are not counted when they are written again",
    file: flusher,
    find: "lane.account.retried += reopened.get(series) ?? 0",
    replace: "",
    tests: shell
  },
  {
    name: "windows that were reopened are counted with every write from then on",
    file: flusher,
    find: "          reopened.delete(series)\n        }",
    replace: "        }",
    tests: shell
  },
  {
    name: "a defect of the sink is retried for ever",
    file: flusher,
    find: 'return { _tag: "Defect", reason: `the sink died',
    replace: 'return { _tag: "Unavailable", reason: `the sink died',
    tests: shell
  },
  {
    name: "a flush holds the event loop",
    file: flusher,
    find: "if (!Turn.isSpent()) return answer(encode(action.batch))",
    replace: "if (Turn.isSpent() || true) return answer(encode(action.batch))",
    tests: shell
  },
  {
    name: "an encoder that throws is not caught",
    file: flusher,
    find: '        return { _tag: "EncodeThrew", id, reason: `the encoder threw ${describe(error)}` }',
    replace: "        throw error",
    tests: shell
  },
  {
    name: "a write that cannot be interrupted is waited for",
    file: flusher,
    find: "          for (const send of sends) send.forEach(abandon)\n",
    replace: "          yield* Fiber.interruptAll([...sends.keys()])\n",
    tests: shell
  },
  {
    name: "a write is waited for without end",
    file: flusher,
    find: 'done({ _tag: "Unavailable", reason, ambiguous: true }, fiber)',
    replace: "",
    tests: shell
  },
  {
    name: "a write runs on after its timeout",
    file: flusher,
    find: "          abandon(other)\n",
    replace: "",
    tests: shell
  },
  {
    name: "a timeout is taken for a definite failure",
    file: flusher,
    find: 'done({ _tag: "Unavailable", reason, ambiguous: true }, fiber)',
    replace: 'done({ _tag: "Unavailable", reason, ambiguous: false }, fiber)',
    tests: shell
  },
  {
    name: "the first flush at once",
    file: flusher,
    find: "Effect.schedule(tick, options.schedule)",
    replace: "Effect.repeat(tick, options.schedule)",
    tests: shell
  },
  {
    name: "a wait is not slept",
    file: flusher,
    find: "      yield* Effect.timeoutOption(latch.await, Duration.millis(sleep))",
    replace: "      yield* Effect.zipRight(Effect.sync(() => sleep), latch.await)",
    tests: shell
  },
  {
    name: "the sink's spans are the app's",
    file: flusher,
    find: "    const runtime = yield* Effect.runtime<never>().pipe(\n      Effect.withTracerEnabled(false),",
    replace: "    const runtime = yield* Effect.runtime<never>().pipe(",
    tests: shell
  },

  // Fates.
  {
    name: "what was stored in part is written again as a whole",
    file: reducer,
    find: "rejections: delivered.length > 0 ? 0 : state.rejections }, batch, again, out)",
    replace: "rejections: delivered.length > 0 ? 0 : state.rejections }, batch, batch.items, out)",
    tests: laws
  },
  {
    name: "a failure of unknown fate is taken for a definite one",
    file: reducer,
    find: "return outcome.ambiguous ? doubted(config, failed",
    replace: "return outcome.ambiguous && moment.now < 0 ? doubted(config, failed",
    tests: fates
  },
  {
    name: "windows of unknown fate merge back after the next failure",
    file: reducer,
    find: "const windows = batch.unsure ? [] : items",
    replace: "const windows = items",
    tests: laws
  },
  {
    name: "unknown fates are retried where they are to be dropped",
    file: reducer,
    find: 'if (config.ambiguous === "retry") return again',
    replace: "if (config.ambiguous !== undefined) return again",
    tests: fates
  },
  {
    name: "unknown fates are dropped where they are to be retried",
    file: reducer,
    find: 'if (config.ambiguous === "retry") return again',
    replace: "if (config.ambiguous === undefined) return again",
    tests: fates
  },
  {
    name: "unknown fates are not counted",
    file: reducer,
    find: '  if (!batch.unsure) out.push({ _tag: "Ambiguous", weight: weigh(batch.items) })\n  if (config',
    replace: "  if (config",
    tests: laws
  },
  {
    name: "a batch of unknown fate is written again under another id",
    file: reducer,
    find: "doubted(config, failed, batch, out, enqueueAgain)",
    replace: "doubted(config, failed, batch, out, enqueue)",
    tests: laws
  },
  {
    name: "what failed goes to the end of the line",
    file: reducer,
    find: "const place = behind < 0 ? state.waiting.length : behind",
    replace: "const place = behind < 0 ? 0 : state.waiting.length",
    tests: enumerated
  },
  {
    name: "batches in line never expire",
    file: reducer,
    find: "if (!state.waiting.some((batch) => expiry(config, batch) <= now)) return state",
    replace: "return state",
    tests: laws
  },
  {
    name: "bisecting loses the second half",
    file: reducer,
    find: "return enqueue(config, enqueue(config, state, second), first)",
    replace: "return enqueue(config, second.items.length > 0 ? state : state, first)",
    tests: laws
  },
  {
    name: "bisecting writes the bad half forever",
    file: reducer,
    find: "  if (batch.items.length === 1) {",
    replace: "  if (batch.items.length === 0) {",
    tests: laws
  },
  {
    name: "too large is dropped as rejected",
    file: reducer,
    find: 'outcome._tag === "TooLarge" ? "too_large" : "rejected"',
    replace: '"rejected"',
    tests: laws
  },
  {
    name: "what the encoder left out of a batch is lost",
    file: reducer,
    find: "  if (taken < batch.items.length) {",
    replace: "  if (taken < 0) {",
    tests: laws
  },
  {
    name: "the end is decided before windows have merged back",
    file: reducer,
    find: '_tag === "MarkDue" || _tag === "Reopen"',
    replace: '_tag === "MarkDue"',
    tests: enumerated
  },

  // Waits and rates.
  {
    name: "Retry-After is not bounded",
    file: retry,
    find: "Math.min(millis, maxRetryAfter)",
    replace: "millis",
    tests: laws
  },
  {
    name: "Retry-After may be nothing or less",
    file: retry,
    find: "millis !== undefined && millis > 0 ?",
    replace: "millis !== undefined ?",
    tests: laws
  },
  { name: "no jitter", file: retry, find: "? most * random : most", replace: "? most : most", tests: laws },
  {
    name: "jitter where none is wanted",
    file: retry,
    find: "? most * random : most",
    replace: "? most * random : most * random",
    tests: laws
  },
  {
    name: "waits grow without bound",
    file: retry,
    find: "Math.min(config.retryMax, config.retryInitial",
    replace: "Math.max(0, config.retryInitial",
    tests: laws
  },
  {
    name: "waits do not grow",
    file: reducer,
    find: "backoff: counts ? state.backoff + 1 : state.backoff",
    replace: "backoff: 0",
    tests: laws
  },
  {
    name: "rejections are not paced",
    file: retry,
    find: "export const freeRejections = 32",
    replace: "export const freeRejections = 64",
    tests: laws
  },
  {
    name: "as many writes while the backend fails",
    file: reducer,
    find: "state.failures > 0 || state.rejections >= Retry.freeRejections ? 1 : config.concurrency",
    replace: "config.concurrency",
    tests: laws
  },
  {
    name: "what failed together counts for each",
    file: reducer,
    find: "const counts = flight.round === state.round",
    replace: "const counts = flight.round <= state.round",
    tests: laws
  },
  {
    name: "a flush bothers a backend that asked for patience",
    file: reducer,
    find: "notBefore: state.throttled ? state.notBefore : Math.min(state.notBefore, soon)",
    replace: "notBefore: soon",
    tests: laws
  },
  {
    name: "flushes in a loop hammer a backend that is down",
    file: reducer,
    find: "Math.max(event.now, state.failedAt + config.retryInitial)",
    replace: "event.now",
    tests: laws
  },
  {
    name: "a flush that was interrupted is remembered",
    file: flusher,
    find: '            post({ _tag: "Forget", token })\n',
    replace: "",
    tests: shell
  },
  {
    name: "a close waits for the schedule",
    file: flusher,
    find: "        // So that a close does not wait for what in a schedule cannot be interrupted.\n        Effect.disconnect",
    replace: "        Effect.interruptible",
    tests: shell
  },
  {
    name: "a flush waits for the next try",
    file: reducer,
    find: "notBefore: state.throttled ? state.notBefore : Math.min(state.notBefore, soon)",
    replace: "notBefore: state.notBefore",
    tests: laws
  },
  {
    name: "wrong credentials are tried as often as a backend that is down",
    file: reducer,
    find: "wrong ? config.retryMax : Retry",
    replace: "wrong && now < 0 ? config.retryMax : Retry",
    tests: laws
  },
  {
    name: "no rate limit",
    file: retry,
    find: "tokens(config, state, now) - spent",
    replace: "tokens(config, state, now)",
    tests: laws
  },
  {
    name: "every failure is logged",
    file: reducer,
    find: "const logs = isDoubling(troubles)",
    replace: "const logs = failures > 0",
    tests: laws
  },
  {
    name: "each failure on and off is logged",
    file: reducer,
    find: "const troubles = isCalm ? 1 : state.troubles + 1",
    replace: "const troubles = failures",
    tests: laws
  },
  {
    name: "the end of a failure is logged that was not",
    file: reducer,
    find: "if (state.logged) out.push",
    replace: "out.push",
    tests: laws
  },

  // What is due.
  {
    name: "a trigger writes what is no full batch",
    file: reducer,
    find: "queued < config.batchSize ? queued : queued - (queued % config.batchSize)",
    replace: "queued",
    tests: laws
  },
  {
    name: "a tick leaves points for the trigger",
    file: reducer,
    find: "through: Math.max(state.through, event.world.tail) }",
    replace: "through: state.through }",
    tests: laws
  },
  {
    name: "a flush forgets windows behind sealed ones",
    file: drain,
    find: "passes: sealed ? 2 : 1",
    replace: "passes: 1",
    tests: enumerated
  },
  {
    name: "a flush forgets what merged back",
    file: drain,
    find: "{ ...state.drain, windows: Number.POSITIVE_INFINITY, before: undefined }",
    replace: "{ ...state.drain }",
    tests: enumerated
  },
  {
    name: "a flush is done when all is gathered",
    file: drain,
    find: "if (state.waiting.some(open) || state.flying.some(({ batch }) => open(batch))) {",
    replace: "if (state.nextAt < 0) {",
    tests: enumerated
  },
  {
    name: "a flush joins one that does not cover it",
    file: drain,
    find: "drain.marks === state.marks && drain.points === world.tail && world.dirty === 0",
    replace: "drain.points >= 0",
    tests: enumerated
  },

  // From the options to the lane.
  {
    name: "viewPoint is forgotten",
    file: attach,
    find: "viewPoint: viewOf(options.viewPoint)",
    replace: "viewPoint: viewOf(options.view)",
    tests: wiring
  },
  {
    name: "maxSeries is forgotten",
    file: attach,
    find: "maxSeries: options.maxSeries",
    replace: "maxSeries: 10_000",
    tests: wiring
  },
  {
    name: "expireAfter is forgotten",
    file: attach,
    find: "expireAfterMillis: options.expireAfter ?? null",
    replace: "expireAfterMillis: null",
    tests: wiring
  },
  {
    name: "aggregate is forgotten",
    file: attach,
    find: "raw: options.raw",
    replace: "raw: new Set()",
    tests: wiring
  },
  {
    name: "resend is forgotten",
    file: attach,
    find: 'resendGauges: options.resend === "always"',
    replace: "resendGauges: false",
    tests: wiring
  },

  // Totals that are written, and told again.
  {
    name: "a total that falls once nobody knows of a write",
    file: "src/delivery/cumulative.ts",
    find: "total.sent !== undefined && total.doubts > 0",
    replace: "total.sent !== undefined && total.doubts > 1",
    tests: cumulative
  },
  {
    name: "a lane that tells gauges alone again",
    file: "src/recording/lane.ts",
    find: '(resendTotals || cell.kind === "gauge")',
    replace: '(cell.kind === "gauge")',
    tests: told
  },
  {
    name: "a total that is told again and keeps its series",
    file: "src/recording/series.ts",
    find: "if (weight > 0) cell.startMillis = millis",
    replace: "cell.startMillis = millis",
    tests: told
  },
  {
    name: "native buckets that are one too low",
    file: "src/encoding/nativeHistogram.ts",
    find: "const place = index + 1",
    replace: "const place = index",
    tests: written
  },
  {
    name: "symbols that a measurement leaves behind that does not fit",
    file: "src/encoding/remoteWrite.ts",
    find: "while (opened.length > openedBefore) opened.pop()!.request = 0",
    replace: "opened.length = openedBefore",
    tests: written
  },
  {
    name: "labels in another order than that of bytes",
    file: "src/encoding/remoteWriteSeries.ts",
    find: "pairs.sort(([a], [b]) => order(a, b))",
    replace: "pairs.reverse()",
    tests: written
  },
  {
    name: "a short copy from too far",
    file: "src/encoding/snappy.ts",
    find: "length < 12 && distance < 2048",
    replace: "length < 12 && distance < 4096",
    tests: compressed
  },
  {
    name: "a push that forgets what was pushed before",
    file: "src/encoding/pushgateway.ts",
    find: "for (const [series, one] of all) kept.set(series, one)",
    replace: "",
    tests: pushed
  },
  {
    name: "a receiver of 1.0 that is asked in 2.0 for ever",
    file: "src/sinks/PrometheusRemoteWrite.ts",
    find: "version = 1 yield*",
    replace: "yield*",
    tests: sent
  },

  // Sources that are read.
  {
    name: "a scheduled flush that reads no source",
    file: flusher,
    find: 'Effect.suspend(() => pull("schedule"))',
    replace: "Effect.void",
    tests: pulled
  },
  {
    name: "a flush that reads no source",
    file: "src/Metrics.ts",
    find: 'hub.pullAll("flush")',
    replace: "Effect.void",
    tests: pulled
  },
  {
    name: "a lane that closes without a last reading",
    file: flusher,
    find: 'yield* pull("close")',
    replace: "",
    tests: pulled
  },
  {
    name: "a source that closes without a last reading",
    file: pull,
    find: 'read("close"), Effect.sync',
    replace: "Effect.void, Effect.sync",
    tests: pulled
  },
  {
    name: "a source that is read again while it is fresh",
    file: pull,
    find: "now() - readAt < freshness",
    replace: "false",
    tests: pulled
  },
  {
    name: "a long reading that holds the event loop",
    file: pull,
    find: "Turn.isSpent() ? nextTurn : Effect.void",
    replace: "Effect.void",
    tests: pulled
  },
  {
    name: "what is read late is refused by lanes that have closed",
    file: pull,
    find: ".filter(({ closed }) => !closed)",
    replace: "",
    tests: pulled
  },
  {
    name: "a source that only its own hub's lanes read",
    file: service,
    find: "this.parent?.addPulled(pulled)",
    replace: "",
    tests: pulled
  },
  {
    name: "a flush that reads only the sources of its own hub",
    file: service,
    find: "this.parent.pullAll(by)",
    replace: "this.pull(by)",
    tests: pulled
  },

  // Sinks that are read.
  {
    name: "a series that was never recorded is told",
    file: "src/recording/totals.ts",
    find: "cell.weight > 0 && isTold(cell)) yield",
    replace: "isTold(cell)) yield",
    tests: totals
  },
  {
    name: "one of the last values too few",
    file: "src/recording/recent.ts",
    find: "this.values.length < this.size",
    replace: "this.values.length < this.size - 1",
    tests: totals
  },
  {
    name: "the oldest of the last values is kept",
    file: "src/recording/recent.ts",
    find: "this.next + 1 === this.size ? 0 : this.next + 1",
    replace: "this.size - 1",
    tests: totals
  },
  {
    name: "points that nobody keeps are not counted",
    file: "src/delivery/totals.ts",
    find: 'else lane.account.drop("unsupported", point.weight)',
    replace: "",
    tests: totals
  },
  {
    name: "last points without a bound of bytes",
    file: "src/recording/totals.ts",
    find: "|| this.bytes > this.mostBytes",
    replace: "",
    tests: totals
  },
  {
    name: "a lane of totals that stays open",
    file: "src/delivery/totals.ts",
    find: "lane.close()",
    replace: "",
    tests: totals
  },
  {
    name: "a lane of totals whose instruments may make points",
    file: "src/recording/catalog.ts",
    find: 'if (this.config.totals !== undefined) return "windowed"',
    replace: "",
    tests: totals
  }
]
