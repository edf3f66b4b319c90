import { attributesOf, createInstruments, type Facts, type Instruments } from './instruments.js';
import type { AttributesLike, ContextLike, OpenTelemetryLike } from './open-telemetry-like.js';
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
  /** Root: in no trace, and linked to the span of the context. */
  startSpan(
    name: string,
    at: number,
    context: ContextLike | undefined,
    link?: object,
    isRoot?: boolean,
  ): OpenSpan | undefined;
  log(eventName: string, severity: Severity, at: number, facts: Facts, context?: ContextLike): void;
  /** Runs a task in this context; exactly once, whatever the context manager does. */
  within<T extends object>(context: ContextLike | undefined, task: () => T): T;
}

/** How severe a log record is. */
export type Severity = keyof typeof NUMBERS;

/** A span under way. */
export interface OpenSpan {
  /** Of its children. */
  readonly context: ContextLike;
  /** For links. */
  readonly name: object;
  end(at: number, facts: Facts, isFailure: boolean): void;
}

const SCOPE = 'evertoken';
const NUMBERS = { INFO: 9, WARN: 13, ERROR: 17 } as const;

export function createTelemetry(api: OpenTelemetryLike, options: TelemetryOptions = {}): Telemetry {
  const { trace, context: contexts, metrics, logs } = api;
  const { attributes: fixed = {}, sessionIds = true } = options;

  const hidden = sessionIds ? {} : { 'evertoken.session.id': undefined };
  const attributes = (facts: Facts) => attributesOf({ ...facts, ...hidden }, fixed);

  return {
    ...createInstruments(() => metrics?.getMeter(SCOPE), fixed),
    active: () => quietly(() => contexts?.active()),
    startSpan: (name, startTime, context, link, root = false) =>
      quietly(() => {
        if (!trace || !context) return undefined;
        const around = root ? trace.getSpan(context as never) : undefined;
        const linked = around?.isRecording() ? around.spanContext() : link;
        const links = (linked ? [{ context: linked }] : []) as never[];
        const span = trace.getTracer(SCOPE).startSpan(name, { startTime, root, links }, context as never);
        return {
          context: trace.setSpan(context as never, span as never),
          name: span.spanContext(),
          end: (at, facts, isFailure) =>
            quietly(() => {
              span.setAttributes(attributes(facts));
              if (isFailure) span.setStatus({ code: 2 });
              span.end(at);
            }),
        };
      }),
    log: (eventName, severityText, timestamp, facts, context) =>
      quietly(() =>
        logs?.getLogger(SCOPE).emit({
          eventName,
          severityText,
          severityNumber: NUMBERS[severityText],
          timestamp,
          attributes: attributes(facts),
          context: context as never,
        }),
      ),
    within(context, task) {
      let outcome: ReturnType<typeof task> | undefined;
      const run = () => {
        outcome ??= task();
        return outcome;
      };
      if (context) quietly(() => contexts?.with(context as never, run));
      return run();
    },
  };
}
