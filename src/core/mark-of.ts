/** A number that tells texts apart, by which a text cannot be found. */
export function markOf(text: string): number {
  let mark = 0;
  for (let index = 0; index < text.length; index++) mark = (Math.imul(mark, 31) + text.charCodeAt(index)) | 0;
  return mark;
}
