/** etcdserverpb.Cluster: who the members are. Changes of the membership are not served yet. */
import { ClusterDefinition } from '@quorate/proto/etcd/cluster.js';
import { compareBigints } from '../lib/bytes.js';
import type { Member } from '../node/member.js';
import { headerToWire } from './kv-answer.js';
import type { UnaryCalls } from './unary-calls.js';

export function serveCluster(calls: UnaryCalls, member: Member): void {
  calls.serve(ClusterDefinition, ClusterDefinition.methods.memberList, async ({ linearizable }, { options }) => {
    const members = await member.members(linearizable, options);
    const { header } = await member.status();
    return {
      // A list of members has no revision.
      header: headerToWire({ ...header, revision: 0 }),
      members: members
        .map(({ id, name, peerUrls, clientUrls, isLearner }) => ({
          ID: id,
          name,
          peerURLs: [...peerUrls],
          clientURLs: [...clientUrls],
          isLearner,
        }))
        .sort((a, b) => compareBigints(a.ID, b.ID)),
    };
  });
}
