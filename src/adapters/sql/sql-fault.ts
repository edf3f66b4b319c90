/** The short reason of a failure; the original message and error may contain the value that was written. */
export interface SqlFault {
  readonly name: string;
  readonly code: string;
  /** What to say of it. */
  readonly text: string;
  /** Nothing was done, and the same statement may succeed at once: a deadlock, or a file that another process writes. */
  readonly isPassing: boolean;
  /** The tables are not there, or lack a column. */
  readonly isSchema: boolean;
  /** A row of this key is there already. */
  readonly isDuplicate: boolean;
}

const PASSING = /^(40001|40P01|ER_LOCK_DEADLOCK|SQLITE_BUSY.*|SQLITE_5)$/;
const SCHEMA = /^(42P01|42703|3F000|ER_NO_SUCH_TABLE|ER_BAD_FIELD_ERROR|SQLITE_SCHEMA)$/;

/** Reads the error of a client: its code, and never its message, but for the two words of SQLite about a table. */
export function sqlFault(error: unknown): SqlFault {
  const { name: given, message, errcode } = Object(error) as Record<'name' | 'message' | 'errcode', unknown>;
  const name = typeof given === 'string' && /^\w{1,40}$/.test(given) ? given : 'Error';
  const found = codeOf(error);
  const isMissing = /^(no such (table|column)|table \S+ has no column)/.test(String(message ?? ''));
  const sqlite = typeof errcode === 'number' ? `SQLITE_${errcode & 255}` : found;
  const code = isMissing ? 'SQLITE_SCHEMA' : (sqlite ?? name);
  return {
    name,
    code,
    text: `${code}. ${advice(code)}`,
    isPassing: PASSING.test(code),
    isSchema: SCHEMA.test(code),
    isDuplicate: code === 'ER_DUP_ENTRY',
  };
}

/** The code of the error or of its causes: a client names that of the network beneath its own. */
function codeOf(error: unknown, depth = 0): string | undefined {
  const { code, errno, cause, errors } = Object(error) as Record<string, unknown>;
  if (typeof code === 'string' && /^\w{2,60}$/.test(code)) return code;
  if (typeof errno === 'number') return `ERRNO_${errno}`; // mysql2 has no names for the errors of MariaDB alone
  const beneath = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  return beneath === undefined || depth > 3 ? undefined : codeOf(beneath, depth + 1);
}

/** What to do about it. */
function advice(code: string): string {
  if (/^(25006|ER_OPTION_PREVENTS_STATEMENT|ER_READ_ONLY_MODE|SQLITE_READONLY.*|SQLITE_8)$/.test(code)) {
    return 'The database is read-only, perhaps a replica after a failover; the pool has to connect to the primary.';
  }
  if (/^(53100|ER_DISK_FULL|ER_RECORD_FILE_FULL|SQLITE_FULL|SQLITE_13)$/.test(code)) {
    return 'The disk of the database is full; free some of it.';
  }
  if (/^(28\w{3}|42501|ER_ACCESS_DENIED_ERROR|ER_TABLEACCESS_DENIED_ERROR|SQLITE_AUTH)$/.test(code)) {
    return 'Check the user and its permissions: select, insert and update on these tables.';
  }
  if (/^(57014|ER_QUERY_TIMEOUT|ERRNO_1969)$/.test(code)) {
    return 'The statement was cancelled, or took longer than its timeout; it is tried again with the next call.';
  }
  if (code === 'ECONNREFUSED' || code === 'ENOENT') {
    return 'Nothing listens there; check the address, and that the database runs.';
  }
  return /CERT|SIGNATURE|SELF_SIGNED|_TLS_|SSL/.test(code)
    ? 'The certificate of the server is not trusted; give the pool the authority that signed it.'
    : 'It is tried again with the next call.';
}
