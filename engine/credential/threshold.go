package credential

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Threshold says that no membership of a member counts that is not newer than
// Until. It is what must be remembered of a revocation over a restart: the
// certificate that was revoked may be valid for hours yet (spec 04 §17.4).
type Threshold struct {
	Member identity.Address
	Until  clock.Wall
}

// AppendThresholds appends thresholds as text for a file: a line with address and
// milliseconds since 1970 for each.
func AppendThresholds(dst []byte, list []Threshold) []byte {
	for _, t := range list {
		dst = append(dst, t.Member.String()...)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, int64(t.Until), 10)
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
		address, until, _ := strings.Cut(line, " ")
		a, errAddress := identity.ParseAddress(address)
		ms, errUntil := strconv.ParseInt(until, 10, 64)
		if errAddress != nil || errUntil != nil || a.Reserved() || ms <= 0 {
			err = errors.Join(err, fmt.Errorf("line %d: %w", n, ErrFormat))
			if n > limit {
				return list, err
			}
			continue
		}
		if len(list) == limit {
			return list, errors.Join(err, fmt.Errorf("more than %d lines: %w", limit, ErrFormat))
		}
		list = append(list, Threshold{a, clock.Wall(ms)})
	}
	return list, err
}
