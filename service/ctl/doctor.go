package ctl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"orrery/service/diag"
	"orrery/service/ipc"
)

// Doctor examines the service and the machine, and prints what it found. It is a
// failure if something does not work; warnings are none. Without a service it
// looks at what it can see of the machine: home is the home directory that the
// service would have, port its UDP port.
func (t *Tool) Doctor(ctx context.Context, home string, port int, details bool) error {
	if err := t.needService(); err != nil {
		return err
	}
	x, err := t.Service.Examine(ctx)
	switch {
	case err == nil:
	case errors.Is(err, ipc.ErrNotRunning):
		x = &ipc.Examination{At: t.Now().UTC(), Findings: diag.Machine(lastWords(err), diag.Look(home, port), port, startCommand())}
	default:
		return explain(err)
	}
	if t.JSON {
		if err := t.showValue(x); err != nil {
			return err
		}
	} else {
		t.findings(x, details)
	}
	if x.Count(ipc.Broken) > 0 {
		return &Exit{Code: Failed}
	}
	return nil
}

// lastWords is what an error says, without a stop.
func lastWords(err error) string { return strings.TrimSuffix(err.Error(), ".") }

// doctorWidth is how wide sentences get, in characters.
const doctorWidth = 84

// findings prints an examination.
func (t *Tool) findings(x *ipc.Examination, details bool) {
	marks := map[ipc.Level]string{ipc.Fine: "ok", ipc.Unsure: "warning", ipc.Broken: "PROBLEM"}
	last := ""
	for i := range x.Findings {
		f := &x.Findings[i]
		area := f.Area
		if area == last {
			area = ""
		}
		last = f.Area
		text := wrap(printable(f.Text), doctorWidth)
		t.printf("%-8s %-10s %s\n", marks[f.Level], printable(area), text[0])
		t.indented(text[1:], "")
		if f.Advice != "" {
			advice := wrap(printable(f.Advice), doctorWidth-3)
			t.indented(advice[:1], "-> ")
			t.indented(advice[1:], "   ")
		}
		if details {
			for _, d := range f.Details {
				t.indented([]string{printable(d)}, "   ")
			}
		}
	}
	problems, warnings := x.Count(ipc.Broken), x.Count(ipc.Unsure)
	switch {
	case problems > 0:
		t.printf("\n%s, %s.\n", many(problems, "problem"), many(warnings, "warning"))
	case warnings > 0:
		t.printf("\nNo problem, %s.\n", many(warnings, "warning"))
	default:
		t.printf("\nAll is well.\n")
	}
}

func (t *Tool) indented(lines []string, prefix string) {
	for _, l := range lines {
		t.printf("%-8s %-10s %s%s\n", "", "", prefix, l)
	}
}

// wrap breaks a text into lines; there is at least one.
func wrap(s string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(s) {
		l := &lines[len(lines)-1]
		switch {
		case *l == "":
			*l = word
		case utf8.RuneCountInString(*l)+1+utf8.RuneCountInString(word) <= width:
			*l += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// many is a number of things in words.
func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
