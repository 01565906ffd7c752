/**
 * Several gRPC messages in one write of grpc-js. A stream that tells a thousand watchers of one event would spend most
 * of its time on what grpc-js and HTTP/2 do for each write, and little on the messages.
 *
 * grpc-js frames what its serializer returns by making room for five bytes more, writing the header of one message there
 * and then calling copy(room, 5). A bundle is a Buffer whose copy() writes the frames of all its messages over all of
 * that room. test/rpc/message-bundle.test.ts holds this against the grpc-js that is installed.
 */
const FRAME_HEADER_BYTES = 5;
const NOT_COMPRESSED = 0;

/** For Server.register(), as the serializer of a method whose responses are lists of encoded messages, never empty. */
export function serializeBundle(messages: readonly Buffer[]): Buffer {
  const [only] = messages;
  if (messages.length === 1 && only !== undefined) return only;
  let length = 0;
  for (const message of messages) length += FRAME_HEADER_BYTES + message.length;
  const bundle = Buffer.allocUnsafe(length).subarray(FRAME_HEADER_BYTES);
  bundle.copy = (target) => {
    let at = 0;
    for (const message of messages) {
      target[at] = NOT_COMPRESSED;
      new DataView(target.buffer, target.byteOffset, target.byteLength).setUint32(at + 1, message.length);
      target.set(message, at + FRAME_HEADER_BYTES);
      at += FRAME_HEADER_BYTES + message.length;
    }
    return at;
  };
  return bundle;
}
