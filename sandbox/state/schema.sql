-- What the sandbox remembers. The tables of a state that is kept have to stay as they are.

CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resources (
    key TEXT PRIMARY KEY, type TEXT NOT NULL, body TEXT NOT NULL, internal TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS resources_by_type ON resources (type, key);
CREATE TABLE IF NOT EXISTS principals (
    object_id TEXT PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL,
    secret_hash TEXT, resource_id TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS principals_by_name ON principals (name);
CREATE TABLE IF NOT EXISTS role_assignments (
    key TEXT PRIMARY KEY, scope TEXT NOT NULL, principal_id TEXT NOT NULL, role_id TEXT NOT NULL,
    body TEXT NOT NULL, effective_from REAL NOT NULL, effective_until REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS role_assignments_by_principal ON role_assignments (principal_id, scope);
CREATE INDEX IF NOT EXISTS role_assignments_by_scope ON role_assignments (scope);
CREATE TABLE IF NOT EXISTS long_operations (
    id TEXT PRIMARY KEY, started REAL NOT NULL, due REAL NOT NULL, effect TEXT NOT NULL, target TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS long_operation_outcomes (id TEXT PRIMARY KEY, outcome TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS long_operation_followers (
    id TEXT PRIMARY KEY, begun_by TEXT NOT NULL, action TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS long_operations_pending ON long_operations (due) WHERE done = 0;
