import { redact } from '../core/redact.js';

/**
 * What may be kept of a foreign error: its name, its code and a redacted message; never the object itself.
 *
 * An HTTP client's error holds the request, and a parser's message quotes the text that it was given.
 */
export function safeCause(error: unknown, secrets: readonly (string | undefined)[]): Error & { code?: string } {
  const { name, message, code, cause } = Object(error) as { [key in 'name' | 'message' | 'code' | 'cause']?: unknown };
  const safe = new Error(
    name === 'SyntaxError' ? 'a text that cannot be parsed' : redact(String(message ?? error), secrets),
  );
  safe.name = redact(String(name ?? 'Error'), secrets);
  const reason = code ?? (Object(cause) as { code?: unknown }).code;
  if (typeof reason === 'string') Object.assign(safe, { code: redact(reason, secrets) });
  return safe;
}

/** The code and the message of a safe cause, for the message of the error around it. */
export function said({ code, message }: Error & { code?: string }): string {
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`;
}
