-- Indexes by which a PostgreSQL catalogue finds log entries, however long the log: once, after the first start of
-- Tiled, which makes the tables; doing it again changes nothing. Without them all works, and takes longer.
--
--   psql "$XPCS_MASK_DATABASE" -f facility.sql
CREATE INDEX IF NOT EXISTS xpcs_mask_newest ON nodes
  (parent, (metadata #>> '{kind}'), (metadata #>> '{lineage,name}'), id, (metadata #> '{lineage,time}'))
  WHERE (metadata #>> '{kind}') IS NOT NULL;
CREATE INDEX IF NOT EXISTS xpcs_mask_seq ON nodes (parent, (metadata #> '{seq}'))
  WHERE (metadata #> '{seq}') IS NOT NULL;
ANALYZE nodes;
