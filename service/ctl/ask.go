package ctl

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// confirm asks a person for yes or no. Where there is none it is a usage error
// that names the flag with which one agrees beforehand.
func (t *Tool) confirm(question, flag string) (bool, error) {
	if !t.Interactive {
		return false, usagef("%s Say so with %s", question, flag)
	}
	t.printf("%s [y/N] ", question)
	line, err := bufio.NewReader(io.LimitReader(t.In, 256)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, failf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// columns prints rows in aligned columns.
func (t *Tool) columns(rows [][]string) {
	w := tabwriter.NewWriter(t.Out, 0, 8, 2, ' ', 0)
	for _, r := range rows {
		for i := range r {
			if r[i] = printable(r[i]); r[i] == "" {
				r[i] = "-"
			}
			if !utf8.ValidString(r[i]) {
				r[i] = strings.ToValidUTF8(r[i], "?")
			}
		}
		_, _ = io.WriteString(w, strings.Join(r, "\t")+"\n")
	}
	_ = w.Flush() // if Out cannot be written to nobody can be told
}
