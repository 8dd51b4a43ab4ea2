import { Duration, Effect, Schedule, ScheduleDecision, ScheduleInterval } from "effect"

/**
 * A schedule that recurs at multiples of `every` on the wall clock (each full ten seconds, each full minute), moved by
 * `offset` where given, so that windows of several processes begin and end together. Give each process another `offset` to
 * spread their writes. A recurrence that is missed because work took longer is skipped. Its output counts recurrences.
 *
 * @example
 * import { Console, Metrics } from "effect-metrics"
 *
 * Console.layer({ schedule: Metrics.aligned("1 minute", { offset: "5 seconds" }) })
 *
 * @since 0.1.0
 * @category schedules
 */
export const aligned = (
  every: Duration.DurationInput,
  options: { readonly offset?: Duration.DurationInput | undefined } = {}
): Schedule.Schedule<number> => {
  const step = Math.max(1, Duration.toMillis(every))
  const offset = options.offset === undefined ? 0 : Duration.toMillis(options.offset)
  return Schedule.makeWithState({ last: -Infinity, count: 0 }, (now, _input, { count, last }) => {
    const into = (((now - offset) % step) + step) % step
    let next = now + step - into
    // A timer may fire just before its time; a clock that was set back must not silence the schedule.
    if (next <= last && last - now <= step) next = last + step
    return Effect.succeed([
      { last: next, count: count + 1 },
      count,
      ScheduleDecision.continueWith(ScheduleInterval.after(next))
    ] as const)
  })
}
