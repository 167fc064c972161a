package trust

import (
	"encoding/json"
	"errors"
	"fmt"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// fileVersion is the version of the text form.
const fileVersion = 1

type fileRecord struct {
	Identity     string `json:"identity"`
	State        State  `json:"state"`
	FirstSeen    int64  `json:"firstSeen"`
	Changed      int64  `json:"changed"`
	How          string `json:"how,omitempty"`
	Name         string `json:"name,omitempty"`
	Note         string `json:"note,omitempty"`
	Conflict     string `json:"conflict,omitempty"`
	ConflictAt   int64  `json:"conflictAt,omitempty"`
	ConflictFrom Source `json:"conflictFrom,omitempty"`
}

type file struct {
	Version int          `json:"version"`
	Records []fileRecord `json:"records"`
}

// MarshalJSON gives the text form of trust.json, sorted by address.
func (t *Table) MarshalJSON() ([]byte, error) { return Text(t.All()) }

// Text gives the text form of trust.json with the records of [Table.All]. Times
// are in ms since 1970.
func Text(records []Record) ([]byte, error) {
	f := file{Version: fileVersion, Records: []fileRecord{}}
	for i := range records {
		r := &records[i]
		fr := fileRecord{
			Identity: r.Identity.String(), State: r.State, FirstSeen: int64(r.FirstSeen), Changed: int64(r.Changed),
			How: r.How, Name: r.Name, Note: r.Note,
		}
		if r.Conflict != nil {
			fr.Conflict, fr.ConflictAt, fr.ConflictFrom = r.Conflict.String(), int64(r.ConflictAt), r.ConflictFrom
		}
		f.Records = append(f.Records, fr)
	}
	return json.MarshalIndent(f, "", " ")
}

// Load replaces the table's records by those of the text form. On an error the
// table is left as it was.
func (t *Table) Load(text []byte) error {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("read trust records: %w", err)
	}
	if f.Version != fileVersion {
		return fmt.Errorf("read trust records: version %d is not known, want %d", f.Version, fileVersion)
	}
	records := make(map[identity.Address]*entry, len(f.Records))
	for i, fr := range f.Records {
		r, err := fr.record()
		if err != nil {
			return fmt.Errorf("read trust record %d: %w", i+1, err)
		}
		if _, dup := records[r.Identity.Address]; dup {
			return fmt.Errorf("read trust record %d: a second record for %s", i+1, r.Identity.Address)
		}
		records[r.Identity.Address] = newEntry(r)
	}
	t.records = records
	return nil
}

func (fr *fileRecord) record() (*Record, error) {
	id, err := identity.Parse(fr.Identity)
	if err != nil {
		return nil, err
	}
	if fr.State != Seen && fr.State != Verified && fr.State != Blocked {
		return nil, fmt.Errorf("%w, got %q", ErrState, fr.State)
	}
	r := &Record{
		Identity: id, State: fr.State, FirstSeen: clock.Wall(fr.FirstSeen), Changed: clock.Wall(fr.Changed),
		How: fr.How, Name: fr.Name, Note: fr.Note,
	}
	if fr.Conflict != "" {
		c, err := identity.Parse(fr.Conflict)
		if err != nil {
			return nil, fmt.Errorf("conflicting identity: %w", err)
		}
		if c.Address != id.Address || c == id {
			return nil, errors.New("conflicting identity: not another key for the same address")
		}
		r.Conflict, r.ConflictAt, r.ConflictFrom = &c, clock.Wall(fr.ConflictAt), fr.ConflictFrom
	}
	return r, nil
}
