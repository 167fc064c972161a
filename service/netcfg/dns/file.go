package dns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// errForeign is returned for a file that somebody else has made.
var errForeign = errors.New("somebody else's file")

// writeOwn makes a file have this content, which begins with our mark. It reports
// whether it had another, and leaves those of others with errForeign.
func writeOwn(path, mark, content string) (bool, error) {
	have, err := os.ReadFile(path)
	switch {
	case err == nil && string(have) == content:
		return false, nil
	case err == nil && !strings.HasPrefix(string(have), mark):
		return false, fmt.Errorf("%s: %w", path, errForeign)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	return true, replace(path, []byte(content), 0o644)
}

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
