/**
 * What a line from the server means, where lines are put: the one place where it is decided. A good line has no answer, and a
 * complaint does not say which line it is about.
 *
 * | line | meaning |
 * |---|---|
 * | `put: illegal argument: …`, `put: invalid value: …`, `put: unknown metric: …` | it threw a line away |
 * | `put: Please throttle writes: …`, `put: Throttling exception: …` | it threw a line away, and asks for patience |
 * | `put: HBase error: …`, `put: Request timed out: …` | it could not store a line |
 * | `… built at revision …` | the first half of its version |
 * | `Built on …` | the second half: it has read all before the question |
 * | `unknown command: version …` | it will not say |
 * | anything else | a complaint |
 */
export type Reply = "complaint" | "throttle" | "version" | "read" | "mute"

export const replyOf = (line: string): Reply => {
  if (/^\w+: (Please throttle|Throttling exception)/i.test(line)) return "throttle"
  if (line.startsWith("put: ")) return "complaint"
  if (/^unknown command: version\b/.test(line)) return "mute"
  if (line.startsWith("Built on ")) return "read"
  return / built (at|from) revision /.test(line) ? "version" : "complaint"
}
