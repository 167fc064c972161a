package dns

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// removeOwn removes a file that begins with our mark, and what is left of an
// attempt to write it. It reports whether there was one.
func removeOwn(path, mark string) (bool, error) {
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")) // fails for no name of ours
	for _, l := range left {
		_ = os.Remove(l) // nobody reads it
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !strings.HasPrefix(string(b), mark) {
		return false, nil // somebody else has taken its place
	}
	if err := os.Remove(path); err != nil {
		return false, err
	}
	return true, syncDir(filepath.Dir(path))
}
