package ctl

import (
	"context"
	"errors"
	"log/slog"

	"orrery/service/ipc"
)

// followFor is how long one question for more of the log waits, in seconds.
const followFor = 15

// Trace prints the last lines of the service's log, at least of a level, also
// those that the system's log does not have. With follow it goes on until ctx
// ends.
func (t *Tool) Trace(ctx context.Context, level string, follow bool) error {
	if err := t.needService(); err != nil {
		return err
	}
	var least slog.Level
	if least.UnmarshalText([]byte(level)) != nil {
		return usagef("--level %s: want debug, info, warn or error", clipArg(level))
	}
	after, wait := uint64(0), 0
	for {
		l, err := t.Service.Log(ctx, after, level, wait)
		switch {
		case err != nil && ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
			return nil // the user has seen enough
		case err != nil:
			return explain(err)
		}
		for i := range l.Lines {
			if err := t.logLine(&l.Lines[i]); err != nil {
				return err
			}
		}
		if !follow {
			return nil
		}
		after, wait = l.Last, followFor
	}
}

func (t *Tool) logLine(l *ipc.LogLine) error {
	if t.JSON {
		return t.showValue(l)
	}
	fields := l.Fields
	if fields != "" {
		fields = "  " + fields
	}
	t.printf("%s %-5s %s%s\n", l.At.Local().Format("2006-01-02 15:04:05.000"), printable(l.Level), printable(l.Text), printable(fields))
	return nil
}
