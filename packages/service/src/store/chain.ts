/** Owns the SQL that finds, in one snapshot, every scope that a read could inherit from. */

/**
 * A CTE list that turns `asked (scope, scope_id, org_id, team_id)` into `links` (the current registered links of the asked
 * scopes and of the teams they could inherit from) and `candidates` (the scopes whose layers the chain is chosen from; which of
 * them count is decided by `resolveChain`). `$1` is the environment.
 */
export const chainCandidates = `
  own_links AS MATERIALIZED (
    SELECT p.scope, p.scope_id, p.parent_scope, p.parent_id, p.is_primary, p.position
    FROM asked AS a JOIN configuration_scope_parents AS p
      ON p.environment = $1 AND p.scope = a.scope AND p.scope_id = a.scope_id AND p.valid_to IS NULL
  ), links AS MATERIALIZED (
    SELECT * FROM own_links
    UNION
    SELECT p.scope, p.scope_id, p.parent_scope, p.parent_id, p.is_primary, p.position
    FROM (
      SELECT l.parent_id AS team_id FROM own_links AS l WHERE l.parent_scope = 'team'
      UNION SELECT a.team_id FROM asked AS a WHERE a.team_id IS NOT NULL
    ) AS t JOIN configuration_scope_parents AS p
      ON p.environment = $1 AND p.scope = 'team' AND p.scope_id = t.team_id AND p.valid_to IS NULL
  ), candidates AS MATERIALIZED (
    SELECT 'global'::text COLLATE "C" AS scope, ''::text COLLATE "C" AS scope_id
    UNION SELECT a.scope, a.scope_id FROM asked AS a
    UNION SELECT 'org', a.org_id FROM asked AS a WHERE a.org_id IS NOT NULL
    UNION SELECT 'team', a.team_id FROM asked AS a WHERE a.team_id IS NOT NULL
    UNION SELECT l.parent_scope, l.parent_id FROM links AS l
  )`;

/** The links as one JSON text, since a row set of another shape would take a second query. */
export const linksAsJson = `
  (SELECT json_agg(json_build_array(l.scope, l.scope_id, l.parent_scope, l.parent_id, l.is_primary)
    ORDER BY l.scope, l.scope_id, l.position) FROM links AS l)::text`;
