package netcfg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// journalVersion is the version of the file's form.
const journalVersion = 1

// ErrJournal is returned for a journal that cannot be understood. It has been
// moved aside, with ".bad" appended to its name.
var ErrJournal = errors.New("journal of network changes is damaged")

// journal is the file that outlives a crash.
type journal struct {
	path string
	boot string
	// saved is what the file holds: each fsync costs milliseconds, and what was
	// entered before it was made need not be entered again after.
	saved []byte
}

// journalFile is the file's form.
type journalFile struct {
	Version int    `json:"version"`
	Boot    string `json:"boot,omitempty"`
	Items   []Item `json:"items"`
}

// load reads the items that an earlier run has left, none if the system was
// started anew since.
func (j *journal) load() ([]Item, error) {
	b, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	var f journalFile
	if err := json.Unmarshal(b, &f); err != nil || f.Version != journalVersion {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrJournal, j.path), os.Rename(j.path, j.path+".bad"))
	}
	if f.Boot != j.boot {
		return nil, nil
	}
	return f.Items, nil
}

// save replaces the journal atomically; without items it is removed.
func (j *journal) save(items []Item) error {
	if len(items) == 0 {
		j.saved = nil
		if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove journal: %w", err)
		}
		return nil
	}
	b, err := json.MarshalIndent(journalFile{Version: journalVersion, Boot: j.boot, Items: items}, "", " ")
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if b = append(b, '\n'); bytes.Equal(b, j.saved) {
		return nil
	}
	j.saved = nil // until the new content is there
	if err := replace(j.path, b); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.saved = b
	return nil
}

// replace writes a file so that either the old or the new content survives a
// crash. The temporary file has one name, so that crashes leave no more than one
// behind, and an error that stays is not another one each time.
func replace(path string, b []byte) (err error) {
	temporary := path + ".tmp"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to report
		}
	}()
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
