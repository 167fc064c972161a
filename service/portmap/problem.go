package portmap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// problem is why there is no mapping.
type problem struct {
	code Code
	text string
	// pause is how long the gateway wants to be left alone, 0 if it did not say.
	pause time.Duration
}

func (p *problem) Error() string { return p.text }

// noExternal is what a gateway means that has no external address. Some say so
// too when theirs is private.
const noExternal = "the gateway has no public IPv4 address: it is not connected, or behind another gateway"

// errLost is returned by a check that finds the mapping gone.
var errLost = errors.New("the gateway has lost the mapping")

func unanswered(format string, args ...any) error {
	return &problem{code: Unanswered, text: fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) error {
	return &problem{code: Refused, text: fmt.Sprintf(format, args...)}
}

func misbehaves(format string, args ...any) error {
	return &problem{code: Misbehaves, text: fmt.Sprintf(format, args...)}
}

// problemOf makes a problem of any error.
func problemOf(err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{code: Unanswered, text: "no answer in time"}
	}
	return &problem{code: Unanswered, text: readable(err.Error())}
}

// sentence is the problem for people.
func (p *problem) sentence() string { return sentence(p.text) }

// sentence makes one of an error's text.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// rank orders the codes by how much they tell about a gateway.
func (p *problem) rank() int {
	switch p.code {
	case NoNAT, DoubleNAT:
		return 4
	case NoExternal:
		return 3
	case Refused:
		return 2
	case Misbehaves:
		return 1
	default:
		return 0
	}
}

// readable makes text of a gateway fit to be shown: bounded, and nothing that
// does not print.
func readable(s string) string {
	const most = 160
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= most {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
