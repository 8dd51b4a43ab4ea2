/** The command line as @effect/cli reads it. */

/** Options that stand alone: all others are followed by a value. */
const flags: ReadonlySet<string> = new Set([
  "--help",
  "-h",
  "--version",
  "--wizard",
  "--write",
  "--once",
  "--trust-others"
])

/** As `--name value`: @effect/cli does not know `--name=value` of options that may be repeated. */
const separated = (arg: string): ReadonlyArray<string> => {
  const [, name, value] = /^(--[a-z-]+)=(.*)$/s.exec(arg) ?? []
  return name === undefined ? [arg] : [name, value!]
}

/** Other than `-5`, which is a number, and `-`, which stands for standard input. */
const isOption = (arg: string): boolean => /^(--.|-[a-z])/i.test(arg)

/**
 * Options first, then `--` and what is none, as @effect/cli wants it: people write them in any order, and numbers with a minus
 * sign. The command itself stays where it is.
 */
export const arranged = (args: ReadonlyArray<string>, commands: ReadonlyArray<string>): ReadonlyArray<string> => {
  const at = args.findIndex((arg) => commands.includes(arg))
  if (at < 0) return args.flatMap(separated)
  const end = args.indexOf("--", at)
  const rest = (end < 0 ? args.slice(at + 1) : args.slice(at + 1, end)).flatMap(separated)
  const options: Array<string> = []
  const others: Array<string> = []
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (!isOption(arg)) {
      others.push(arg)
      continue
    }
    options.push(arg)
    const value = flags.has(arg) ? undefined : rest.shift()
    if (value !== undefined) options.push(value)
  }
  if (end >= 0) others.push(...args.slice(end + 1))
  const before = args.slice(0, at + 1).flatMap(separated)
  return others.length === 0 ? [...before, ...options] : [...before, ...options, "--", ...others]
}

interface Asked {
  readonly command: string | undefined
  /** Those that are given, each with what follows it. */
  readonly options: ReadonlyArray<{ readonly name: string; readonly value: string | undefined }>
}

/** The names in the arguments, whatever they are good for. */
export const askedOf = (args: ReadonlyArray<string>, commands: ReadonlyArray<string>): Asked => {
  const at = args.findIndex((arg) => commands.includes(arg))
  const rest = arranged(args, commands)
  const options: Array<Asked["options"][number]> = []
  for (let i = 0; i < rest.length && rest[i] !== "--"; i++) {
    const name = rest[i]!
    if (!isOption(name)) continue
    options.push({ name, value: flags.has(name) ? undefined : rest[++i] })
  }
  return { command: args[at], options }
}
