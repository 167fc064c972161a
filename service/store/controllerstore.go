package store

import (
	"errors"
	"io/fs"
	"os"

	"orrery/engine/controller"
)

// ControllerStore keeps a controller's records. It is safe for concurrent use.
type ControllerStore interface {
	// Load returns all records: networks first, by ID, then members by network
	// and address, as [controller.Controller.Load] wants them.
	Load() ([]controller.Record, error)
	// Apply makes changes durable, all or, with an error, none of them, before
	// it returns. Applying a change again changes nothing. A member's change
	// for a network that is not there is dropped.
	Apply(changes []controller.Change) error
	// Close ends the use of the store.
	Close() error
}

// OpenController opens the controller's database in the home. If there is none
// yet, the records of a reference controller's directory are taken over:
// legacy, or controller.d in the home if that is empty (spec 05 §4.2, §4.5).
func (h *Home) OpenController(legacy string) (ControllerStore, []Notice, error) {
	if legacy == "" {
		legacy = h.path(controllerDir)
	}
	path := h.path(controllerFile)
	var records []controller.Record
	var notices []Notice
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if records, notices, err = ReadControllerDir(legacy); err != nil {
			return nil, nil, err
		}
	}
	s, err := OpenSQLite(path, records)
	if err != nil {
		return nil, nil, err
	}
	return s, notices, nil
}

var (
	_ ControllerStore = (*SQLite)(nil)
	_ ControllerStore = (*Memory)(nil)
)
