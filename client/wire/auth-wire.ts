/** The messages of authentication, as they are. */
export { AuthenticateRequest, AuthenticateResponse } from '@quorate/proto/etcd/auth.js';
