import pg from 'pg';
import { createConfigurationService } from '@strata/service';
import { compare } from './harness.ts';
import { keyName, userId, users, shape } from './storage/large-store.ts';
const port = Number(process.argv[2]);
const pool = new pg.Pool({ host:'127.0.0.1', port, user:'postgres', password:'postgres', database:'postgres', max:1 });
const s = createConfigurationService(pool, { cacheEnabled: false });
const rnd = (n:number)=>Math.floor(Math.random()*n);
let client: pg.PoolClient;
const raw = (name: string, text: string, params: (k:string,u:number)=>unknown[]) => ({ name, run: async (n:number)=>{ const cl = await pool.connect(); for (let i=0;i<n;i++){ await cl.query({name, text, values: params(keyName(rnd(20)), rnd(users))}); } cl.release(); }});
const pk = `SELECT version, revision, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope=$3 AND scope_id=$4`;
const teamOf=(u:number)=>`team-${String(u%1000).padStart(4,'0')}`; const orgOf=(u:number)=>`org-${String(u%100).padStart(3,'0')}`;
const four = `SELECT c.revision AS at_revision, c.decision_revision, c.rules_revision, s.key, s.scope, s.scope_id, s.version, s.revision, s.value, s.expires_at
 FROM configuration_counter AS c LEFT JOIN (
  SELECT * FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='global' AND scope_id='' AND value IS NOT NULL
  UNION ALL SELECT * FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='org' AND scope_id=$3 AND value IS NOT NULL
  UNION ALL SELECT * FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='team' AND scope_id=$4 AND value IS NOT NULL
  UNION ALL SELECT * FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='user' AND scope_id=$5 AND value IS NOT NULL
 ) AS s ON true`;
const row = `SELECT c.revision AS at_revision, c.decision_revision, c.rules_revision, s.key, s.scope, s.scope_id, s.version, s.revision, s.value, s.expires_at
 FROM configuration_counter AS c LEFT JOIN (configuration_settings s JOIN (VALUES ('global',''),('org',$3),('team',$4),('user',$5)) AS n(scope,scope_id) ON s.environment=$1 AND s.key=$2 AND s.scope=n.scope COLLATE "C" AND s.scope_id=n.scope_id COLLATE "C" AND s.value IS NOT NULL) ON true`;
const anyq = `SELECT c.revision AS at_revision, c.decision_revision, c.rules_revision, s.key, s.scope, s.scope_id, s.version, s.revision, s.value, s.expires_at
 FROM configuration_counter AS c LEFT JOIN configuration_settings s ON s.environment=$1 AND s.key=$2 AND s.scope = ANY('{global,org,team,user}') AND s.scope_id = ANY(ARRAY['',$3,$4,$5]) AND s.value IS NOT NULL`;
const orq = `SELECT c.revision AS at_revision, c.decision_revision, c.rules_revision, s.key, s.scope, s.scope_id, s.version, s.revision, s.value, s.expires_at
 FROM configuration_counter AS c LEFT JOIN configuration_settings s ON s.environment=$1 AND s.key=$2 AND (s.scope,s.scope_id) IN (('global',''),('org',$3),('team',$4),('user',$5)) AND s.value IS NOT NULL`;
const scal = `SELECT c.revision AS at_revision, c.decision_revision, c.rules_revision,
  (SELECT value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='global' AND scope_id='') g,
  (SELECT value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='org' AND scope_id=$3) o,
  (SELECT value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='team' AND scope_id=$4) t,
  (SELECT value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='user' AND scope_id=$5) u
 FROM configuration_counter AS c`;

const p5=(k:string,u:number)=>['default',k,orgOf(u),teamOf(u),userId(u)];
const p3=(k:string,u:number)=>['default',k,userId(u)];
const C='c.revision AS at_revision, c.decision_revision, c.rules_revision';
const lean4 = `SELECT ${C}, s.scope, s.value
 FROM configuration_counter AS c LEFT JOIN (
  SELECT scope, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='global' AND scope_id=''
  UNION ALL SELECT scope, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='org' AND scope_id=$3
  UNION ALL SELECT scope, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='team' AND scope_id=$4
  UNION ALL SELECT scope, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='user' AND scope_id=$5
 ) AS s ON true`;
