import { attributesOf, createInstruments, type Facts, type Instruments } from './instruments.js';
import type {
  AttributesLike,
  ContextLike,
  LoggerLike,
  OpenTelemetryLike,
  SpanLike,
  TracerLike,
} from './open-telemetry-like.js';
import { quietly } from './quietly.js';

/** What is added to every signal, or left out. */
export interface TelemetryOptions {
  /** On every signal; few values, such as a region: each is another set of series. Default none. */
  attributes?: AttributesLike | undefined;
  /** The session's random id on spans and log records, never on metrics. Default `true`. */
  sessionIds?: boolean | undefined;
}

/** Spans, metrics and log records of all managers of one creator. Nothing in it ever throws. */
export interface Telemetry extends Instruments {
  /** The context that is active now. */
  active(): ContextLike | undefined;
  startSpan(name: string, at: number, place: Place): OpenSpan | undefined;
  log(eventName: string, severity: keyof typeof SEVERITIES, at: number, facts: Facts, context?: ContextLike): void;
  /** Runs a task in this context; exactly once, whatever the context manager does. */
  within<T>(context: ContextLike | undefined, task: () => T): T;
}

/** Where a span belongs. */
export interface Place {
  readonly context: ContextLike | undefined;
  /** In no trace; linked to the span of the context. */
  readonly isRoot?: boolean;
  readonly link?: object | undefined;
}

/** A span under way. */
export interface OpenSpan {
  /** Of its children. */
  readonly context: ContextLike;
  /** For links. */
  readonly name: object | undefined;
  end(at: number, facts: Facts, isFailure: boolean): void;
}

const SCOPE = 'evertoken';
const SEVERITIES = { INFO: 9, WARN: 13, ERROR: 17 } as const;

export function createTelemetry(api: OpenTelemetryLike, options: TelemetryOptions = {}): Telemetry {
  const { trace, context: contexts, metrics, logs } = api;
  const { attributes: fixed = {}, sessionIds = true } = options;
  const instruments = createInstruments(() => metrics?.getMeter(SCOPE), fixed);
  let tracer: TracerLike | undefined;
  let logger: LoggerLike | undefined;

  function attributes(facts: Facts): AttributesLike {
    return attributesOf(sessionIds ? facts : { ...facts, 'evertoken.session.id': undefined }, fixed);
  }

  function linked(span: object | undefined): { links: never[] } | undefined {
    return span && { links: [{ context: span }] as never[] };
  }

  return {
    ...instruments,
    look() {
      instruments.look();
      tracer ??= quietly(() => trace?.getTracer(SCOPE));
      logger ??= quietly(() => logs?.getLogger(SCOPE));
    },
    active: () => quietly(() => contexts?.active()),
    startSpan: (name, at, { context, isRoot = false, link }) =>
      quietly(() => {
        if (!tracer || !trace || !context) return undefined;
        const parent = isRoot ? trace.getSpan(context as never) : undefined;
        const links = linked(link ?? (parent?.isRecording() ? parent.spanContext() : undefined));
        const span = tracer.startSpan(name, { startTime: at, root: isRoot, ...links }, context as never);
        return openSpan(span, trace.setSpan(context as never, span as never), attributes);
      }),
    log(eventName, severityText, timestamp, facts, context) {
      quietly(() =>
        logger?.emit({
          eventName,
          severityText,
          severityNumber: SEVERITIES[severityText],
          timestamp,
          attributes: attributes(facts),
          ...(context && { context: context as never }),
        }),
      );
    },
    within(context, task) {
      const outcomes: (() => ReturnType<typeof task>)[] = [];
      const run = () => {
        if (outcomes.length > 0) return;
        try {
          const value = task();
          outcomes.push(() => value);
        } catch (error) {
          outcomes.push(() => {
            throw error;
          });
        }
      };
      if (context) quietly(() => contexts?.with(context as never, run));
      run();
      return (outcomes[0] ?? task)();
    },
  };
}

function openSpan(span: SpanLike, context: ContextLike, attributes: (facts: Facts) => AttributesLike): OpenSpan {
  return {
    context,
    name: quietly(() => span.spanContext()),
    end(at, facts, isFailure) {
      quietly(() => span.setAttributes(attributes(facts)));
      if (isFailure) quietly(() => span.setStatus({ code: 2 }));
      quietly(() => span.end(at));
    },
  };
}
