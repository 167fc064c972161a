package credential

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// MaxThresholds is how many thresholds of a network are worth keeping.
const MaxThresholds = 16384

// Threshold says that no credential of a kind, and of an ID unless it is a
// membership, of a member counts that is not newer than Until. It is what must be
// remembered of a revocation over a restart: what was revoked may be valid for
// hours yet (spec 04 §17.4).
type Threshold struct {
	Member identity.Address
	Until  clock.Wall
	// Type is TypeMembership, TypeCapability, TypeTag or TypeOwnership.
	Type Type
	// ID is that of the credential, 0 for a membership.
	ID uint32
}

// Thresholds appends what m must not forget of revocations: that of memberships,
// if there is one, before others.
func (m *Member) Thresholds(dst []Threshold) []Threshold {
	if m.threshold != 0 {
		dst = append(dst, Threshold{Member: m.Address, Until: m.threshold, Type: TypeMembership})
	}
	for _, r := range m.revoked {
		dst = append(dst, Threshold{Member: m.Address, Until: r.until, Type: r.kind, ID: r.id})
	}
	return dst
}

// Marked reports whether any revocation of m is remembered.
func (m *Member) Marked() bool { return m.threshold != 0 || len(m.revoked) > 0 }

// Restore takes a threshold kept from an earlier run, unless a higher one is held.
func (m *Member) Restore(t Threshold) {
	if t.Type == TypeMembership {
		m.threshold = max(m.threshold, t.Until)
	} else {
		m.revoke(t.Type, t.ID, t.Until)
	}
}

// AppendThresholds appends thresholds as text for a file: a line with address and
// milliseconds since 1970 for each, and where it is not one of memberships with
// kind and ID.
func AppendThresholds(dst []byte, list []Threshold) []byte {
	for _, t := range list {
		dst = append(dst, t.Member.String()...)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, int64(t.Until), 10)
		if t.Type != TypeMembership {
			dst = fmt.Appendf(dst, " %s %d", t.Type, t.ID)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// ParseThresholds reads what [AppendThresholds] wrote. It returns every line that
// can be read, at most limit, also with an error about the others.
func ParseThresholds(text []byte, limit int) (list []Threshold, err error) {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		t, ok := parseThreshold(strings.Split(line, " "))
		if !ok {
			err = errors.Join(err, fmt.Errorf("line %d: %w", n, ErrFormat))
			if n > limit {
				return list, err
			}
			continue
		}
		if len(list) == limit {
			return list, errors.Join(err, fmt.Errorf("more than %d lines: %w", limit, ErrFormat))
		}
		list = append(list, t)
	}
	return list, err
}

// parseThreshold reads the words of a line.
func parseThreshold(word []string) (t Threshold, ok bool) {
	if len(word) != 2 && len(word) != 4 {
		return t, false
	}
	a, errAddress := identity.ParseAddress(word[0])
	ms, errUntil := strconv.ParseInt(word[1], 10, 64)
	if errAddress != nil || errUntil != nil || a.Reserved() || ms <= 0 {
		return t, false
	}
	t = Threshold{Member: a, Until: clock.Wall(ms), Type: TypeMembership}
	if len(word) == 2 {
		return t, true
	}
	for _, t.Type = range [...]Type{TypeCapability, TypeTag, TypeOwnership} {
		if t.Type.String() == word[2] {
			id, err := strconv.ParseUint(word[3], 10, 32)
			t.ID = uint32(id)
			return t, err == nil
		}
	}
	return t, false
}