const full1 = `SELECT ${C}, s.*
 FROM configuration_counter AS c LEFT JOIN (
  SELECT scope, scope_id, null::text as ps, null::text as pid, null::bool as prim, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='global' AND scope_id=''
  UNION ALL SELECT scope, scope_id, null, null, null, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='user' AND scope_id=$3
  UNION ALL SELECT p.scope, p.scope_id, p.parent_scope, p.parent_id, p.is_primary, s.value FROM configuration_scope_parents p LEFT JOIN configuration_settings s ON s.environment=$1 AND s.key=$2 AND s.scope=p.parent_scope AND s.scope_id=p.parent_id WHERE p.environment=$1 AND p.scope='user' AND p.scope_id=$3 AND p.valid_to IS NULL
  UNION ALL SELECT q.scope, q.scope_id, q.parent_scope, q.parent_id, q.is_primary, s.value FROM configuration_scope_parents p JOIN configuration_scope_parents q ON q.environment=$1 AND q.scope='team' AND q.scope_id=p.parent_id AND q.valid_to IS NULL LEFT JOIN configuration_settings s ON s.environment=$1 AND s.key=$2 AND s.scope=q.parent_scope AND s.scope_id=q.parent_id  WHERE p.environment=$1 AND p.scope='user' AND p.scope_id=$3 AND p.parent_scope='team' AND p.valid_to IS NULL
 ) AS s ON true`;
// one row per (own link, team link)
const V=(sc:string,id:string)=>`(SELECT value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope=${sc} AND scope_id=${id})`;
const full2 = `SELECT ${C}, ${V("'global'","''")} AS g, ${V("'user'","$3")} AS u,
  p.parent_scope AS ps, p.parent_id AS pid, p.is_primary AS pp, ${V('p.parent_scope','p.parent_id')} AS pv,
  q.parent_id AS qid, ${V("'org'",'q.parent_id')} AS qv
 FROM configuration_counter AS c LEFT JOIN configuration_scope_parents p ON p.environment=$1 AND p.scope='user' AND p.scope_id=$3 AND p.valid_to IS NULL
  LEFT JOIN configuration_scope_parents q ON q.environment=$1 AND p.parent_scope='team' AND q.scope='team' AND q.scope_id=p.parent_id AND q.valid_to IS NULL`;
const full3 = `SELECT ${C}, p.parent_scope AS ps, p.parent_id AS pid, p.is_primary AS pp, q.parent_id AS qid, s.scope, s.scope_id, s.value
 FROM configuration_counter AS c LEFT JOIN configuration_scope_parents p ON p.environment=$1 AND p.scope='user' AND p.scope_id=$3 AND p.valid_to IS NULL
  LEFT JOIN configuration_scope_parents q ON q.environment=$1 AND p.parent_scope='team' AND q.scope='team' AND q.scope_id=p.parent_id AND q.valid_to IS NULL
  LEFT JOIN LATERAL (
  SELECT scope, scope_id, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='global' AND scope_id=''
  UNION ALL SELECT scope, scope_id, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='user' AND scope_id=$3
  UNION ALL SELECT scope, scope_id, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope=p.parent_scope AND scope_id=p.parent_id
  UNION ALL SELECT scope, scope_id, value FROM configuration_settings WHERE environment=$1 AND key=$2 AND scope='org' AND scope_id=q.parent_id) s ON true`;

const scalT = scal.replaceAll('SELECT value FROM','SELECT value::text FROM');
const scal0 = scal.replace('c.revision AS at_revision, c.decision_revision, c.rules_revision,','').replace('FROM configuration_counter AS c','');
const vals = `SELECT ${C}, s.scope, s.value FROM configuration_counter AS c LEFT JOIN ((VALUES ('global' COLLATE "C",'' COLLATE "C"),('org',$3),('team',$4),('user',$5)) AS n(scope,scope_id) JOIN configuration_settings s ON s.environment=$1 AND s.key=$2 AND s.scope=n.scope AND s.scope_id=n.scope_id) ON true`;
const agg = `SELECT ${C}, (SELECT array_agg(s.value ) FROM (VALUES ('global' COLLATE "C",'' COLLATE "C"),('org',$3),('team',$4),('user',$5)) AS n(scope,scope_id) JOIN configuration_settings s ON s.environment=$1 AND s.key=$2 AND s.scope=n.scope AND s.scope_id=n.scope_id) FROM configuration_counter AS c `;
import { postgresDatabase } from '../packages/service/src/db/postgres.ts';
const db = postgresDatabase(pool);
const r = await compare('x', [
  raw('sel1', 'SELECT 1', ()=>[]),
  raw('pk', pk, (k,u)=>['default',k,'user',userId(u)]),
  { name:'adapter pk', run: async n=>{ for(let i=0;i<n;i++) await db.query(pk.replace('version,','version ,'),['default',keyName(rnd(20)),'user',userId(rnd(users))], 'pk2'); }},
  { name:'adapter scal', run: async n=>{ for(let i=0;i<n;i++) await db.query(scal,p5(keyName(rnd(20)),rnd(users)), 'scal2'); }},
  raw('lean4', lean4, p5), raw('scal', scal, p5), raw('scalT', scalT, p5), raw('scal0', scal0, p5), raw('vals', vals, p5), raw('agg', agg, p5),
], [], {rounds:7, roundMs:200});
for (const m of r.measured) console.log(m.name, (m.time.median/1000).toFixed(0)+'us', Math.round(1e9/m.time.median), (r.measured[1]!.time.median/m.time.median).toFixed(2));
await s.close(); await pool.end();
