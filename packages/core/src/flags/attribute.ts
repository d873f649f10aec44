/** Owns reading attributes of a context: which paths there are, and what they find. */
import { isConfigurationError } from '../errors.ts';
import { parsePath, type Path } from '../path.ts';
import type { FlagContext } from './flag.ts';

/** Reads one attribute; `undefined` where the context has none, or none of a type that conditions know. */
export type ReadAttribute = (context: FlagContext) => unknown;

/** Attributes that stand beside `attributes` in a context. */
const ownNames = ['userId', 'organizationId', 'teamId', 'environment', 'targetingKey'] as const;
type OwnName = (typeof ownNames)[number];

/**
 * The steps from a context to an attribute; `undefined` when the text is no such path. A path that begins with none of the names of a
 * context leads into its attributes.
 */
export function attributePath(attribute: unknown): Path | undefined {
  if (typeof attribute !== 'string' || attribute.length > 255) return undefined;
  const path = readPath(attribute);
  const [first] = path ?? [];
  if (path === undefined || typeof first !== 'string') return undefined;
  if (first === 'attributes') return path.length > 1 ? path : undefined;
  return isOwnName(first) ? (path.length === 1 ? path : undefined) : ['attributes', ...path];
}

function readPath(text: string): Path | undefined {
  try {
    return parsePath(text);
  } catch (error) {
    if (isConfigurationError(error)) return undefined;
    throw error;
  }
}

function isOwnName(name: string): name is OwnName {
  return (ownNames as readonly string[]).includes(name);
}

/** Compiles the reading of an attribute; `undefined` when its path is none. */
export function attributeReader(attribute: unknown): ReadAttribute | undefined {
  const path = attributePath(attribute);
  if (path === undefined) return undefined;
  const [first, ...steps] = path;
  if (first !== 'attributes') return ownReaders[first as OwnName];
  const [name] = steps;
  return steps.length > 1 || typeof name !== 'string' || isInherited(name) ? pathReader(steps) : nameReader(name);
}

/** The test of what an attribute has, in as few calls as there can be. */
export function attributeTest(
  attribute: unknown,
  read: ReadAttribute,
  test: (actual: unknown) => boolean,
): (context: FlagContext) => boolean {
  const [first, name, ...others] = attributePath(attribute) ?? [];
  if (first !== 'attributes' || typeof name !== 'string' || others.length > 0 || isInherited(name))
    return (context) => test(read(context));
  return nameTest(name, test);
}

function nameTest(name: string, test: (actual: unknown) => boolean): (context: FlagContext) => boolean {
  return ({ attributes }) => test(attributes?.[name]);
}

// The usual case: one property of the attributes, whose name no object inherits. A function of its own keeps nothing but the name.
function nameReader(name: string): ReadAttribute {
  return ({ attributes }) => attributes?.[name];
}

function pathReader(steps: Path): ReadAttribute {
  return (context) => valueAlong(context, steps);
}

const ownReaders: Readonly<Record<OwnName, ReadAttribute>> = {
  userId: ({ userId, targetingKey }) => userId ?? targetingKey,
  organizationId: ({ organizationId }) => organizationId,
  teamId: ({ teamId }) => teamId,
  environment: ({ environment }) => environment,
  targetingKey: ({ targetingKey, userId }) => targetingKey ?? userId,
};

/** Whether a name may be found in an object, a list or a function that does not have it. */
function isInherited(name: string): boolean {
  return name in Array.prototype || name in Function.prototype;
}

function valueAlong({ attributes }: FlagContext, steps: Path): unknown {
  let value: unknown = attributes;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value) !== (typeof step === 'number') || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value;
}
