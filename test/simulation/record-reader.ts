import type { Stored } from './presentation.js';
import type { World } from './world.js';

/** Reads what lies in the storage, without the help of the code that is tested. */
export interface RecordReader {
  read(text: string): Stored;
  describe(text: string | null): string;
}

export function createRecordReader(world: World): RecordReader {
  const parsed = new Map<string, Stored>();

  function read(text: string): Stored {
    const known = parsed.get(text);
    if (known) return known;
    if (parsed.size > 20) parsed.clear();
    const record = JSON.parse(text) as Stored;
    parsed.set(text, record);
    return record;
  }

  return {
    read,
    describe: (text) => {
      if (text === null) return 'nothing';
      const { sessionId, revision, accessToken, refreshToken, unanswered, failure } = read(text);
      const facts = [unanswered && 'unanswered', failure && `retryAt +${failure.retryAt - world.wall()}`].filter(
        Boolean,
      );
      return `${sessionId} #${revision} ${accessToken} ${refreshToken ?? ''} ${facts.join(' ')}`.trimEnd();
    },
  };
}
