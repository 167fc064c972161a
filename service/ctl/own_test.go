package ctl

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestNames: names that screens could not show, or members would cut, are refused
// before anything is asked.
func TestNames(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, name := range []string{"a\x1b[2J", "a\nb", "a\u202eb", "a\u009bb", strings.Repeat("é", 64)} {
		for what, do := range map[string]func(*Tool) error{
			"create":    func(t *Tool) error { return t.NetworkCreate(ctx, NewNetwork{Name: name}) },
			"authorize": func(t *Tool) error { return t.NetworkAuthorize(ctx, "294551b91f000001", "e285b97aef", true, name) },
		} {
			tl, _, errs := tool(canned{}, time.Now())
			if exit := code(do(tl), errs); exit != Usage || !strings.Contains(errs.String(), "do not show") {
				t.Errorf("%s %q: exit %d, %q", what, name, exit, errs)
			}
		}
	}
	if err := checkName("Büro 2"); err != nil {
		t.Error(err)
	}
}
