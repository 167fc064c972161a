package ctl

import (
	"errors"
	"strings"

	"orrery/service/ipc"
)

// answer is what the service said instead of doing it, as the user should read
// it.
type answer struct{ of *ipc.Error }

// Error has the message, the advice, and the command that would do it.
func (a answer) Error() string {
	text := a.of.Message
	if a.of.Advice == "" {
		return text
	}
	text += "\n" + a.of.Advice
	if a.of.Command != "" {
		text += ":\n    " + a.of.Command
	}
	return text
}

// Unwrap returns the service's error.
func (a answer) Unwrap() error { return a.of }

// Repeat puts the command line that was refused, args, in place of the command
// that the service suggests. The service sees calls, and several commands make
// the same one: those that verify, name and block somebody, for instance.
func Repeat(err error, args []string) error {
	var said answer
	if !errors.As(err, &said) || said.of.Code != ipc.CodeForbidden || said.of.Command == "" {
		return err
	}
	line := "orreryctl"
	sudo := strings.HasPrefix(said.of.Command, "sudo ")
	if sudo {
		line = "sudo " + line
	}
	for _, arg := range args {
		switch {
		case isPlain(arg):
			line += " " + arg
		case !sudo || printable(arg) != arg:
			return err // another system's quotes, or what would move the cursor
		default:
			line += " '" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	own := *said.of
	own.Command = line
	return &Exit{Failed, answer{&own}}
}

// isPlain tells whether an argument needs no quotes.
func isPlain(arg string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+"
	return arg != "" && strings.Trim(arg, letters) == ""
}
