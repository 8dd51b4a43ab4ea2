// @ts-check
/** What one process says: a third each of counters, gauges and readings. @param {number} number @param {number} lines */
export const textOf = (number, lines) => {
  const third = Math.floor(lines / 3)
  const each = (/** @type {(i: number) => string} */ line) => Array.from({ length: third }, (_, i) => line(i))
  return [
    `effect_metrics.pipe.counters: ${third}`,
    `effect_metrics.pipe.gauges: ${third}`,
    `effect_metrics.pipe.readings: ${third}`,
    ...each((i) => `http.requests{route="/users/${i}",status="200"}: ${i + number}`),
    ...each((i) => `queue.length{queue="q${i}"}: ${(i + number) / 4}`),
    ...each((i) => `http.duration.95th{route="/users/${i}"}: ${((i + number) / 1000).toFixed(6)}`),
    ""
  ].join("\n")
}
