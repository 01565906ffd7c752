/** For doors behind which nobody asks for grants: they are tested with real members. */
import type { GrantMember } from '../../server/node/grant-member.js';

const nobody = (): never => {
  throw new Error('nobody asks for grants here');
};

export const NO_GRANTS: GrantMember = {
  acquire: nobody,
  release: nobody,
  proclaim: nobody,
  force: nobody,
  granted: nobody,
  describe: nobody,
  next: nobody,
  header: nobody,
  timeMs: 0,
};
