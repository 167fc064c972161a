package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"orrery/engine/controller"
	"orrery/engine/identity"
)

// SQLite is a [ControllerStore] in one SQLite file.
//
// The journal is a write-ahead log with synchronous=FULL: a commit is on disk
// when it returns. NORMAL would be faster but may lose the last commits with
// the power, and then a member could find its address given to another one, or
// a de-authorisation undone. There is one connection, because there is one
// writer and everything is read once.
type SQLite struct {
	path string
	mu   sync.Mutex // holds db from being closed in use
	db   *sql.DB
}

// OpenSQLite opens the database at path. If there is none it is created, for
// its owner only, and filled with seed in the same transaction that creates its
// tables, so that a crash leaves all of it or nothing. Seed is ignored if the
// database has tables.
func OpenSQLite(path string, seed []controller.Record) (*SQLite, error) {
	if err := createPrivate(path); err != nil {
		return nil, fmt.Errorf("create controller database: %w", err)
	}
	db, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return nil, fmt.Errorf("open controller database: %w", err)
	}
	db.SetMaxOpenConns(1)
	s := &SQLite{path: path, db: db}
	if err := s.migrate(seed); err != nil {
		_ = db.Close() // the first error counts
		return nil, s.wrap("open", err)
	}
	return s, nil
}

// dataSource names the file and what every connection begins with.
func dataSource(path string) string {
	path = filepath.ToSlash(path)
	if runtime.GOOS == "windows" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	q := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)"},
		"_txlock": {"immediate"},
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// createPrivate makes the file before SQLite does, which takes the permissions
// of its other files from it.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), restrict(path)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Load implements [ControllerStore].
func (s *SQLite) Load() ([]controller.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, err := s.db.Query(`SELECT nwid, 0, format, doc, 0 AS kind FROM network
		UNION ALL SELECT nwid, member, format, doc, 1 FROM member
		ORDER BY kind, 1, 2`)
	if err != nil {
		return nil, s.wrap("read", err)
	}
	defer rows.Close()
	var out []controller.Record
	for rows.Next() {
		var nwid, member, kind int64
		var r controller.Record
		if err := rows.Scan(&nwid, &member, &r.Format, &r.Doc, &kind); err != nil {
			return nil, s.wrap("read", err)
		}
		r.Network, r.Member = fromKey(nwid), identity.Address(member)
		out = append(out, r)
	}
	return out, s.wrap("read", rows.Err())
}

// Apply implements [ControllerStore].
func (s *SQLite) Apply(changes []controller.Change) error {
	if len(changes) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrap("write", s.transact(func(tx *sql.Tx) error { return applyAll(tx, changes) }))
}

// Close implements [ControllerStore]. It folds the log into the file.
func (s *SQLite) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrap("close", s.db.Close())
}

// transact runs do in a transaction.
func (s *SQLite) transact(do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func applyAll(tx *sql.Tx, changes []controller.Change) error {
	for i := range changes {
		c := &changes[i]
		if err := applyOne(tx, c); err != nil {
			return fmt.Errorf("network %s member %s: %w", c.Network, c.Member, err)
		}
	}
	return nil
}

func applyOne(tx *sql.Tx, c *controller.Change) error {
	var err error
	switch nwid, member := toKey(c.Network), int64(c.Member); {
	case c.Delete && c.Member == 0:
		_, err = tx.Exec(`DELETE FROM network WHERE nwid = ?`, nwid)
	case c.Delete:
		_, err = tx.Exec(`DELETE FROM member WHERE nwid = ? AND member = ?`, nwid, member)
	case c.Member == 0:
		_, err = tx.Exec(`INSERT INTO network (nwid, format, doc) VALUES (?, ?, ?)
			ON CONFLICT (nwid) DO UPDATE SET format = excluded.format, doc = excluded.doc`, nwid, c.Format, string(c.Doc))
	default:
		_, err = tx.Exec(`INSERT INTO member (nwid, member, format, doc)
			SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM network WHERE nwid = ?1)
			ON CONFLICT (nwid, member) DO UPDATE SET format = excluded.format, doc = excluded.doc`, nwid, member, c.Format, string(c.Doc))
	}
	return err
}

// toKey maps a network ID to SQLite's signed integers, in the same order.
func toKey(id identity.NetworkID) int64 { return int64(uint64(id) ^ 1<<63) }

func fromKey(k int64) identity.NetworkID { return identity.NetworkID(uint64(k) ^ 1<<63) }

// wrap says what was tried, and tells a damaged file from other errors.
func (s *SQLite) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		if code := e.Code() & 0xff; code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB {
			return &DamagedDatabaseError{Path: s.path, Err: err}
		}
	}
	return fmt.Errorf("%s controller database: %w", doing, err)
}
