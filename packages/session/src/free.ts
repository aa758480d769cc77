/** Where messages go that nobody reads: what is sent along with them is freed. */
let nowhere: InstanceType<typeof MessageChannel>['port1'] | undefined;

function openNowhere() {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}

/**
 * Frees the memory of elements at once; they are empty from then on. The garbage collector does so late, and each time
 * goes through all else that lives: caches that are made anew with each token would keep it running. Leaves alone
 * what shares its memory with others.
 */
export function freeElements({ buffer, byteLength }: ArrayBufferView): void {
  if (!(buffer instanceof ArrayBuffer) || byteLength === 0 || byteLength < buffer.byteLength)
    return;
  nowhere ??= openNowhere();
  nowhere.postMessage(undefined, [buffer]);
}
