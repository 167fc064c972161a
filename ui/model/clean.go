package model

import (
	"strings"
	"unicode"
)

// clean makes text that others chose (names of networks, versions) fit to show:
// one line, no control characters, nothing that changes the direction of the
// text around it, at most limit runes.
func clean(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(s) {
		if r == unicode.ReplacementChar || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) {
			continue
		}
		if n == limit {
			return strings.TrimSpace(b.String()) + "…"
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// Limits of texts that others chose, in runes.
const (
	nameLimit    = 64
	versionLimit = 24
	detailLimit  = 300
)
