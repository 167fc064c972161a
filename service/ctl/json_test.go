package ctl

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestJSONIsHarmless: what others put into names reaches no terminal as a command,
// and programs still read it.
func TestJSONIsHarmless(t *testing.T) {
	t.Parallel()
	const name = "a\x1b[2Jb\u009b31mc\x7fd\u202ee\u2066fü€😀"
	raw, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		t.Fatal(err)
	}
	out, err := pretty(raw)
	if err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexAny(string(out), "\x1b\u009b\x7f\u202e\u2066"); i >= 0 || !strings.Contains(string(out), "ü€😀") {
		t.Errorf("%q", out)
	}
	var back map[string]string
	if err := json.Unmarshal(out, &back); err != nil || back["name"] != name {
		t.Errorf("%q, %v", back, err)
	}
}
