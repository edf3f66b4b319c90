/** Calls something that may answer at once, later or by throwing, and hears what came of it; the answer stays as it is. */
export function overheard<T>(
  call: () => T,
  answered: (answer: Awaited<T>) => void,
  failed: (error: unknown) => void,
): T {
  try {
    const answer = call();
    Promise.resolve(answer).then(answered).catch(failed);
    return answer;
  } catch (error) {
    failed(error);
    throw error;
  }
}
