/** The part of the binding `rocksdb` that RocksdbEngine calls. The package brings no types of its own. */
declare module 'rocksdb' {
  export type Callback<T = void> = (error: Error | null | undefined, value: T) => void;

  export interface OpenOptions {
    createIfMissing?: boolean;
    compression?: boolean;
    cacheSize?: number;
    writeBufferSize?: number;
    maxOpenFiles?: number;
  }

  /** Written once, then done with. */
  export interface Batch {
    put(key: Buffer, value: Buffer): void;
    del(key: Buffer): void;
    write(options: { sync: boolean }, callback: Callback): void;
  }

  export interface Iterator {
    next(callback: (error: Error | null | undefined, key?: Buffer, value?: Buffer) => void): void;
    end(callback: Callback): void;
  }

  export interface Database {
    open(options: OpenOptions, callback: Callback): void;
    close(callback: Callback): void;
    getMany(keys: Buffer[], options: { asBuffer: true }, callback: Callback<(Buffer | undefined)[]>): void;
    batch(): Batch;
    iterator(options: { gte: Buffer; lt: Buffer; highWaterMark: number }): Iterator;
    compactRange(start: Buffer, end: Buffer, callback: Callback): void;
  }

  const rocksdb: (location: string) => Database;
  export default rocksdb;
}
