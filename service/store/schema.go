package store

import (
	"database/sql"
	"fmt"

	"orrery/engine/controller"
)

// migrations take the database from one version to the next. Never change one
// that was released; append.
//
// A record is its document; the other columns are its key. Network IDs are
// stored as signed integers with the upper bit flipped, which keeps their
// order.
var migrations = [...]string{
	// 1
	`CREATE TABLE network (
		nwid   INTEGER PRIMARY KEY,
		format INTEGER NOT NULL,
		doc    TEXT NOT NULL
	) STRICT;
	CREATE TABLE member (
		nwid   INTEGER NOT NULL REFERENCES network ON DELETE CASCADE,
		member INTEGER NOT NULL,
		format INTEGER NOT NULL,
		doc    TEXT NOT NULL,
		PRIMARY KEY (nwid, member)
	) STRICT, WITHOUT ROWID;`,
}

// migrate brings the tables up to date. A new database is filled with seed.
func (s *SQLite) migrate(seed []controller.Record) error {
	return s.transact(func(tx *sql.Tx) error {
		if _, err := tx.Exec(`CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL) STRICT`); err != nil {
			return err
		}
		var version int
		if err := tx.QueryRow(`SELECT coalesce(max(version), 0) FROM schema`).Scan(&version); err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("it was written by a newer release (version %d, this one knows %d)", version, len(migrations))
		}
		for i, m := range migrations[version:] {
			if _, err := tx.Exec(m); err != nil {
				return fmt.Errorf("migrate to version %d: %w", version+i+1, err)
			}
		}
		if version < len(migrations) {
			if _, err := tx.Exec(`INSERT INTO schema VALUES (?)`, len(migrations)); err != nil {
				return err
			}
		}
		if version > 0 {
			return nil
		}
		return applyAll(tx, asChanges(seed))
	})
}

// asChanges makes changes that store records.
func asChanges(records []controller.Record) []controller.Change {
	out := make([]controller.Change, len(records))
	for i, r := range records {
		out[i].Record = r
	}
	return out
}
