package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"orrery/engine/controller"
	"orrery/engine/identity"
)

// maxRecord bounds a record's file.
const maxRecord = 16 << 20

const recordSuffix = ".json"

// ReadControllerDir reads the records that a reference controller keeps in the
// directory controller.d (spec 05 §4.2). Files that are no records are left
// alone and reported; a directory that is not there has none.
func ReadControllerDir(dir string) ([]controller.Record, []Notice, error) {
	var networks, members []controller.Record
	var notices []Notice
	at := Home{dir: dir}
	take := func(out *[]controller.Record, r controller.Record, idLen int, name ...string) {
		doc, err := readRecord(at.path(name...), idLen)
		if err != nil {
			notices = append(notices, Notice{File: filepath.Join(append([]string{filepath.Base(dir)}, name...)...), Err: err})
			return
		}
		r.Doc = doc
		*out = append(*out, r)
	}
	err := at.each("network", recordSuffix, 16, func(id uint64, name string) error {
		before := len(networks)
		take(&networks, controller.Record{Network: identity.NetworkID(id)}, 16, "network", name)
		if len(networks) == before {
			return nil
		}
		folder := filepath.Join("network", identity.NetworkID(id).String(), "member")
		return at.each(folder, recordSuffix, 10, func(a uint64, name string) error {
			take(&members, controller.Record{Network: identity.NetworkID(id), Member: identity.Address(a)}, 10, folder, name)
			return nil
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("import controller directory: %w", err)
	}
	return append(networks, members...), notices, nil
}

// readRecord reads one record. The reference skips those whose id does not have
// the right length.
func readRecord(path string, idLen int) ([]byte, error) {
	b, err := read(path, maxRecord)
	if err != nil {
		return nil, err
	}
	v, err := parseJSON(b)
	if err != nil {
		return nil, fmt.Errorf("parse record: %w", err)
	}
	m, _ := v.(map[string]any)
	if id, _ := m["id"].(string); len(id) != idLen {
		return nil, errors.New("not a record: it has no id")
	}
	return encodeJSON(m, ""), nil
}

// WriteControllerDir writes records as a reference controller keeps them, into a
// directory that must not have any yet. Deleted members are left out.
func WriteControllerDir(dir string, records []controller.Record) error {
	if err := os.MkdirAll(filepath.Join(dir, "network"), 0o700); err != nil {
		return fmt.Errorf("export controller directory: %w", err)
	}
	for _, r := range records {
		folder, name := filepath.Join(dir, "network"), r.Network.String()+recordSuffix
		if r.Member != 0 {
			var mark struct {
				Tombstone bool `json:"tombstone"`
			}
			if err := json.Unmarshal(r.Doc, &mark); err == nil && mark.Tombstone {
				continue
			}
			folder, name = filepath.Join(folder, r.Network.String(), "member"), r.Member.String()+recordSuffix
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("export controller directory: %w", err)
		}
		path := filepath.Join(folder, name)
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("export controller directory: %s: %w", path, fs.ErrExist)
		}
		if err := Write(path, r.Doc, 0o600); err != nil {
			return fmt.Errorf("export controller directory: %w", err)
		}
	}
	return nil
}
