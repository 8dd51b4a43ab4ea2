/** Scripts that complete the command in shells. */
import { common, type Entry, type Manual } from "./manual.js"

export const shells = ["bash", "zsh", "fish"] as const

export type ShellName = (typeof shells)[number]

export interface Completed {
  readonly program: string
  readonly manuals: ReadonlyArray<Manual>
  /** What URLs of sinks begin with. */
  readonly schemes: ReadonlyArray<string>
}

/** What may follow an option, or stand in the place of an argument. */
type Values = ReadonlyArray<string> | "folders" | "anything"

const words: Readonly<Record<string, ReadonlyArray<string>>> = {
  "--log-level": ["all", "trace", "debug", "info", "warning", "error", "fatal", "none"],
  "--completions": shells,
  "--sum": ["by-kind", "plain"],
  "--from": ["tcp://", "nats://", "nats+tls://"],
  measurement: ["counter", "gauge", "timer", "distribution", "point"]
}

const valuesOf = ({ names: [name = ""], value }: Entry, schemes: ReadonlyArray<string>): Values =>
  words[name] ?? (value === "url" || name === "url" ? schemes : value === "folder" ? "folders" : "anything")

const optionNames = (entries: ReadonlyArray<Entry>): string => entries.flatMap(({ names }) => names).join(" ")

/** Where `=` and `:` break words, the line before the cursor has them as words of their own. */
const bash = ({ manuals, program, schemes }: Completed): string => {
  const all = [...new Map([...manuals.flatMap(({ options }) => options), ...common].map((one) => [one.names[0], one]))]
  const cases = all.flatMap(([, one]) => {
    if (one.value === undefined) return []
    const values = valuesOf(one, schemes)
    const action =
      values === "folders"
        ? 'COMPREPLY=($(compgen -d -- "$cur")); return'
        : values === "anything"
          ? "return"
          : `words="${values.join(" ")}"`
    return [`    ${one.names.join("|")}) ${action} ;;`]
  })
  const commands = manuals.map(({ arguments: args, name, options }) => {
    const places = args.map((one) => valuesOf(one, schemes)).flatMap((values) => (Array.isArray(values) ? values : []))
    return `      ${name}) words="${[...places, optionNames([...options, ...common])].join(" ")}" ;;`
  })
  return `_effect_metrics() {
  local cur prev word words="" command=""
  COMPREPLY=()
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=\${COMP_WORDS[COMP_CWORD-1]}
  if [[ $cur == "=" ]]; then cur=""
  elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $cur == ":"* || $prev == ":" ]]; then return
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${manuals.map(({ name }) => name).join("|")}) command=$word; break ;; esac
  done
  case $prev in
${cases.join("\n")}
    *) case $command in
${commands.join("\n")}
      *) words="${manuals.map(({ name }) => name).join(" ")} ${optionNames(common)}" ;;
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ \${COMPREPLY[0]} == *[:/] ]] && compopt -o nospace 2> /dev/null
  return 0
}
complete -F _effect_metrics ${program}`
}

/** Within single quotes. */
const quoted = (text: string): string => text.replaceAll("'", "'\\''")

const zsh = ({ manuals, program, schemes }: Completed): string => {
  const functions = new Map<string, string>()
  const action = (one: Entry): string => {
    const values = valuesOf(one, schemes)
    if (values === "folders") return "_files -/"
    if (values === "anything") return " "
    if (!values.some((value) => /[:/]$/.test(value))) return `(${values.join(" ")})`
    // Colons part what is said of an option, but not what a function says.
    const name = `_effect_metrics_${one.names[0]!.replace(/^--/, "")}`
    functions.set(name, `${name}() { compadd "$@" -S "" -- ${values.join(" ")} }`)
    return name
  }
  const option = (one: Entry): string => {
    const description = one.description.replace(/[[\]\\:]/g, "\\$&")
    const follows = one.value === undefined ? "" : `:${one.value.replaceAll(":", "\\:")}:${action(one)}`
    return one.names.map((name) => `'*${name}${quoted(`[${description}]${follows}`)}'`).join(" ")
  }
  const commands = manuals.map(
    (manual) =>
      `    ${manual.name}) _arguments ${[
        ...[...manual.options, ...common].map(option),
        ...manual.arguments.map((one) => `'*:${one.names.join()}:${quoted(action(one))}'`)
      ].join(" ")} ;;`
  )
  const names = manuals.map(({ description, name }) => `'${name}:${quoted(description.replaceAll(":", "\\:"))}'`)
  return `#compdef ${program}
${[...functions.values()].join("\n")}
_effect_metrics() {
  local curcontext="$curcontext" state line
  local -a commands=(${names.join(" ")})
  _arguments -C ${common.map(option).join(" ")} '1: :->command' '*:: :->rest' && return 0
  case $state in
    command) _describe command commands ;;
    rest) case $line[1] in
${commands.join("\n")}
    esac ;;
  esac
}
if [[ $funcstack[1] == _${program} ]]; then _effect_metrics "$@"; else compdef _effect_metrics ${program}; fi`
}

const fish = ({ manuals, program, schemes }: Completed): string => {
  const list = (values: Values): string =>
    values === "folders"
      ? " -a '(__fish_complete_directories (commandline -ct))'"
      : values === "anything"
        ? ""
        : ` -a '${values.join(" ")}'`
  const option = (one: Entry, condition: string): string => {
    const names = one.names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
    const follows = one.value === undefined ? "" : ` -x${list(valuesOf(one, schemes))}`
    return `complete -c ${program}${condition} ${names.join(" ")}${follows} -d '${described(one)}'`
  }
  return [
    `complete -c ${program} -f`,
    ...common.map((one) => option(one, "")),
    ...manuals.flatMap((manual) => {
      const condition = ` -n '__fish_seen_subcommand_from ${manual.name}'`
      return [
        `complete -c ${program} -n __fish_use_subcommand -a ${manual.name} -d '${described(manual)}'`,
        ...manual.arguments.map((one) => `complete -c ${program}${condition}${list(valuesOf(one, schemes))}`),
        ...manual.options.map((one) => option(one, condition))
      ]
    })
  ].join("\n")
}

const described = ({ description }: { readonly description: string }): string =>
  description.replaceAll("\\", "\\\\").replaceAll("'", "\\'")

export const script = (shell: ShellName, completed: Completed): string => ({ bash, zsh, fish })[shell](completed)
