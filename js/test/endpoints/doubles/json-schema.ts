/** As much of JSON Schema (draft 4) as Nymtrail's Iglu schemas use; a keyword it does not know is an error. */
export interface Schema {
  type?: string | string[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean
  enum?: unknown[]
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
}

const ANNOTATIONS = ['$schema', 'self', 'description']

const typeOf = (value: unknown) =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value

/** What is wrong with a value, each with the path to it. */
export function faults(value: unknown, schema: Schema, path = '$'): string[] {
  const found: string[] = []
  const must = (holds: boolean, what: string) => {
    if (!holds) found.push(`${path}: ${what}`)
  }
  const text = typeof value === 'string' ? value : undefined
  const number = typeof value === 'number' ? value : undefined
  const object = typeOf(value) === 'object' ? (value as Record<string, unknown>) : undefined
  const rules: { [Name in keyof Schema]-?: (rule: NonNullable<Schema[Name]>) => void } = {
    type: (rule) =>
      must(
        [rule].flat().some((type) => type === typeOf(value) || (type === 'number' && number !== undefined)),
        'type',
      ),
    enum: (rule) => must(rule.includes(value), 'enum'),
    pattern: (rule) => must(text === undefined || new RegExp(rule).test(text), 'pattern'),
    minLength: (rule) => must(text === undefined || [...text].length >= rule, 'minLength'),
    maxLength: (rule) => must(text === undefined || [...text].length <= rule, 'maxLength'),
    minimum: (rule) => must(number === undefined || number >= rule, 'minimum'),
    maximum: (rule) => must(number === undefined || number <= rule, 'maximum'),
    required: (rule) => must(!object || rule.every((name) => name in object), 'required'),
    additionalProperties: (rule) =>
      must(rule || !object || Object.keys(object).every((name) => name in (schema.properties ?? {})), 'additional'),
    properties: (rule) => {
      for (const [name, part] of Object.entries(rule))
        if (object && name in object) found.push(...faults(object[name], part, `${path}.${name}`))
    },
  }
  for (const [name, rule] of Object.entries(schema)) {
    if (ANNOTATIONS.includes(name)) continue
    const check = rules[name as keyof Schema] as ((rule: unknown) => void) | undefined
    if (!check) throw new Error(`The keyword ${name} is not known here.`)
    check(rule)
  }
  return found
}
