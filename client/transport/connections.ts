/** One connection to each member, made when it is first needed. */
import type { Connection, Transport } from './transport.js';

export class Connections {
  readonly #transport: Transport;
  readonly #byAddress = new Map<string, Connection>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  to(address: string): Connection {
    let connection = this.#byAddress.get(address);
    if (connection === undefined) {
      connection = this.#transport.connect(address);
      this.#byAddress.set(address, connection);
    }
    return connection;
  }

  close(): void {
    for (const connection of this.#byAddress.values()) connection.close();
  }
}
