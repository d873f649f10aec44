/** Owns the lines of a stream of text. */

/** The lines of a stream of UTF-8 as they come, without their ends. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let begun = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const parts = (begun + decoder.decode(value, { stream: !done })).split('\n');
      begun = parts.pop() ?? '';
      yield* parts.filter((line) => line !== '');
      if (!done) continue;
      if (begun !== '') yield begun;
      return;
    }
  } finally {
    await reader.cancel();
  }
}
