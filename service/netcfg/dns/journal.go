package dns

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

// maxJournal is more than a journal ever has.
const maxJournal = 1 << 20

// ErrJournal is returned for a journal that cannot be understood. It has been
// moved aside, with ".bad" appended to its name.
var ErrJournal = errors.New("journal of name servers is damaged")

// entry is one thing that was made in a resolver. It is comparable, and enough
// to take the thing away again.
type entry struct {
	// By is the resolver's name.
	By      string `json:"by"`
	Network string `json:"network"`
	// Interface and Index tell the network's device.
	Interface string `json:"interface,omitempty"`
	Index     int    `json:"index,omitempty"`
	// Name is what the resolver knows the thing by: a record, a key, a file.
	Name string `json:"name,omitempty"`
}

// String names the entry as a log line would.
func (e entry) String() string {
	if e.Name != "" {
		return fmt.Sprintf("%s of network %s in %s", e.Name, e.Network, e.By)
	}
	return fmt.Sprintf("name servers of %s in %s", e.Interface, e.By)
}

// journal is the file that outlives a crash.
type journal struct{ path string }

// journalFile is the file's form.
type journalFile struct {
	Version int     `json:"version"`
	Entries []entry `json:"entries"`
}

// load reads what an earlier run has left. Other than addresses and routes, it
// can outlive a restart of the system.
func (j journal) load() ([]entry, error) {
	b, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	var f journalFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if len(b) > maxJournal || d.Decode(&f) != nil || f.Version != journalVersion {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrJournal, j.path), os.Rename(j.path, j.path+".bad"))
	}
	return f.Entries, nil
}

// save replaces the journal atomically; without entries it is removed.
func (j journal) save(entries []entry) error {
	if len(entries) == 0 {
		if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove journal: %w", err)
		}
		return nil
	}
	b, err := json.MarshalIndent(journalFile{Version: journalVersion, Entries: entries}, "", " ")
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := replace(j.path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// replace writes a file so that either the old or the new content survives a
// crash. The temporary file has one name, so that an error that stays is not
// another one each time.
func replace(path string, b []byte, mode fs.FileMode) (err error) {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new.tmp")
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
	if err = f.Chmod(mode); err == nil {
		_, err = f.Write(b)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
