// Statements that load an export into Snowflake and BigQuery: as often as one likes, each event is there once, and of two copies the one that stands.
import { ENDINGS, type FileFormat } from './file-formats.ts';

/** What stands comes first: the copy of the lower epoch, and within one that of the lower hash. */
const STANDING = (one: string, other: string): string =>
  `${one}.epoch < ${other}.epoch OR (${one}.epoch = ${other}.epoch AND ${one}.body_hash < ${other}.body_hash)`;

const HEAD = `-- Loading is at least once: run it again after a fault, or for a later export into the same table. Load only what manifest.json
-- says is whole. An event is identified by tenant, subject and key; where there are two copies, the one of the lower epoch stands,
-- and within one epoch the one of the lower hash, as in the cells.
`;

const snowflake = (
  where: string,
  format: FileFormat,
): string => `-- Loads a Polycell export into Snowflake. It is at ${where}
-- Make a stage for it first: CREATE STAGE polycell_export URL = '…' STORAGE_INTEGRATION = …, or PUT the files into an internal one.
${HEAD}
CREATE TABLE IF NOT EXISTS polycell_events (
  tenant STRING NOT NULL,
  subject STRING NOT NULL,
  key STRING NOT NULL,
  epoch NUMBER NOT NULL,
  origin STRING,
  body_hash STRING NOT NULL,
  type STRING NOT NULL,
  source STRING NOT NULL,
  id STRING NOT NULL,
  time TIMESTAMP_TZ NOT NULL,
  data VARIANT,
  event VARIANT NOT NULL,
  PRIMARY KEY (tenant, subject, key)
);

CREATE OR REPLACE TEMPORARY TABLE polycell_loaded (line VARIANT);

COPY INTO polycell_loaded FROM @polycell_export
  PATTERN = '.*events-[0-9a-f]+${ENDINGS[format].replaceAll('.', '[.]')}'
  FILE_FORMAT = (${format === 'ndjson' ? 'TYPE = JSON COMPRESSION = GZIP' : 'TYPE = PARQUET'});

MERGE INTO polycell_events AS known USING (
  SELECT
    line:tenant::STRING AS tenant,
    line:subject::STRING AS subject,
    line:key::STRING AS key,
    line:epoch::NUMBER AS epoch,
    line:origin::STRING AS origin,
    line:hash::STRING AS body_hash,
    ${format === 'ndjson' ? 'line:event' : 'PARSE_JSON(line:event::STRING)'} AS event
  FROM polycell_loaded
  QUALIFY ROW_NUMBER() OVER (PARTITION BY tenant, subject, key ORDER BY epoch, body_hash) = 1
) AS loaded
ON known.tenant = loaded.tenant AND known.subject = loaded.subject AND known.key = loaded.key
WHEN MATCHED AND (${STANDING('loaded', 'known')}) THEN UPDATE SET
  epoch = loaded.epoch,
  origin = loaded.origin,
  body_hash = loaded.body_hash,
  type = loaded.event:type::STRING,
  source = loaded.event:source::STRING,
  id = loaded.event:id::STRING,
  time = loaded.event:time::TIMESTAMP_TZ,
  data = loaded.event:data,
  event = loaded.event
WHEN NOT MATCHED THEN INSERT
  (tenant, subject, key, epoch, origin, body_hash, type, source, id, time, data, event)
VALUES (
  loaded.tenant, loaded.subject, loaded.key, loaded.epoch, loaded.origin, loaded.body_hash,
  loaded.event:type::STRING, loaded.event:source::STRING, loaded.event:id::STRING, loaded.event:time::TIMESTAMP_TZ,
  loaded.event:data, loaded.event
);
`;

const LOAD_LINES = `LOAD DATA OVERWRITE polycell.loaded (
  tenant STRING, subject STRING, key STRING, epoch INT64, origin STRING, \`hash\` STRING, event JSON
)
FROM FILES (format = 'NEWLINE_DELIMITED_JSON', compression = 'GZIP', uris = ['gs://BUCKET/events-*${ENDINGS.ndjson}']);`;

const LOAD_PARQUET = `LOAD DATA OVERWRITE polycell.loaded
FROM FILES (format = 'PARQUET', uris = ['gs://BUCKET/events-*${ENDINGS.parquet}']);`;

const bigQuery = (
  where: string,
  format: FileFormat,
): string => `-- Loads a Polycell export into BigQuery. It is at ${where}
-- BigQuery loads from Cloud Storage: copy the files to a bucket there first, and put its name in place of BUCKET. Run it as one script.
${HEAD}
CREATE TABLE IF NOT EXISTS polycell.events (
  tenant STRING NOT NULL,
  subject STRING NOT NULL,
  key STRING NOT NULL,
  epoch INT64 NOT NULL,
  origin STRING,
  body_hash STRING NOT NULL,
  type STRING NOT NULL,
  source STRING NOT NULL,
  id STRING NOT NULL,
  time TIMESTAMP NOT NULL,
  data JSON,
  event JSON NOT NULL
)
PARTITION BY DATE(time)
CLUSTER BY tenant, subject;

${format === 'ndjson' ? LOAD_LINES : LOAD_PARQUET}

MERGE INTO polycell.events AS known USING (
  SELECT
    tenant, subject, key, epoch, origin, \`hash\` AS body_hash, event,
    STRING(event.type) AS type, STRING(event.source) AS source, STRING(event.id) AS id,
    TIMESTAMP(STRING(event.time)) AS time, event.data AS data
  FROM ${format === 'ndjson' ? 'polycell.loaded' : '(SELECT * REPLACE (PARSE_JSON(event) AS event) FROM polycell.loaded)'}
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY tenant, subject, key ORDER BY epoch, \`hash\`) = 1
) AS loaded
ON known.tenant = loaded.tenant AND known.subject = loaded.subject AND known.key = loaded.key
WHEN MATCHED AND (${STANDING('loaded', 'known')}) THEN UPDATE SET
  epoch = loaded.epoch,
  origin = loaded.origin,
  body_hash = loaded.body_hash,
  type = loaded.type,
  source = loaded.source,
  id = loaded.id,
  time = loaded.time,
  data = loaded.data,
  event = loaded.event
WHEN NOT MATCHED THEN INSERT
  (tenant, subject, key, epoch, origin, body_hash, type, source, id, time, data, event)
VALUES (
  loaded.tenant, loaded.subject, loaded.key, loaded.epoch, loaded.origin, loaded.body_hash,
  loaded.type, loaded.source, loaded.id, loaded.time, loaded.data, loaded.event
);

DROP TABLE polycell.loaded;
`;

/** The scripts by the names of their files. */
export const mergeScripts = (where: string, format: FileFormat): Readonly<Record<string, string>> => ({
  'merge-snowflake.sql': snowflake(where, format),
  'merge-bigquery.sql': bigQuery(where, format),
});
